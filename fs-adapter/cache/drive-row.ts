import { crc32 } from 'node:zlib';
import type { ContentHash, Version } from '../../core/model/entry.ts';

/**
 * Where a file's content is. `placeholder`: on the other side, here in parts at most. `hydrated`: here, and the same
 * as the other side's. `dirty`: here, changed, and not known to be on the other side yet; never dropped.
 */
export type NodeState = 'placeholder' | 'hydrated' | 'dirty';

interface RowBase {
  /** Never reused, also not after a restart; the inode number. */
  readonly id: number;
  /** U+FFFD stands for bytes that are not UTF-8. */
  name: string;
  /** The name's bytes where they are not UTF-8. */
  nameBytes: Buffer | null;
  /** Permission bits, 07777. */
  mode: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  atimeNs: bigint;
  /** What the engine follows moves by; a safe save gives the new file the identity of the one it replaces. */
  identity: number;
  /** Grows with each change of content, time or mode. */
  counter: number;
  isPinned: boolean;
  /** Sync has put it at this place, or has taken it up from here. */
  isPlaced: boolean;
  /** The extended attributes that programs keep on it, packed (kept-attributes.ts); null: none. */
  attributes: Buffer | null;
}

export interface FileRow extends RowBase {
  readonly kind: 'file';
  sizeBytes: number;
  state: NodeState;
  /** The other side's version that a placeholder is filled from; null: never been there. */
  source: Version | null;
  hash: ContentHash | null;
  /** Number of the backing file; null: none of the content is here, or it is empty. */
  backing: number | null;
  /** The backing file's own mtime when it was last known to be in step with the row. */
  stampNs: bigint | null;
  /** Of a placeholder: one bit for each block of its content, set where it is here; null: none is. */
  map: Uint8Array | null;
}

export interface DirectoryRow extends RowBase {
  readonly kind: 'directory';
}

export interface LinkRow extends RowBase {
  readonly kind: 'symlink';
  readonly target: string;
}

export interface SpecialRow extends RowBase {
  readonly kind: 'special';
  /** The bits of S_IFMT: which kind of special file. */
  readonly format: number;
  readonly rdev: number;
}

/** What is kept of one entry, in the store, in the log and between the addon and JavaScript. */
export type DriveRow = FileRow | DirectoryRow | LinkRow | SpecialRow;

/** A row as it was read, and the id of the directory that it is in; 0: the root itself. */
export interface PlacedRow {
  readonly row: DriveRow;
  readonly parentId: number;
}

const KINDS = ['directory', 'file', 'symlink', 'special'] as const;
const STATES = ['placeholder', 'hydrated', 'dirty'] as const;
const REMOVED_KIND = 255;
const REMOVED_BYTES = 24;
const HASH_BYTES = 32;
const PINNED = 1;
const PLACED = 2;
const HAS_HASH = 4;
const HAS_SOURCE = 8;
const HAS_ATTRIBUTES = 16;
const UNKNOWN_STAMP = -1n;
const HIGH = 2 ** 32;
const NOTHING = Buffer.alloc(0);

/** Where each field begins; little endian. docs/drive.md describes the format. */
const AT = {
  length: 0,
  kind: 4,
  state: 5,
  flags: 6,
  mode: 8,
  nameLength: 10,
  rdev: 12,
  id: 16,
  parent: 24,
  identity: 32,
  counter: 40,
  mtime: 48,
  ctime: 56,
  atime: 64,
  size: 72,
  backing: 80,
  stamp: 88,
  sourceLength: 96,
  targetLength: 100,
  mapLength: 104,
  format: 108,
  name: 112,
} as const;

