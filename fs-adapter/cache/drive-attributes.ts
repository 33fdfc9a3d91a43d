import type { DriveEntry, DriveFile, FileMark } from './drive-tree.ts';

/** All extended attributes whose names begin so are the drive's own. */
export const OWN_ATTRIBUTES = 'user.ferry.';
export const PIN_ATTRIBUTE = 'user.ferry.pin';
const STATE_ATTRIBUTE = 'user.ferry.state';
const PROGRESS_ATTRIBUTE = 'user.ferry.progress';

/** What the extended attributes of an entry are made from; `isPinned`: it or what it is in. */
export interface AttributedEntry {
  readonly entry: DriveEntry;
  readonly mark: FileMark | null;
  readonly isPinned: boolean;
}

/** Returns an extended attribute; null: the entry has none of that name. */
export function attributeValue(
  { entry, mark, isPinned }: AttributedEntry,
  name: string,
): string | null {
  if (name === PIN_ATTRIBUTE) return isPinned ? '1' : null;
  if (entry.kind !== 'file') return null;
  if (name === STATE_ATTRIBUTE) return stateOf(entry, mark);
  return name === PROGRESS_ATTRIBUTE ? String(progressOf(entry)) : null;
}

function stateOf({ state, storedBytes }: DriveFile, mark: FileMark | null): string {
  if (mark === 'conflict') return 'conflict';
  if (state === 'dirty') return mark === 'uploading' ? 'uploading' : 'dirty';
  if (state === 'hydrated') return 'local';
  return storedBytes > 0 ? 'partial' : 'online';
}

function progressOf({ state, storedBytes, sizeBytes }: DriveFile): number {
  return state === 'placeholder' ? Math.floor((storedBytes * 100) / Math.max(1, sizeBytes)) : 100;
}
