import { conflictCopyName } from '../../core/model/conflict-name.ts';
import type { NodeStat, SafeRoot } from '../../native/safe-root.ts';
import { isSameContent } from '../etag.ts';
import { childOf, parentOf, type ResourcePath } from '../request-path.ts';
import type { Stage } from './stage.ts';

/** Tells whether `found` is what a request decided on: this file in this state, or this directory. */
export function isAsExpected(found: NodeStat | null, expected: NodeStat): boolean {
  if (found === null) return false;
  return expected.kind === 'directory'
    ? found.ino === expected.ino && found.dev === expected.dev
    : isSameContent(found, expected);
}

/**
 * Puts the staged file or directory in the place of `path`, and what was there into the stage: in one step, so that
 * no reader ever finds the name missing. When that was not `expected`, another program changed it after the request
 * was decided: all is put back, and false returned.
 */
export async function swapExpected(
  root: SafeRoot,
  staged: string,
  path: ResourcePath,
  expected: NodeStat,
): Promise<boolean> {
  const own = await root.stat(staged);
  if (own === null) throw Object.assign(new Error('nothing is staged'), { code: 'ENOENT' });
  await root.rename(staged, path, 'exchange');
  if (isAsExpected(await root.stat(staged), expected)) return true;
  await root.rename(staged, path, 'exchange');
  const returned = await root.stat(staged);
  // A program wrote once more between the two swaps: what came back is its file, and must not go with the stage.
  if (returned !== null && !isAsExpected(returned, own)) await keepBeside(root, staged, path);
  return false;
}

/** Puts the staged file in the place of whatever file is at `path`; false, and all as before, when that is a directory. */
export async function swapFile(
  root: SafeRoot,
  staged: string,
  path: ResourcePath,
): Promise<boolean> {
  await root.rename(staged, path, 'exchange');
  const displaced = await root.stat(staged);
  if (displaced?.kind !== 'directory') return true;
  await root.rename(staged, path, 'exchange');
  return false;
}

/**
 * Takes the file away from `path` and then looks at what it took, so that no edit slips in between. Returns where it is
 * in the stage; null, and all as before, when that is not what was meant.
 */
export async function takeMeant(
  root: SafeRoot,
  stage: Pick<Stage, 'freshPath'>,
  path: ResourcePath,
  isMeant: (found: NodeStat | null) => boolean,
): Promise<string | null> {
  const taken = stage.freshPath();
  await root.rename(path, taken, 'no-replace');
  if (isMeant(await root.stat(taken))) return taken;
  await root.rename(taken, path, 'no-replace');
  return null;
}

async function keepBeside(root: SafeRoot, staged: string, path: ResourcePath): Promise<void> {
  const parent = parentOf(path);
  const taken = new Set((await root.list(parent)).map(({ name }) => name));
  const name = conflictCopyName(path.slice(parent === '' ? 0 : parent.length + 1), {
    device: 'server',
    timestamp: new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '-'),
    isTaken: (candidate) => taken.has(candidate),
  });
  await root.rename(staged, childOf(parent, name), 'no-replace');
}
