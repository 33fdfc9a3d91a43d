import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { ContentHash, Version } from '../../core/model/entry.ts';
import { type FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content, ReadOptions, ReadRequest, ReadResult } from '../../core/ports.ts';
import { hashOf, hashStream } from '../../core/transfer/verified-stream.ts';
import { codeOf, type NodeStat, type SafeRoot, systemError } from '../../native/index.ts';
import { changed, folderError } from './errno.ts';
import { versionOf } from './node-version.ts';

/** A file up to this size is read in one step; larger ones in pieces of it. */
const PIECE_BYTES = 512 * 1024;

const readSome = promisify(fs.read);
const closeDescriptor = promisify(fs.close);

/** One file to read: as it is shown, on the disk, and as it must be. */
export interface Source {
  readonly root: SafeRoot;
  readonly path: SyncPath;
  readonly real: string;
  readonly expected: Version;
}

export function readError(error: unknown, path: SyncPath): FerryError {
  const isGone = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(codeOf(error) ?? '');
  return isGone ? changed(path, 'it is no longer there') : folderError(error, path, 'read');
}

/** @throws CHANGED when the file is another version or another kind by now */
export function requireSame(stat: NodeStat, { path, expected }: Source): void {
  if (stat.kind !== 'file') throw changed(path, 'it is no longer a file');
  if (versionOf(stat) !== expected) throw changed(path, 'it changed since it was looked at');
}

/** Yields the bytes of the range in pieces; while one is worked on, the next is read. */
async function* pieces(
  fd: number,
  range: { readonly offset: number; readonly length: number },
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const end = range.offset + range.length;
  const readAhead = (at: number): Promise<Uint8Array> => {
    const ahead = readPiece(fd, at, end);
    ahead.catch(() => undefined); // thrown when its turn comes
    return ahead;
  };
  let reading = readAhead(range.offset);
  try {
    for (let at = range.offset; at < end; ) {
      throwIfAborted(signal);
      const piece = await reading;
      if (piece.length === 0) return; // shorter than it was: the check at the end says so
      at += piece.length;
      reading = readAhead(at);
      yield piece;
    }
  } finally {
    await reading.catch(() => undefined); // the descriptor is closed after it
  }
}

async function readPiece(fd: number, at: number, end: number): Promise<Uint8Array> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
  if (piece.length === 0) return piece;
  const { bytesRead } = await readSome(fd, piece, 0, piece.length, at);
  return piece.subarray(0, bytesRead);
}

async function* largeFile(
  source: Source,
  range: { readonly offset: number; readonly length: number },
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const { root, path, real } = source;
  try {
    const fd = await root.open(real, fs.constants.O_RDONLY);
    try {
      requireSame(await root.statDescriptor(fd), source);
      try {
        yield* pieces(fd, range, signal);
      } finally {
        // Whoever has taken enough of it must hear of a change, too.
        requireSame(await root.statDescriptor(fd), source);
      }
    } finally {
      await closeDescriptor(fd);
    }
  } catch (error) {
    throw readError(error, path);
  }
}

async function* only(content: Uint8Array): AsyncIterable<Uint8Array> {
  if (content.length > 0) yield content;
}

/**
 * Reads a regular file of the expected version, or a part of it. The version is checked before the first byte and
 * after the last one that is taken; no descriptor is open while nobody reads.
 * @throws CHANGED, LOCAL_PERMISSION, LOCAL_IO
 */
export async function readFolderFile(
  root: SafeRoot,
  path: SyncPath,
  real: string,
  { expected, range, signal }: ReadOptions,
): Promise<Content> {
  throwIfAborted(signal);
  const source: Source = { root, path, real, expected };
  const [file = { errno: 'EIO' }] = await root.readFiles([{ path: real, maxBytes: PIECE_BYTES }]);
  if ('errno' in file) throw readError(systemError(file.errno, 'read', real), path);
  requireSame(file.before, source);
  requireSame(file.after, source);
  const { sizeBytes } = file.before;
  const offset = Math.min(range?.offset ?? 0, sizeBytes);
  const length = Math.min(range?.length ?? sizeBytes, sizeBytes - offset);
  const stream = file.content
    ? only(file.content.subarray(offset, offset + length))
    : largeFile(source, { offset, length }, signal);
  return { sizeBytes, stream };
}

/** A small file to read: as it is shown, and as it is called on the disk. */
export interface FolderReadRequest extends ReadRequest {
  readonly real: string;
}

/** Reads a group of small files; each is of the expected version before and after, as in `readFolderFile`. */
export async function readFolderFiles(
  root: SafeRoot,
  requests: readonly FolderReadRequest[],
  signal?: AbortSignal,
): Promise<readonly ReadResult[]> {
  throwIfAborted(signal);
  const files = await root.readFiles(
    requests.map(({ real, sizeBytes }) => ({ path: real, maxBytes: sizeBytes })),
  );
  return requests.map(({ path, real, expected }, index): ReadResult => {
    const file = files[index] ?? { errno: 'EIO' };
    if ('errno' in file) return { error: readError(systemError(file.errno, 'read', real), path) };
    try {
      const source: Source = { root, path, real, expected };
      requireSame(file.before, source);
      if (file.after !== file.before) requireSame(file.after, source);
      return { content: file.content ?? new Uint8Array() };
    } catch (error) {
      return { error: readError(error, path) };
    }
  });
}

/** Hashes files where they are: the small ones in one step, each of the others as it is read. */
export async function hashFolderFiles(
  root: SafeRoot,
  requests: readonly FolderReadRequest[],
  {
    signal,
    onBytes,
  }: { readonly signal?: AbortSignal; readonly onBytes?: (count: number) => void },
): Promise<readonly (ContentHash | FerryError)[]> {
  const small = requests.filter(({ sizeBytes }) => sizeBytes <= PIECE_BYTES);
  const read = await readFolderFiles(root, small, signal);
  const hashes = new Map<FolderReadRequest, ContentHash | FerryError>();
  for (const [index, request] of small.entries()) {
    const result = read[index];
    if (result === undefined) continue;
    hashes.set(request, 'error' in result ? result.error : hashOf(result.content));
    if ('content' in result) onBytes?.(result.content.length);
  }
  for (const request of requests) {
    if (hashes.has(request)) continue;
    const { path, real, expected, sizeBytes } = request;
    const options = { path, sizeBytes, ...(onBytes === undefined ? {} : { onBytes }) };
    try {
      const reading = { expected, ...(signal === undefined ? {} : { signal }) };
      const { stream } = await readFolderFile(root, path, real, reading);
      hashes.set(request, await hashStream(stream, options));
    } catch (error) {
      hashes.set(request, folderError(error, path, 'read'));
    }
  }
  return requests.map((request) => hashes.get(request) as ContentHash | FerryError);
}
