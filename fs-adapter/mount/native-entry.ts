import { type DriveRow, decodeRow, type FileRow, rowLengthAt } from '../cache/drive-row.ts';
import type { ClosedFile, DriveEntry, DriveFile } from '../cache/drive-tree.ts';

/** What only the running drive knows of an entry, behind its row (PutPresence in row.cc). */
const PRESENCE_BYTES = 64;
const AT = {
  storedBytes: 0,
  isInTree: 8,
  closed: 9,
  handles: 16,
  writers: 20,
  closedCounter: 24,
  closedSize: 32,
  closedMtime: 40,
  usedAt: 48,
  generation: 56,
} as const;
const CLOSED_EARLIER = 1;
const NEVER_CLOSED = 2;
const NS_PER_MS = 1_000_000n;

/** An entry as the addon shows it, with the generation of its content. */
export interface NativeEntry {
  readonly entry: DriveEntry;
  readonly generation: number;
}

/** Reads the entry that begins at `at`. */
export function nativeEntryAt(shown: Buffer, at = 0): NativeEntry {
  const presence = at + rowLengthAt(shown, at);
  const generation = numberAt(shown, presence + AT.generation);
  const { row, parentId } = decodeRow(shown, at);
  const shownParentId = shown[presence + AT.isInTree] === 1 && parentId !== 0 ? parentId : null;
  if (row.kind === 'file')
    return { entry: fileOf(row, shownParentId, shown, presence), generation };
  const base = baseOf(row, shownParentId);
  if (row.kind === 'symlink')
    return { entry: Object.assign(base, { kind: row.kind, target: row.target }), generation };
  return { entry: Object.assign(base, { kind: row.kind }), generation };
}

function baseOf(row: DriveRow, parentId: number | null) {
  return {
    id: row.id,
    parentId,
    name: row.name,
    isNameValid: row.nameBytes === null,
    mode: row.mode,
    mtimeNs: row.mtimeNs,
    identity: row.identity,
    counter: row.counter,
    isPinned: row.isPinned,
    isPlaced: row.isPlaced,
  };
}

/** One literal, as there are very many files: adding to the base takes half as long again, spreading it ten times. */
function fileOf(row: FileRow, parentId: number | null, shown: Buffer, presence: number): DriveFile {
  return {
    id: row.id,
    parentId,
    name: row.name,
    isNameValid: row.nameBytes === null,
    mode: row.mode,
    mtimeNs: row.mtimeNs,
    identity: row.identity,
    counter: row.counter,
    isPinned: row.isPinned,
    isPlaced: row.isPlaced,
    kind: 'file',
    sizeBytes: row.sizeBytes,
    state: row.state,
    source: row.source,
    hash: row.hash,
    backing: row.backing,
    storedBytes: numberAt(shown, presence + AT.storedBytes),
    handles: shown.readUInt32LE(presence + AT.handles),
    writers: shown.readUInt32LE(presence + AT.writers),
    closed: closedAt(shown, presence),
    usedAtMs: Number(shown.readBigInt64LE(presence + AT.usedAt) / NS_PER_MS),
  };
}

/** Yields the entries that lie one behind another. */
export function* nativeEntriesIn(shown: Buffer): Iterable<DriveEntry> {
  for (let at = 0; at < shown.length; at += rowLengthAt(shown, at) + PRESENCE_BYTES)
    yield nativeEntryAt(shown, at).entry;
}

function closedAt(shown: Buffer, presence: number): ClosedFile | null {
  const closed = shown[presence + AT.closed];
  if (closed === NEVER_CLOSED) return 'never';
  if (closed !== CLOSED_EARLIER) return null;
  return {
    counter: numberAt(shown, presence + AT.closedCounter),
    sizeBytes: numberAt(shown, presence + AT.closedSize),
    mtimeNs: shown.readBigInt64LE(presence + AT.closedMtime),
  };
}

function numberAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
