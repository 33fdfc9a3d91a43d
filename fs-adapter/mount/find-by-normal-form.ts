import type { SyncPath } from '../../core/model/path.ts';
import type { DriveEntry, DriveTree } from '../cache/drive-tree.ts';

/** Finds an entry whose names are stored in another normal form than the path's; each directory on the way is listed. */
export function findByNormalForm(
  tree: Pick<DriveTree, 'find' | 'children'>,
  path: SyncPath,
): DriveEntry | null {
  // What has no other form was found if it is there.
  if (/^[\0-\x7f]*$/.test(path)) return null;
  let entry = tree.find('' as SyncPath);
  for (const name of path.split('/')) {
    if (entry?.kind !== 'directory') return null;
    const children = tree.children(entry.id);
    entry =
      children.find((child) => child.name === name) ??
      children.find((child) => child.isNameValid && child.name.normalize('NFC') === name) ??
      null;
  }
  return entry;
}
