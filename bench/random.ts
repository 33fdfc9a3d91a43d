import { type Cipher, createCipheriv } from 'node:crypto';

/** Numbers and bytes that are the same for the same seed. */
export class SeededRandom {
  #state: number;
  readonly #stream: Cipher;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0;
    const key = Buffer.alloc(16);
    key.writeUInt32LE(seed >>> 0, 0);
    this.#stream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  }

  /** In [0, 1); xorshift32 after a multiplication. */
  next(): number {
    let x = (this.#state + 0x6d2b79f5) >>> 0;
    this.#state = x;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (Math.imul(x, 0x2c1b3c6d) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Bytes that cannot be compressed. */
  bytes(length: number): Buffer {
    return this.#stream.update(Buffer.alloc(length));
  }

  /** Standard normal distribution (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [items[last], items[other]] = [items[other] as T, items[last] as T];
    }
    return items;
  }
}