/** Returns the packed row of an entry in the directory `parentId`. */
export function encodeRow(row: DriveRow, parentId: number): Buffer {
  const file = row.kind === 'file' ? row : null;
  const name = row.nameBytes ?? row.name;
  const nameLength = lengthOf(name);
  const source = file?.source ?? '';
  const sourceLength = lengthOf(source);
  const target = row.kind === 'symlink' ? row.target : '';
  const targetLength = lengthOf(target);
  const hash = hashOf(row);
  const map = file?.map ?? NOTHING;
  const attributesAt =
    AT.name + nameLength + hash.length / 2 + sourceLength + targetLength + map.length;
  const length = attributesAt + (row.attributes === null ? 0 : 4 + row.attributes.length);
  const bytes = Buffer.allocUnsafe(length);
  bytes.fill(0, 0, AT.name);
  bytes.writeUInt32LE(length, AT.length);
  bytes[AT.kind] = KINDS.indexOf(row.kind);
  bytes.writeUInt16LE(flagsOf(row), AT.flags);
  bytes.writeUInt16LE(row.mode, AT.mode);
  bytes.writeUInt16LE(nameLength, AT.nameLength);
  writeNumber(bytes, row.id, AT.id);
  writeNumber(bytes, parentId, AT.parent);
  writeNumber(bytes, row.identity, AT.identity);
  writeNumber(bytes, row.counter, AT.counter);
  bytes.writeBigInt64LE(row.mtimeNs, AT.mtime);
  bytes.writeBigInt64LE(row.ctimeNs, AT.ctime);
  bytes.writeBigInt64LE(row.atimeNs, AT.atime);
  bytes.writeBigInt64LE(file?.stampNs ?? UNKNOWN_STAMP, AT.stamp);
  if (file !== null) {
    bytes[AT.state] = STATES.indexOf(file.state);
    writeNumber(bytes, file.sizeBytes, AT.size);
    writeNumber(bytes, file.backing ?? 0, AT.backing);
  } else if (row.kind === 'special') {
    bytes.writeUInt32LE(row.rdev, AT.rdev);
    bytes.writeUInt32LE(row.format, AT.format);
  }
  bytes.writeUInt32LE(sourceLength, AT.sourceLength);
  bytes.writeUInt32LE(targetLength, AT.targetLength);
  bytes.writeUInt32LE(map.length, AT.mapLength);
  let at = AT.name;
  if (typeof name === 'string') at += bytes.write(name, at);
  else at += name.copy(bytes, at);
  at += bytes.write(hash, at, 'hex');
  at += bytes.write(source, at);
  at += bytes.write(target, at);
  bytes.set(map, at);
  if (row.attributes !== null)
    bytes.set(row.attributes, bytes.writeUInt32LE(row.attributes.length, attributesAt));
  return bytes;
}

/** Returns the row that says that an entry is gone. */
export function encodeRemoval(id: number): Buffer {
  const bytes = Buffer.alloc(REMOVED_BYTES);
  bytes.writeUInt32LE(REMOVED_BYTES, AT.length);
  bytes[AT.kind] = REMOVED_KIND;
  writeNumber(bytes, id, AT.id);
  return bytes;
}

/** Returns the length of the row that begins at `at`; 0: these bytes are no row. */
export function rowLengthAt(bytes: Buffer, at: number): number {
  if (at + REMOVED_BYTES > bytes.length) return 0;
  const length = bytes.readUInt32LE(at);
  if (length < REMOVED_BYTES || at + length > bytes.length) return 0;
  const kind = bytes[at + AT.kind] as number;
  if (kind === REMOVED_KIND) return length;
  if (length < AT.name || kind >= KINDS.length) return 0;
  if ((bytes[at + AT.state] as number) >= STATES.length) return 0;
  const flags = bytes.readUInt16LE(at + AT.flags);
  const parts = partsLength(bytes, at);
  if ((flags & HAS_ATTRIBUTES) === 0) return parts === length ? length : 0;
  return parts + 4 <= length && parts + 4 + bytes.readUInt32LE(at + parts) === length ? length : 0;
}

/** Returns how long the row at `at` is without its attributes, which are what it ends with. */
function partsLength(bytes: Buffer, at: number): number {
  const flags = bytes.readUInt16LE(at + AT.flags);
  return (
    AT.name +
    bytes.readUInt16LE(at + AT.nameLength) +
    ((flags & HAS_HASH) === 0 ? 0 : HASH_BYTES) +
    bytes.readUInt32LE(at + AT.sourceLength) +
    bytes.readUInt32LE(at + AT.targetLength) +
    bytes.readUInt32LE(at + AT.mapLength)
  );
}

