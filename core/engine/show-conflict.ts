import type { ContentHash, Direction, FileEntry, Side } from '../model/entry.ts';
import { otherSide } from '../model/entry.ts';
import { toFerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Conflict, ConflictBase, ConflictVersion } from '../model/problem.ts';
import type { Replica, StoredVersion, VersionShelf } from '../ports.ts';
import { hashOf } from '../transfer/verified-stream.ts';
import { sideOfBoth } from './resolve-conflict.ts';

/** Larger files are not compared line by line. */
const MAX_TEXT_BYTES = 256 * 1024;
/** So many kept versions of the same size are read to find the base. */
const MAX_CANDIDATES = 20;

/** A version of a conflict as it is now. */
export interface ShownVersion extends Partial<Omit<ConflictVersion, 'side'>> {
  /** Whose version it is. */
  readonly side: Side;
  readonly path: SyncPath;
  /** False when nothing is there any more, or it cannot be looked at. */
  readonly isThere: boolean;
  /** Of a text file that is not too long. */
  readonly text?: string;
  /** Why it could not be read. */
  readonly note?: string;
}

/** What both sides had agreed on before, found again in a version store. */
export interface ShownBase {
  /** Whose version store has it, and under which id. */
  readonly side: Side;
  readonly version: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly keptAtMs: number;
  readonly text?: string;
}

/** Both versions of a conflict, side by side. */
export interface ConflictView {
  readonly conflict: Conflict;
  readonly local: ShownVersion;
  readonly remote: ShownVersion;
  /** Absent when no version store has it any more. */
  readonly base?: ShownBase;
}

/** Reads both versions from the side that holds them. */
export async function showConflict(
  conflict: Conflict,
  replicas: Readonly<Record<Side, Replica>>,
  direction: Direction,
): Promise<ConflictView> {
  const { path, copyPath, copyFrom, winner, copy } = conflict;
  const replica = replicas[sideOfBoth(direction)];
  const versions = {
    [copyFrom]: await versionAt(replica, copyPath, copyFrom, copy),
    [otherSide(copyFrom)]: await versionAt(replica, path, otherSide(copyFrom), winner),
  } as Record<Side, ShownVersion>;
  const base = await baseOf(conflict, replicas);
  return { conflict, ...versions, ...(base === null ? {} : { base }) };
}

/** Looks through what the version stores keep of the path for the content that both sides had. */
async function baseOf(
  { path, base }: Conflict,
  replicas: Readonly<Record<Side, Replica>>,
): Promise<ShownBase | null> {
  if (base?.hash === undefined) return null;
  for (const side of ['local', 'remote'] as const) {
    const shelf = replicas[side].versions;
    const found = shelf && (await versionWith(shelf, path, base).catch(() => null));
    if (!found) continue;
    const { version, text } = found;
    const { id, sizeBytes, keptAtMs } = version;
    const shown = { side, version: id, sizeBytes, keptAtMs };
    return text === null ? shown : { ...shown, text };
  }
  return null;
}

async function versionWith(
  shelf: VersionShelf,
  path: SyncPath,
  { hash, sizeBytes }: ConflictBase,
): Promise<{ readonly version: StoredVersion; readonly text: string | null } | null> {
  if (sizeBytes > MAX_TEXT_BYTES) return null;
  let left = MAX_CANDIDATES;
  for await (const versions of shelf.list(path))
    for (const version of versions) {
      if (version.path !== path || version.kind !== 'file' || version.sizeBytes !== sizeBytes)
        continue;
      if (left-- === 0) return null;
      const bytes = await contentOf((await shelf.read(version)).stream);
      if (hashOf(bytes) === hash) return { version, text: textOf(bytes) };
    }
  return null;
}

async function contentOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function versionAt(
  replica: Replica,
  path: SyncPath,
  side: Side,
  noted: ConflictVersion | undefined,
): Promise<ShownVersion> {
  const own = { ...(noted?.device === undefined ? {} : { device: noted.device }), side, path };
  try {
    const entry = await replica.stat(path);
    if (!entry) return { ...own, isThere: false };
    if (entry.kind !== 'file') return { ...own, kind: entry.kind, isThere: true };
    return { ...own, ...(await fileOf(replica, entry)) };
  } catch (error) {
    return { ...own, isThere: false, note: toFerryError(error, path).message };
  }
}

async function fileOf(
  replica: Replica,
  entry: FileEntry,
): Promise<Omit<ShownVersion, 'side' | 'path'>> {
  const { sizeBytes, mtimeNs } = entry;
  const known = {
    kind: entry.kind,
    sizeBytes,
    isThere: true,
    ...(mtimeNs === undefined ? {} : { mtimeMs: Number(mtimeNs / 1_000_000n) }),
  };
  if (sizeBytes > MAX_TEXT_BYTES) return withHash(known, entry.hash);
  const { stream } = await replica.read(entry.path, { expected: entry.version });
  const bytes = await contentOf(stream);
  const text = textOf(bytes);
  return { ...withHash(known, hashOf(bytes)), ...(text === null ? {} : { text }) };
}

function withHash<T extends object>(known: T, hash: ContentHash | undefined): T {
  return hash === undefined ? known : { ...known, hash };
}

/** Returns the content as text; null when it is none. */
function textOf(bytes: Buffer): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null; // not UTF-8: shown by its size
  }
}
