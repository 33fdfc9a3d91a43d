import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';

/** So many entries are looked at before others have their turn. */
const AT_ONCE = 2_000;

/** Yields a file itself, or all files below a directory as they are met, without keeping others waiting for long. */
export async function* filesBelow(
  tree: Pick<DriveTree, 'children' | 'entry'>,
  start: DriveEntry,
): AsyncGenerator<DriveFile, void, undefined> {
  const waiting = [start.id];
  let looked = 0;
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const entry = tree.entry(id);
    if (entry?.kind === 'file') yield entry;
    if (entry?.kind !== 'directory') continue;
    for (const child of tree.children(id)) {
      if (child.kind === 'directory') waiting.push(child.id);
      else if (child.kind === 'file') yield child;
      looked += 1;
      if (looked % AT_ONCE === 0) await nextTurn();
    }
  }
}

/** Yields the files below each of several entries, one after the other. */
export async function* filesBelowAll(
  tree: Pick<DriveTree, 'children' | 'entry'>,
  starts: readonly DriveEntry[],
): AsyncGenerator<DriveFile, void, undefined> {
  for (const start of starts) yield* filesBelow(tree, start);
}