function attributesIn(bytes: Buffer, at: number, flags: number): Buffer | null {
  if ((flags & HAS_ATTRIBUTES) === 0) return null;
  const end = at + bytes.readUInt32LE(at + AT.length);
  return Buffer.from(bytes.subarray(at + partsLength(bytes, at) + 4, end));
}

/** Yields the rows of a packed buffer, until bytes come that are no row. */
export function* rowsIn(packed: Buffer): Iterable<Buffer> {
  for (let at = 0; ; ) {
    const length = rowLengthAt(packed, at);
    if (length === 0) return;
    yield packed.subarray(at, at + length);
    at += length;
  }
}

export function idOfRow(bytes: Buffer, at = 0): number {
  return readNumber(bytes, at + AT.id);
}

/** Tells whether a row says that its entry is gone. */
export function isRemoval(bytes: Buffer, at = 0): boolean {
  return bytes[at + AT.kind] === REMOVED_KIND;
}

/** Returns the highest number that a row uses up: its id's, its identity's or its backing file's. */
export function highestIn(bytes: Buffer, at = 0): number {
  const id = idOfRow(bytes, at);
  if (isRemoval(bytes, at)) return id;
  const identity = readNumber(bytes, at + AT.identity);
  return Math.max(id, identity, readNumber(bytes, at + AT.backing));
}

/** Returns the number of a row's backing file; 0: it has none. */
export function backingOfRow(bytes: Buffer): number {
  return isRemoval(bytes) ? 0 : readNumber(bytes, AT.backing);
}

/**
 * Returns `row` with the map of what is here that an earlier row of the entry had, where it has none itself and is still
 * about the same backing file: the log leaves maps out, as they are long and grow with each part that arrives.
 */
export function withKnownMap(row: Buffer, before: Buffer): Buffer {
  const mapLength = before.readUInt32LE(AT.mapLength);
  const isSame =
    isPartial(row) &&
    isPartial(before) &&
    readNumber(row, AT.backing) === readNumber(before, AT.backing);
  if (!isSame || mapLength === 0 || row.readUInt32LE(AT.mapLength) > 0) return row;
  const [end, endBefore] = [partsLength(row, 0), partsLength(before, 0)];
  const map = before.subarray(endBefore - mapLength, endBefore);
  const whole = Buffer.concat([row.subarray(0, end), map, row.subarray(end)]);
  whole.writeUInt32LE(whole.length, AT.length);
  whole.writeUInt32LE(mapLength, AT.mapLength);
  return whole;
}

function isPartial(row: Buffer): boolean {
  const isFile = row[AT.kind] === KINDS.indexOf('file');
  return (
    isFile && row[AT.state] === STATES.indexOf('placeholder') && readNumber(row, AT.backing) > 0
  );
}

/** Reads the row at `at`, which rowLengthAt has found right and which is no removal. */
export function decodeRow(bytes: Buffer, at = 0): PlacedRow {
  const parentId = readNumber(bytes, at + AT.parent);
  const kind = KINDS[bytes[at + AT.kind] as number] as DriveRow['kind'];
  if (kind === 'file') return { row: decodeFile(bytes, at), parentId };
  const base = decodeBase(bytes, at);
  if (kind === 'directory') return { row: Object.assign(base, { kind }), parentId };
  if (kind === 'special') {
    const format = bytes.readUInt32LE(at + AT.format);
    const rdev = bytes.readUInt32LE(at + AT.rdev);
    return { row: Object.assign(base, { kind, format, rdev }), parentId };
  }
  const end = at + partsLength(bytes, at) - bytes.readUInt32LE(at + AT.mapLength);
  const start = end - bytes.readUInt32LE(at + AT.targetLength);
  const target = bytes.toString('utf8', start, end);
  return { row: Object.assign(base, { kind, target }), parentId };
}

function decodeBase(bytes: Buffer, at: number): RowBase {
  const { name, nameBytes } = nameIn(bytes, at);
  const flags = bytes.readUInt16LE(at + AT.flags);
  return {
    id: readNumber(bytes, at + AT.id),
    name,
    nameBytes,
    mode: bytes.readUInt16LE(at + AT.mode),
    mtimeNs: bytes.readBigInt64LE(at + AT.mtime),
    ctimeNs: bytes.readBigInt64LE(at + AT.ctime),
    atimeNs: bytes.readBigInt64LE(at + AT.atime),
    identity: readNumber(bytes, at + AT.identity),
    counter: readNumber(bytes, at + AT.counter),
    isPinned: (flags & PINNED) !== 0,
    isPlaced: (flags & PLACED) !== 0,
    attributes: attributesIn(bytes, at, flags),
  };
}

