import type { Subject } from 'rxjs';
import { parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Metadata } from '../../core/ports.ts';
import type { MemoryTree } from './memory-tree.ts';

/** The tree of a MemoryReplica as someone else edits it: no preconditions, parents are made. */
export interface MemoryOutside {
  write(path: SyncPath, content: Uint8Array, metadata?: Metadata): void;
  makeDirectory(path: SyncPath): void;
  makeLink(path: SyncPath, target: string): void;
  read(path: SyncPath): Uint8Array | null;
  /** What a link points to; null when it is none. */
  target(path: SyncPath): string | null;
  /** Names in a directory, hidden ones included. */
  list(path: SyncPath): readonly string[];
  /** Every path in the tree, parents first. */
  paths(): readonly SyncPath[];
  /** Removes what is at the path and all below it. */
  remove(path: SyncPath): void;
  /** Renames over what is there. */
  move(from: SyncPath, to: SyncPath): void;
}

/** Returns the tree as someone else edits it; `changes` hears of each edit. */
export function outsideOf(
  tree: MemoryTree,
  changes: Subject<SyncPath>,
  now: () => bigint,
): MemoryOutside {
  const makeDirectory = (path: SyncPath): void => {
    if (path === '' || tree.get(path)?.kind === 'directory') return;
    makeDirectory(parentPath(path));
    tree.set(path, { kind: 'directory' });
    changes.next(path);
  };
  const remove = (path: SyncPath): void => {
    for (const node of tree.below(path)) tree.delete(node.path);
    changes.next(path);
  };
  return {
    makeDirectory,
    remove,
    write(path, content, metadata = {}) {
      makeDirectory(parentPath(path));
      const before = tree.get(path);
      const id = before?.kind === 'file' ? { id: before.id } : {};
      const { mtimeNs = now(), mode = 0o644 } = metadata;
      tree.set(path, { kind: 'file', ...id, content: Uint8Array.from(content), mtimeNs, mode });
      changes.next(path);
    },
    makeLink(path, target) {
      makeDirectory(parentPath(path));
      tree.set(path, { kind: 'symlink', target });
      changes.next(path);
    },
    read(path) {
      const node = tree.get(path);
      return node?.kind === 'file' ? node.content : null;
    },
    target(path) {
      const node = tree.get(path);
      return node?.kind === 'symlink' ? node.target : null;
    },
    list: (path) => tree.names(path),
    paths: () => tree.below('' as SyncPath).map((node) => node.path),
    move(from, to) {
      if (from !== to) remove(to);
      makeDirectory(parentPath(to));
      tree.rename(from, to);
      changes.next(from);
      changes.next(to);
    },
  };
}
