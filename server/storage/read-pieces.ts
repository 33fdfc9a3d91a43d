import { read } from 'node:fs';
import { promisify } from 'node:util';

const readAsync = promisify(read);

const PIECE_BYTES = 256 * 1024;

/** Yields the bytes of an open file from `start` up to `end`; fewer when it ends before. */
export async function* readPieces(
  fd: number,
  range: { readonly start: number; readonly end: number },
): AsyncIterable<Uint8Array> {
  for (let at = range.start; at < range.end; ) {
    const wanted = Math.min(PIECE_BYTES, range.end - at);
    const buffer = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await readAsync(fd, buffer, 0, wanted, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
