import type { ContentHash, Direction, FileEntry, Side } from '../model/entry.ts';
import { otherSide } from '../model/entry.ts';
import { toFerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Conflict, ConflictVersion } from '../model/problem.ts';
import type { Replica } from '../ports.ts';
import { hashOf } from '../transfer/verified-stream.ts';
import { sideOfBoth } from './resolve-conflict.ts';

/** Larger files are not compared line by line. */
const MAX_TEXT_BYTES = 256 * 1024;

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

/** Both versions of a conflict, side by side. */
export interface ConflictView {
  readonly conflict: Conflict;
  readonly local: ShownVersion;
  readonly remote: ShownVersion;
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
  return { conflict, ...versions };
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
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
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
