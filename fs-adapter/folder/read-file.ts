import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { Version } from '../../core/model/entry.ts';
import { throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content, ReadOptions } from '../../core/ports.ts';
import { codeOf, type SafeRoot } from '../../native/index.ts';
import { changed, folderError } from './errno.ts';
import { versionOf } from './node-version.ts';

/** A file up to this size is read in one step, so that it needs no descriptor while nobody reads. */
const CHUNK_BYTES = 512 * 1024;

const readSome = promisify(fs.read);
const closeDescriptor = promisify(fs.close);

/** One file to read: as it is shown, on the disk, and as it must be. */
interface Source {
  readonly root: SafeRoot;
  readonly path: SyncPath;
  readonly real: string;
  readonly expected: Version;
}

/** Opens the expected version. @throws CHANGED when it is another one, another kind, or gone */
async function openExpected({ root, path, real, expected }: Source): Promise<number> {
  let fd: number;
  try {
    fd = await root.open(real, fs.constants.O_RDONLY);
  } catch (error) {
    const gone = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(codeOf(error) ?? '');
    throw gone ? changed(path, 'it is no longer there') : folderError(error, path, 'read');
  }
  try {
    await checkVersion(root, fd, path, expected);
  } catch (error) {
    await closeDescriptor(fd);
    throw error;
  }
  return fd;
}

async function checkVersion(
  root: SafeRoot,
  fd: number,
  path: SyncPath,
  expected: Version,
): Promise<void> {
  const stat = await root.statDescriptor(fd);
  if (stat.kind !== 'file') throw changed(path, 'it is no longer a file');
  if (versionOf(stat) !== expected) throw changed(path, 'it changed since it was looked at');
}

async function* chunks(
  fd: number,
  range: { readonly offset: number; readonly length: number },
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const end = range.offset + range.length;
  for (let at = range.offset; at < end; ) {
    throwIfAborted(signal);
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await readSome(fd, chunk, 0, chunk.length, at);
    if (bytesRead === 0) return; // shorter than it was: the check at the end says so
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

async function* verifiedChunks(
  source: Source,
  range: { readonly offset: number; readonly length: number },
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const fd = await openExpected(source);
  try {
    yield* chunks(fd, range, signal);
    await checkVersion(source.root, fd, source.path, source.expected);
  } catch (error) {
    throw folderError(error, source.path, 'read');
  } finally {
    await closeDescriptor(fd);
  }
}

async function* only(all: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* all;
}

/**
 * Reads a regular file of the expected version, or a part of it. The version is checked before the first byte and
 * after the last one.
 */
export async function readFolderFile(
  root: SafeRoot,
  path: SyncPath,
  real: string,
  { expected, range, signal }: ReadOptions,
): Promise<Content> {
  throwIfAborted(signal);
  const source: Source = { root, path, real, expected };
  const stat = await root.stat(real).catch((error: unknown) => {
    throw folderError(error, path, 'read');
  });
  if (stat?.kind !== 'file') throw changed(path, 'no file is there');
  const offset = Math.min(range?.offset ?? 0, stat.sizeBytes);
  const length = Math.min(range?.length ?? stat.sizeBytes, stat.sizeBytes - offset);
  if (length > CHUNK_BYTES) {
    if (versionOf(stat) !== expected) throw changed(path, 'it changed since it was looked at');
    const stream = verifiedChunks(source, { offset, length }, signal);
    return { sizeBytes: stat.sizeBytes, stream };
  }
  const all: Uint8Array[] = [];
  for await (const chunk of verifiedChunks(source, { offset, length }, signal)) all.push(chunk);
  return { sizeBytes: stat.sizeBytes, stream: only(all) };
}
