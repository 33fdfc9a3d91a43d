const SEEDS = [0x811c9dc5, 0x9747b28c] as const;
const PRIMES = [0x01000193, 0x85ebca6b] as const;

/**
 * Stands for what is in one directory, in 64 bits that are the same in whatever order its entries are added. It tells
 * states of a drive's own listing from each other; nobody else makes them, so no one makes two that are alike on purpose.
 */
export class ListingFingerprint {
  #count = 0;
  #first = 0;
  #second = 0;

  /** Takes in the text that stands for one entry and its state. */
  add(text: string): void {
    let [first, second] = SEEDS as readonly [number, number] as [number, number];
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      first = Math.imul(first ^ code, PRIMES[0]);
      second = Math.imul(second ^ code, PRIMES[1]);
      second ^= second >>> 15;
    }
    this.#count += 1;
    this.#first = (this.#first + mixed(first)) | 0;
    this.#second = (this.#second + mixed(second)) | 0;
  }

  get text(): string {
    const parts = [this.#count, this.#first >>> 0, this.#second >>> 0];
    return `drive ${parts.map((part) => part.toString(36)).join('.')}`;
  }
}

/** Spreads every bit over all others (the last steps of MurmurHash3). */
function mixed(hash: number): number {
  let bits = hash ^ (hash >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
