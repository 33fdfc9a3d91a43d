/** What a stream of random numbers is for; each has its own, so that taking one choice out moves none of the others. */
export type Purpose = 'configuration' | 'workload' | 'faults' | 'schedule';

const PURPOSES: readonly Purpose[] = ['configuration', 'workload', 'faults', 'schedule'];

/** Random numbers that a seed determines (Mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Returns the stream of a seed for one purpose. */
  static of(seed: number, purpose: Purpose): Random {
    const random = new Random(
      Math.imul(seed, 0x9e3779b1) ^ (PURPOSES.indexOf(purpose) * 0x632be5ab),
    );
    random.next();
    return random;
  }

  /** Returns a number from 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** Returns a whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    return this.next() % bound;
  }

  /** Returns a whole number between the bounds, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}
