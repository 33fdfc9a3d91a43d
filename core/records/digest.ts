/** Count and order-independent digest of all records; committed with every batch, so that a lost record is noticed. */
export interface RecordsDigest {
  readonly count: number;
  readonly sum: string;
}

const FNV_PRIME = 0x01000193;

function mixedHash(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Adds up rows; two sums of 32 bits each, so that rows can be taken out again. It guards against loss, not against malice. */
export class DigestSum {
  #count = 0;
  #low = 0;
  #high = 0;

  add(key: string, value: string): void {
    this.#apply(key, value, 1);
  }

  remove(key: string, value: string): void {
    this.#apply(key, value, -1);
  }

  get digest(): RecordsDigest {
    return { count: this.#count, sum: `${this.#high.toString(16)}.${this.#low.toString(16)}` };
  }

  #apply(key: string, value: string, sign: 1 | -1): void {
    const row = `${key}\n${value}`;
    this.#count += sign;
    this.#low = (this.#low + sign * mixedHash(row, 0x811c9dc5)) >>> 0;
    this.#high = (this.#high + sign * mixedHash(row, 0x9e3779b9)) >>> 0;
  }
}
