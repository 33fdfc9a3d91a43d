import type { ContentHash, Entry, EntryKind, Side, Version } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';

/** What one side showed of the node when it was recorded. */
export interface RecordedSide {
  readonly version: Version;
  readonly identity?: string;
  readonly mtimeNs?: bigint;
  readonly mode?: number;
}

/** One node that both sides agreed on: a row of the base tree. Ids are positive; the root is 0 and has no row. */
export interface PairRecord {
  readonly id: number;
  readonly parentId: number;
  readonly name: string;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Absent while nobody has read the content (placeholders, trusted times). */
  readonly hash?: ContentHash;
  /** Of a symlink. */
  readonly target?: string;
  readonly local: RecordedSide;
  readonly remote: RecordedSide;
}

/** Returns what a record keeps of `entry`. */
export function recordedSide(entry: Entry): RecordedSide {
  return {
    version: entry.version,
    ...(entry.identity === undefined ? {} : { identity: entry.identity }),
    ...(entry.kind !== 'file' || entry.mtimeNs === undefined ? {} : { mtimeNs: entry.mtimeNs }),
    ...(entry.kind === 'symlink' || entry.mode === undefined ? {} : { mode: entry.mode }),
  };
}

/** Returns what `side` holds of a recorded node, at `path`, when it holds what was recorded. */
export function entryFromRecord(record: PairRecord, side: Side, path: SyncPath): Entry {
  const { version, identity, mtimeNs, mode } = record[side];
  const common = { path, version, ...(identity === undefined ? {} : { identity }) };
  if (record.kind === 'symlink') return { ...common, kind: 'symlink', target: record.target ?? '' };
  const withMode = mode === undefined ? {} : { mode };
  if (record.kind === 'directory') return { ...common, ...withMode, kind: 'directory' };
  return {
    ...common,
    ...withMode,
    kind: 'file',
    sizeBytes: record.sizeBytes,
    ...(mtimeNs === undefined ? {} : { mtimeNs }),
  };
}

/** Token of a recorded content; one that nobody has read is equal only to itself. */
export function baseToken(record: PairRecord): string {
  if (record.kind === 'directory') return '';
  if (record.kind === 'symlink') return `link:${record.target ?? ''}`;
  return record.hash ?? `record:${record.id}`;
}

const KINDS: readonly EntryKind[] = ['file', 'directory', 'symlink'];
const NODE_PREFIX = 'n!';

/** Beginning of the keys of all records. */
export const RECORD_PREFIX = NODE_PREFIX;

/** Returns the key of a record: parent id (11 base-36 digits) and name, so that one directory's rows are together. */
export function recordKey(parentId: number, name: string): string {
  return `${NODE_PREFIX}${parentId.toString(36).padStart(11, '0')}!${name}`;
}

/** Beginning of the keys of the records in one directory. */
export function recordsOfDirectory(id: number): string {
  return recordKey(id, '');
}

type EncodedSide = [string, string | 0, string | 0, number];

function encodeSide(side: RecordedSide): EncodedSide {
  return [side.version, side.identity ?? 0, side.mtimeNs?.toString(16) ?? 0, side.mode ?? -1];
}

function parseHex(text: string): bigint {
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function decodeSide([version, identity, mtimeNs, mode]: EncodedSide): RecordedSide {
  return {
    version: version as Version,
    ...(identity === 0 ? {} : { identity }),
    ...(mtimeNs === 0 ? {} : { mtimeNs: parseHex(mtimeNs) }),
    ...(mode < 0 ? {} : { mode }),
  };
}

/** Returns the row's value: a JSON array, short because a tree of a million files has a million of them. */
export function encodeRecord(record: PairRecord): string {
  return JSON.stringify([
    record.id,
    KINDS.indexOf(record.kind),
    record.sizeBytes,
    record.hash ?? 0,
    record.target ?? 0,
    encodeSide(record.local),
    encodeSide(record.remote),
  ]);
}

/** Returns the record in a row. @throws RECORD_CORRUPT when the row is not one */
export function decodeRecord(key: string, value: string): PairRecord {
  try {
    const parentId = Number.parseInt(key.slice(NODE_PREFIX.length, NODE_PREFIX.length + 11), 36);
    const name = key.slice(NODE_PREFIX.length + 12);
    const [id, kind, sizeBytes, hash, target, local, remote] = JSON.parse(value);
    if (!Number.isSafeInteger(id) || !Number.isSafeInteger(parentId) || !KINDS[kind])
      throw new Error('fields out of range');
    return {
      id,
      parentId,
      name,
      kind: KINDS[kind],
      sizeBytes,
      ...(hash === 0 ? {} : { hash }),
      ...(target === 0 ? {} : { target }),
      local: decodeSide(local),
      remote: decodeSide(remote),
    };
  } catch (error) {
    throw new FerryError('RECORD_CORRUPT', `unreadable sync record ${JSON.stringify(key)}`, {
      cause: error,
    });
  }
}
