/** Count and order-independent digest of records; committed with every batch, so that a lost record is noticed. */
export interface RecordsDigest {
  readonly count: number;
  readonly sum: string;
}

const FNV_PRIME = 0x01000193;

function mixed(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (half ^ (half >>> 13)) >>> 0;
}

/** What one row adds to a sum. */
export interface RowHash {
  readonly low: number;
  readonly high: number;
}

/** Returns the row's share of every sum that it is in. */
export function hashOfRow(key: string, value: string): RowHash {
  const row = `${key}\n${value}`;
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (let index = 0; index < row.length; index++) {
    const unit = row.charCodeAt(index);
    low = Math.imul(low ^ unit, FNV_PRIME);
    high = Math.imul(high ^ unit, FNV_PRIME);
  }
  return { low: mixed(low), high: mixed(high) };
}

/** Adds up rows; two sums of 32 bits each, so that rows can be taken out again. It guards against loss, not against malice. */
export class DigestSum {
  #count = 0;
  #low = 0;
  #high = 0;

  add(key: string, value: string): void {
    this.addRow(hashOfRow(key, value), 1);
  }

  /** Adds a row, or takes it out again. */
  addRow({ low, high }: RowHash, sign: 1 | -1): void {
    this.#count += sign;
    this.#low = (this.#low + sign * low) >>> 0;
    this.#high = (this.#high + sign * high) >>> 0;
  }

  /** Adds what another sum has added up. */
  addSum(other: DigestSum): void {
    this.#count += other.#count;
    this.#low = (this.#low + other.#low) >>> 0;
    this.#high = (this.#high + other.#high) >>> 0;
  }

  /** Goes on from a digest that was kept. @throws TypeError when it is none */
  restore({ count, sum }: RecordsDigest): void {
    const [high = Number.NaN, low = Number.NaN] = sum
      .split('.')
      .map((half) => Number.parseInt(half, 16));
    if (!Number.isSafeInteger(count) || Number.isNaN(high) || Number.isNaN(low))
      throw new TypeError(`no digest: ${sum}`);
    this.#count = count;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }

  get digest(): RecordsDigest {
    return { count: this.#count, sum: `${this.#high.toString(16)}.${this.#low.toString(16)}` };
  }
}
