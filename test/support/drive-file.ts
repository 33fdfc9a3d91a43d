import type { DriveFile } from '../../fs-adapter/cache/drive-tree.ts';

/** Returns a file as a drive's tree shows it, all of it here and as the other side has it, unless `given` says otherwise. */
export function driveFile(
  given: Pick<DriveFile, 'id' | 'name' | 'sizeBytes'> & Partial<DriveFile>,
): DriveFile {
  return {
    kind: 'file',
    parentId: 1,
    isNameValid: true,
    mode: 0o644,
    mtimeNs: 0n,
    identity: given.id,
    counter: 1,
    isPinned: false,
    isPlaced: true,
    state: 'hydrated',
    source: null,
    hash: null,
    backing: given.id,
    storedBytes: given.sizeBytes,
    handles: 0,
    writers: 0,
    closed: null,
    usedAtMs: 0,
    ...given,
  };
}
