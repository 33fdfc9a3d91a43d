/** A block, a mark and their numbers are those of chunker.cc; other ones would be another protocol. */
const BLOCK = 64;
const MARK_BYTES = 32;
const FACTORS = Int32Array.of(
  0x243f6a89,
  0x85a308d3,
  0x13198a2f,
  0x03707345,
  0xa4093823,
  0x299f31d1,
  0x082efa99,
  0xec4e6c89,
);
const MIX_FACTOR = 0x2c1b3c6d;

/** Looked up once: it is called for each byte, eight times. */
const { imul } = Math;

/** The cut finder of chunker.hh, slower: where the addon cannot be used. */
export class CutFinder {
  readonly #reach: number;
  readonly #longest: number;
  #words: DataView = new DataView(new ArrayBuffer(0));
  #base = 0;
  #maxima: number[] = [];
  #marked = 0;
  #next = 0;
  #lastCut = 0;

  constructor(averageBytes: number) {
    this.#reach = Math.floor(averageBytes / 2);
    this.#longest = 4 * averageBytes;
  }

  /** What lies before this byte is not looked at again. */
  get neededFrom(): number {
    return this.#base;
  }

  /** Returns the ends of chunks that can be told by now; `bytes` begins at `neededFrom` and ends at `known`. */
  find(bytes: Uint8Array, known: number, isEnd: boolean): readonly number[] {
    this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#extend(known, isEnd);
    const cuts: number[] = [];
    const ahead = Math.ceil(this.#reach / BLOCK) + 1;
    for (; this.#next < this.#maxima.length; this.#next++) {
      if (!isEnd && this.#next + ahead >= this.#maxima.length) break;
      this.#cutLong(this.#base + this.#next * BLOCK, cuts);
      const position = this.#cutIn(this.#next);
      if (position === null) continue;
      this.#cutLong(position, cuts);
      if (position === this.#lastCut) continue;
      this.#lastCut = position;
      cuts.push(position);
    }
    if (isEnd) {
      this.#cutLong(known, cuts);
      if (known > this.#lastCut) cuts.push(known);
    } else {
      this.#forget();
    }
    return cuts;
  }

  #markAt(position: number): number {
    let at = position - this.#base;
    let sum = 0;
    // An index, as an iterator for each position would take longer than the sum.
    for (let index = 0; index < 8; index++, at += 4)
      sum = (sum + imul(this.#words.getInt32(at, true), FACTORS[index] as number)) | 0;
    return imul(sum ^ (sum >>> 15), MIX_FACTOR) >>> 0;
  }

  #extend(known: number, isEnd: boolean): void {
    const positions = Math.max(0, known - MARK_BYTES + 1);
    const whole = Math.floor((Math.max(positions, this.#base) - this.#base) / BLOCK);
    while (this.#maxima.length < whole) {
      const start = this.#base + this.#maxima.length * BLOCK;
      this.#maxima.push(this.#largestIn(start, start + BLOCK));
    }
    this.#marked = this.#base + this.#maxima.length * BLOCK;
    if (!isEnd || positions <= this.#marked) return;
    this.#maxima.push(this.#largestIn(this.#marked, positions));
    this.#marked = positions;
  }

  #largestIn(from: number, to: number): number {
    let largest = 0;
    for (let at = from; at < to; at++) {
      const mark = this.#markAt(at);
      if (mark > largest) largest = mark;
    }
    return largest;
  }

  /** Returns the position in the block that is a cut, if there is one: it has the block's largest mark. */
  #cutIn(block: number): number | null {
    const mark = this.#maxima[block] ?? 0;
    const within = Math.floor((this.#reach - (BLOCK - 1)) / BLOCK);
    for (let other = block - 1; other >= Math.max(0, block - within); other--)
      if ((this.#maxima[other] ?? 0) >= mark) return null;
    const right = Math.min(block + within, this.#maxima.length - 1);
    for (let other = block + 1; other <= right; other++)
      if ((this.#maxima[other] ?? 0) > mark) return null;
    let position = this.#base + block * BLOCK;
    while (this.#markAt(position) !== mark) position++;
    return position !== 0 && this.#holds(position, mark, block, within) ? position : null;
  }

  /** Looks at the blocks at both ends of the reach. */
  #holds(position: number, mark: number, block: number, within: number): boolean {
    const from = Math.max(0, position - this.#reach);
    const to = Math.min(position + this.#reach + 1, this.#marked);
    const first = Math.floor((Math.max(from, this.#base) - this.#base) / BLOCK);
    for (let other = first; other + within < block; other++)
      if (this.#hasMark(other, from, to, mark)) return false;
    for (let other = block + within + 1; this.#base + other * BLOCK < to; other++)
      if (this.#hasMark(other, from, to, mark + 1)) return false;
    return true;
  }

  #hasMark(block: number, from: number, to: number, least: number): boolean {
    if ((this.#maxima[block] ?? 0) < least) return false;
    const start = this.#base + block * BLOCK;
    for (let at = Math.max(from, start); at < Math.min(to, start + BLOCK); at++)
      if (this.#markAt(at) >= least) return true;
    return false;
  }

  #cutLong(upTo: number, cuts: number[]): void {
    while (upTo - this.#lastCut > this.#longest) {
      this.#lastCut += this.#longest;
      cuts.push(this.#lastCut);
    }
  }

  #forget(): void {
    const undecided = this.#base + this.#next * BLOCK;
    const needed = Math.min(this.#lastCut, Math.max(0, undecided - this.#reach - BLOCK));
    const blocks = Math.floor((needed - this.#base) / BLOCK);
    this.#maxima.splice(0, blocks);
    this.#next -= blocks;
    this.#base += blocks * BLOCK;
  }
}
