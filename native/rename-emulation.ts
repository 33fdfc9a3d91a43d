import { randomBytes } from 'node:crypto';
import { splitPath } from './relative-path.ts';
import type { NodeStat, RenameMode, SafeRoot } from './safe-root.ts';
import { codeOf, systemError } from './system-error.ts';

/** Beginning of the temporary names; the one that every observation hides. */
const TEMPORARY_PREFIX = '.ferry-tmp-';

/** What the emulation is made of; `renameOver` is rename(2). */
export type RenamePrimitives = Pick<
  SafeRoot,
  'stat' | 'hardLink' | 'removeFile' | 'removeDirectory' | 'makeDirectory'
> & { renameOver(from: string, to: string): Promise<void> };

function temporaryBeside(path: string): string {
  const name = TEMPORARY_PREFIX + randomBytes(9).toString('base64url');
  const [directory] = splitPath(path);
  return directory === '' ? name : `${directory}/${name}`;
}

async function existing(root: RenamePrimitives, path: string): Promise<NodeStat> {
  const stat = await root.stat(path);
  if (!stat) throw systemError('ENOENT', 'rename', path);
  return stat;
}

function isSame(one: NodeStat | null, other: NodeStat | null): boolean {
  return one !== null && other !== null && one.ino === other.ino && one.dev === other.dev;
}

/** A rename onto an empty directory is atomic, and fails when something was put into it meanwhile. */
async function moveDirectory(root: RenamePrimitives, from: string, to: string): Promise<void> {
  await root.makeDirectory(to, 0o700);
  try {
    await root.renameOver(from, to);
  } catch (error) {
    await root.removeDirectory(to).catch(() => undefined); // no longer empty: then it is another's by now
    throw error;
  }
}

/**
 * The new name is a second link, so nothing can be overwritten. The old one is taken aside before it is removed: if
 * another file was saved under it meanwhile, that one goes back and the rename has not happened.
 */
async function moveFile(root: RenamePrimitives, from: string, to: string): Promise<void> {
  await root.hardLink(from, to);
  const moved = await root.stat(to);
  const aside = temporaryBeside(from);
  await root.renameOver(from, aside);
  if (isSame(await root.stat(aside), moved)) return root.removeFile(aside);
  await root.hardLink(aside, from);
  await root.removeFile(aside);
  if (isSame(await root.stat(to), moved)) await root.removeFile(to);
  throw systemError('EBUSY', 'rename', from);
}

/**
 * The displaced file gets a second name before the other takes its place, so that it is never without a name and a
 * crash at any point leaves both. What another program renames onto `to` between those two steps is lost: only the
 * kernel's own exchange closes that window.
 */
async function exchangeFiles(root: RenamePrimitives, from: string, to: string): Promise<void> {
  const aside = temporaryBeside(from);
  await root.hardLink(to, aside);
  try {
    await root.renameOver(from, to);
  } catch (error) {
    await root.removeFile(aside);
    throw error;
  }
  await root.renameOver(aside, from);
}

async function exchangeAny(root: RenamePrimitives, from: string, to: string): Promise<void> {
  const aside = temporaryBeside(from);
  await root.renameOver(to, aside);
  try {
    await root.renameOver(from, to);
  } catch (error) {
    await root.renameOver(aside, to);
    throw error;
  }
  await root.renameOver(aside, from);
}

/** Does what renameat2 does, where the kernel or the file system cannot. */
export async function emulateRename(
  root: RenamePrimitives,
  from: string,
  to: string,
  mode: RenameMode,
): Promise<void> {
  if (mode === 'replace') return root.renameOver(from, to);
  const source = await existing(root, from);
  if (mode === 'no-replace') {
    if (await root.stat(to)) throw systemError('EEXIST', 'rename', to);
    return source.kind === 'directory' ? moveDirectory(root, from, to) : moveFile(root, from, to);
  }
  const target = await existing(root, to);
  if (isSame(source, target)) return;
  const isPlain = source.kind !== 'directory' && target.kind !== 'directory';
  return isPlain ? exchangeFiles(root, from, to) : exchangeAny(root, from, to);
}

/** Tells whether renameat2 failed only because it is not there. */
export function lacksRenameModes(error: unknown): boolean {
  return ['EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP'].includes(codeOf(error) ?? '');
}