/** One literal, as a drive has very many files: adding to the base takes half as long again, spreading it ten times. */
function decodeFile(bytes: Buffer, at: number): FileRow {
  const { name, nameBytes } = nameIn(bytes, at);
  const flags = bytes.readUInt16LE(at + AT.flags);
  const nameEnd = at + AT.name + bytes.readUInt16LE(at + AT.nameLength);
  const hashEnd = nameEnd + ((flags & HAS_HASH) === 0 ? 0 : HASH_BYTES);
  const sourceEnd = hashEnd + bytes.readUInt32LE(at + AT.sourceLength);
  const mapLength = bytes.readUInt32LE(at + AT.mapLength);
  const mapAt = sourceEnd + bytes.readUInt32LE(at + AT.targetLength);
  const backing = readNumber(bytes, at + AT.backing);
  const stampNs = bytes.readBigInt64LE(at + AT.stamp);
  const hasSource = (flags & HAS_SOURCE) !== 0;
  return {
    id: readNumber(bytes, at + AT.id),
    name,
    nameBytes,
    mode: bytes.readUInt16LE(at + AT.mode),
    mtimeNs: bytes.readBigInt64LE(at + AT.mtime),
    ctimeNs: bytes.readBigInt64LE(at + AT.ctime),
    atimeNs: bytes.readBigInt64LE(at + AT.atime),
    identity: readNumber(bytes, at + AT.identity),
    counter: readNumber(bytes, at + AT.counter),
    isPinned: (flags & PINNED) !== 0,
    isPlaced: (flags & PLACED) !== 0,
    attributes: attributesIn(bytes, at, flags),
    kind: 'file',
    sizeBytes: readNumber(bytes, at + AT.size),
    state: STATES[bytes[at + AT.state] as number] as NodeState,
    source: hasSource ? (bytes.toString('utf8', hashEnd, sourceEnd) as Version) : null,
    hash: hashEnd === nameEnd ? null : (bytes.toString('hex', nameEnd, hashEnd) as ContentHash),
    backing: backing === 0 ? null : backing,
    stampNs: stampNs === UNKNOWN_STAMP ? null : stampNs,
    map: mapLength === 0 ? null : new Uint8Array(bytes.subarray(mapAt, mapAt + mapLength)),
  };
}

/** Returns what one row adds to the digest over all rows. */
export function digestOfRow(bytes: Uint8Array): number {
  return crc32(bytes);
}

function flagsOf(row: DriveRow): number {
  let flags = (row.isPinned ? PINNED : 0) | (row.isPlaced ? PLACED : 0);
  if (row.attributes !== null) flags |= HAS_ATTRIBUTES;
  if (row.kind === 'file')
    flags |= (hashOf(row) === '' ? 0 : HAS_HASH) | (row.source === null ? 0 : HAS_SOURCE);
  return flags;
}

function hashOf(row: DriveRow): string {
  const hash = row.kind === 'file' ? row.hash : null;
  return hash?.length === 2 * HASH_BYTES ? hash : '';
}

function lengthOf(text: string | Buffer): number {
  return typeof text === 'string' ? Buffer.byteLength(text) : text.length;
}

function nameIn(bytes: Buffer, at: number): { name: string; nameBytes: Buffer | null } {
  const start = at + AT.name;
  const end = start + bytes.readUInt16LE(at + AT.nameLength);
  const name = bytes.toString('utf8', start, end);
  if (!name.includes('\ufffd')) return { name, nameBytes: null };
  const original = bytes.subarray(start, end);
  return { name, nameBytes: original.equals(Buffer.from(name)) ? null : Buffer.from(original) };
}

/** Numbers up to 2^53 as two words, which is many times faster than by way of BigInt. */
function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % HIGH, at);
  bytes.writeUInt32LE(Math.floor(value / HIGH), at + 4);
}

function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * HIGH;
}
