import type { DirectoryNode, DriveNode, FileNode } from './drive-node.ts';
import { PosixError } from './posix-error.ts';

/** Refuses what rename(2) refuses; `target` is what has the new name now. @throws PosixError */
export function mustFit(
  source: DriveNode,
  parent: DirectoryNode,
  target: DriveNode | undefined,
  to: string,
): void {
  for (let at: DirectoryNode | null = parent; at !== null; at = at.parent)
    if (at === source) throw new PosixError('EINVAL', 'a directory cannot be moved into itself');
  if (target === undefined) return;
  if (source.kind !== 'directory' && target.kind === 'directory')
    throw new PosixError('EISDIR', `${to} is a directory`);
  if (source.kind === 'directory' && target.kind !== 'directory')
    throw new PosixError('ENOTDIR', `${to} is no directory`);
  if (target.kind === 'directory' && target.children.size > 0)
    throw new PosixError('ENOTEMPTY', `${to} is not empty`);
}

/** Lets a file that was never synced continue the one it replaces: an editor's safe save is an edit, not a new file. */
export function inherit(source: FileNode, replaced: FileNode): void {
  if (source.source !== null || replaced.source === null) return;
  source.identity = replaced.identity;
  source.source = replaced.source;
}
