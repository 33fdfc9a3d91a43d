import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { Blake3Hasher, blake3 } from '@napi-rs/blake-hash';
import {
  type ContentHasher,
  type ContentOptions,
  type FileRange,
  parseAverage,
} from './content.ts';
import { CutFinder } from './cut-finder.ts';
import type { ChunkedFile, HashedFile, SafeRoot } from './safe-root.ts';
import { systemError } from './system-error.ts';

const close = promisify(fs.close);
const readSome = promisify(fs.read);
const writeSome = promisify(fs.write);

const PIECE_BYTES = 256 * 1024;

/** Returns the hash of a whole content, computed on this thread. */
export function hashAtOnce(content: Uint8Array): string {
  return blake3(Buffer.from(content.buffer, content.byteOffset, content.byteLength)).toString(
    'hex',
  );
}

/** A ContentHasher that hashes at once, on this thread. */
export class PlainHasher implements ContentHasher {
  readonly #hasher = new Blake3Hasher();

  update(bytes: Uint8Array): undefined {
    this.#hasher.update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  digest(): string {
    return this.#hasher.digestBuffer().toString('hex');
  }
}

/** Hashes a file piece by piece. */
export async function hashWholeFile(
  root: SafeRoot,
  path: string,
  options: ContentOptions,
): Promise<HashedFile> {
  return readThrough(root, path, options, () => undefined);
}

/** Cuts a file into chunks while it is read. */
export async function chunkWholeFile(
  root: SafeRoot,
  path: string,
  averageBytes: number,
  options: ContentOptions,
): Promise<ChunkedFile> {
  const finder = new CutFinder(parseAverage(averageBytes));
  const entries: Buffer[] = [];
  let window: Buffer = Buffer.alloc(0);
  let known = 0;
  let listed = 0;
  const hashed = await readThrough(root, path, options, (piece, isEnd) => {
    const base = finder.neededFrom;
    window = Buffer.concat([window.subarray(window.length - (known - base)), piece]);
    known += piece.length;
    for (const cut of finder.find(window, known, isEnd)) {
      entries.push(chunkEntry(window.subarray(listed - base, cut - base)));
      listed = cut;
    }
  });
  return { ...hashed, chunks: Buffer.concat(entries) };
}

function chunkEntry(chunk: Buffer): Buffer {
  const entry = Buffer.alloc(16);
  entry.writeUInt32BE(chunk.length);
  blake3(chunk).copy(entry, 4, 0, 12);
  return entry;
}

async function readThrough(
  root: SafeRoot,
  path: string,
  { signal }: ContentOptions,
  onPiece: (piece: Buffer, isEnd: boolean) => void,
): Promise<HashedFile> {
  const fd = await root.open(path, fs.constants.O_RDONLY);
  try {
    const before = await root.statDescriptor(fd);
    if (before.kind !== 'file')
      throw systemError(before.kind === 'directory' ? 'EISDIR' : 'EINVAL', 'read', path);
    const hasher = new PlainHasher();
    for (let at = 0, isEnd = false; !isEnd; ) {
      signal?.throwIfAborted();
      const piece = await readPiece(fd, at, PIECE_BYTES);
      at += piece.length;
      isEnd = piece.length < PIECE_BYTES;
      hasher.update(piece);
      onPiece(piece, isEnd);
    }
    return { before, after: await root.statDescriptor(fd), hash: hasher.digest() };
  } finally {
    await close(fd);
  }
}

/** Reads so many bytes, fewer only at the end of the file. */
async function readPiece(fd: number, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let got = 0;
  for (let bytesRead = -1; bytesRead !== 0 && got < length; got += bytesRead)
    ({ bytesRead } = await readSome(fd, buffer, got, length - got, offset + got));
  return buffer.subarray(0, got);
}

/** Copies between open files by reading and writing; returns how many bytes the source had. */
export async function copyThrough(
  source: FileRange,
  target: FileRange,
  length: number,
  hasher?: ContentHasher,
): Promise<number> {
  let done = 0;
  while (done < length) {
    const wanted = Math.min(PIECE_BYTES, length - done);
    const piece = await readPiece(source.fd, source.offset + done, wanted);
    for (let at = 0; at < piece.length; )
      at += (await writeSome(target.fd, piece, at, piece.length - at, target.offset + done + at))
        .bytesWritten;
    await hasher?.update(piece);
    done += piece.length;
    if (piece.length < wanted) break;
  }
  return done;
}
