import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ContentHash } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { ReadRequest, ReadResult } from '../../core/ports.ts';
import { forEachLimited } from '../../core/transfer/pool.ts';
import { codeOf, hashEach, openSafeRoot } from '../../native/index.ts';
import { backingError } from './backing-error.ts';
import type { DriveTree, FillTarget } from './drive-tree.ts';
import { makeDurable } from './finish-fill.ts';

/** Reads whole small files in one request; null: the other side cannot. */
export type FetchGroup = (
  requests: readonly ReadRequest[],
  signal: AbortSignal,
) => Promise<readonly ReadResult[] | null>;

export interface GroupOptions {
  readonly tree: Pick<DriveTree, 'pathOf' | 'fillTarget' | 'filled' | 'completed'>;
  readonly fetchGroup: FetchGroup;
  /** Lets nobody else fill a file until what is returned is called; null: somebody does already. */
  readonly claim: (id: number) => (() => void) | null;
  /** Called when a file is here, though not durable yet. */
  readonly onFilled: (id: number) => void;
  readonly signal: AbortSignal;
}

const WRITTEN_AT_ONCE = 16;
const FLUSHED_SINGLY = 8;

interface Wanted extends ReadRequest {
  readonly target: FillTarget;
}

/**
 * Fetches whole small placeholders in one request, and returns why some are not here; null: the other side gives no
 * groups, and nothing was done. What somebody else fills by then, or has filled, is left alone (LOCAL_BUSY): a program
 * may have written to it since.
 * @throws what `fetchGroup` throws, ABORTED
 */
export async function fillGroup(
  ids: readonly number[],
  options: GroupOptions,
): Promise<ReadonlyMap<number, FerryError> | null> {
  const { tree, fetchGroup, claim, onFilled, signal } = options;
  const wanted = ids.flatMap((id) => wantedOf(tree, id));
  const results = wanted.length === 0 ? [] : await fetchGroup(wanted, signal);
  if (results === null) return null;
  throwIfAborted(signal);
  const failures = new Map<number, FerryError>();
  const written: Written[] = [];
  const releases: (() => void)[] = [];
  const pairs = wanted.map((one, index) => ({ one, result: results[index] }));
  try {
    await forEachLimited(pairs, WRITTEN_AT_ONCE, async ({ one, result }) => {
      const { path, target } = one;
      try {
        releases.push(claimed(one, tree, claim));
        written.push(await write(one, result));
        // Who reads need not wait until all of them are durable.
        tree.filled(target.id, target.generation, { offset: 0, length: target.sizeBytes });
        onFilled(target.id);
      } catch (error) {
        failures.set(target.id, toFerryError(backingError(error, path), path));
      }
    });
    await makeAllDurable(written);
    for (const { target, stampNs } of written)
      tree.completed(target.id, target.generation, stampNs);
    return failures;
  } finally {
    for (const release of releases) release();
  }
}

/** @throws LOCAL_BUSY when the file is not, or not only, this group's to fill any more */
function claimed(
  { path, target }: Wanted,
  tree: GroupOptions['tree'],
  claim: GroupOptions['claim'],
): () => void {
  const isStill = tree.fillTarget(target.id)?.generation === target.generation;
  const release = isStill ? claim(target.id) : null;
  if (release !== null) return release;
  throw new FerryError('LOCAL_BUSY', `${path}: it was fetched otherwise meanwhile`, { path });
}

interface Written {
  readonly target: FillTarget;
  readonly stampNs: bigint;
}

function wantedOf(tree: GroupOptions['tree'], id: number): readonly Wanted[] {
  const path = tree.pathOf(id);
  const target = path === null ? null : tree.fillTarget(id);
  if (path === null || target === null || target.source === null) return [];
  return [{ path, expected: target.source, sizeBytes: target.sizeBytes, target }];
}

/** Writes what came. */
async function write({ path, target }: Wanted, result: ReadResult | undefined): Promise<Written> {
  if (result === undefined || 'error' in result)
    throw result?.error ?? new FerryError('REMOTE_PROTOCOL', `${path}: no answer came`, { path });
  const { content } = result;
  await prove(path, target, content, result.hash);
  const file = await open(target.backingPath, 'r+');
  try {
    await file.writeFile(content);
    const { mtimeNs } = await file.stat({ bigint: true });
    return { target, stampNs: mtimeNs };
  } finally {
    await file.close();
  }
}

/** One flush of the file system is much less than one for each file, except for a few. */
async function makeAllDurable(written: readonly Written[]): Promise<void> {
  const [first] = written;
  if (first === undefined) return;
  if (written.length > FLUSHED_SINGLY) {
    const root = await openSafeRoot(dirname(first.target.backingPath));
    try {
      await root.syncFileSystem();
      return;
    } catch (error) {
      if (codeOf(error) !== 'ENOSYS') throw error;
    } finally {
      await root.close();
    }
  }
  await forEachLimited(written, WRITTEN_AT_ONCE, async ({ target }) => {
    await makeDurable(target);
  });
}

async function prove(
  path: SyncPath,
  target: FillTarget,
  content: Uint8Array,
  hash: ContentHash | undefined,
): Promise<void> {
  const isOfSize = content.length === target.sizeBytes;
  const found = target.hash === null ? null : (hash ?? (await hashEach([content]))[0]);
  if (isOfSize && found === target.hash) return;
  throw new FerryError('REMOTE_PROTOCOL', `${path}: what came is not the content announced`, {
    path,
  });
}
