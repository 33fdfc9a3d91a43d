import type { ChunkList } from '../../core/chunks.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';

/** Cuts content where the sum of the last 16 bytes says so: a stand-in that needs no addon. */
export function slowChunks(content: Uint8Array, averageBytes = 64): ChunkList {
  const entries: Buffer[] = [];
  const cut = (from: number, to: number): void => {
    const entry = Buffer.alloc(16);
    entry.writeUInt32BE(to - from);
    Buffer.from(hashOf(content.subarray(from, to)), 'hex').copy(entry, 4, 0, 12);
    entries.push(entry);
  };
  let from = 0;
  let rolling = 0;
  for (let at = 0; at < content.length; at++) {
    const gear = Math.imul((content[at] ?? 0) + 1, 0x9e3779b1) >>> 16;
    rolling = ((rolling << 1) + gear) & 0xffff; // what is 16 bytes back is shifted out
    if (at - from < averageBytes / 4) continue;
    const mixed = Math.imul(rolling, 0x85ebca6b) >>> 16;
    if (mixed % averageBytes !== 0 && at - from < averageBytes * 4) continue;
    cut(from, at + 1);
    from = at + 1;
  }
  if (from < content.length) cut(from, content.length);
  const chunks = Buffer.concat(entries);
  return { hash: hashOf(content), sizeBytes: content.length, averageBytes, chunks };
}
