import type { ContentHash } from '../../core/model/entry.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';

const MAX_KEPT = 5000;
const bytes = new Map<string, Buffer>();
const hashes = new Map<string, ContentHash>();

/** Returns the bytes of a text; the same buffer each time, so nobody may change it. */
export function bytesOf(text: string): Buffer {
  let found = bytes.get(text);
  if (found === undefined) {
    if (bytes.size >= MAX_KEPT) bytes.clear();
    found = Buffer.from(text, 'latin1');
    bytes.set(text, found);
  }
  return found;
}

/** Returns the text of what was received. */
export function textOf(pieces: readonly Uint8Array[]): string {
  let text = '';
  for (const piece of pieces)
    text += Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1');
  return text;
}

/** Returns the real hash of a text. */
export function textHash(text: string): ContentHash {
  let found = hashes.get(text);
  if (found === undefined) {
    if (hashes.size >= MAX_KEPT) hashes.clear();
    found = hashOf(bytesOf(text));
    hashes.set(text, found);
  }
  return found;
}
