const PLACE = 0x9e3779b1;
const SEED = 0x85ebca77;
const MIX = 0xc2b2ae3d;

/**
 * Returns the bytes from `offset` of the endless content of a seed, the same that
 * test/mount/integrity/native/random.c makes. No two places of it are alike, so that a piece from a wrong one shows.
 */
export function generatedBytes(seed: number, offset: number, length: number): Buffer {
  const first = Math.floor(offset / 4);
  const words = new Uint32Array(Math.ceil((offset + length) / 4) - first);
  const start = Math.imul(seed, SEED);
  for (let at = 0; at < words.length; at++) {
    const place = (Math.imul(first + at, PLACE) + start) | 0;
    const mixed = Math.imul(place ^ (place >>> 15), MIX);
    words[at] = mixed ^ (mixed >>> 13);
  }
  return Buffer.from(words.buffer, offset - first * 4, length);
}
