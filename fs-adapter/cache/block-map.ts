import { type Extent, FILL_BLOCK_BYTES } from './drive-tree.ts';

const BITS = 8;

/** Which blocks of a placeholder's content are here. The last block may be shorter than the others. */
export class BlockMap {
  readonly #sizeBytes: number;
  readonly #blocks: number;
  readonly #bits: Uint8Array;
  #present = 0;

  /** `saved` is a map as `save` returned it for a content of the same size. */
  constructor(sizeBytes: number, saved: Uint8Array | null = null) {
    this.#sizeBytes = sizeBytes;
    this.#blocks = Math.ceil(sizeBytes / FILL_BLOCK_BYTES);
    this.#bits = new Uint8Array(Math.ceil(this.#blocks / BITS));
    if (saved === null) return;
    for (let block = 0; block < this.#blocks; block += 1)
      if (((saved[block >> 3] ?? 0) & (1 << (block & 7))) !== 0) this.#set(block);
  }

  get isWhole(): boolean {
    return this.#present === this.#blocks;
  }

  /** Bytes of the content that are here. */
  get storedBytes(): number {
    const bytes = this.#present * FILL_BLOCK_BYTES;
    const last = this.#blocks - 1;
    const cut = this.#blocks * FILL_BLOCK_BYTES - this.#sizeBytes;
    return last >= 0 && this.#has(last) ? bytes - cut : bytes;
  }

  /** Returns what is missing of a part, in whole blocks, as few extents as possible. */
  missing(part: Extent): readonly Extent[] {
    const first = Math.floor(Math.max(0, part.offset) / FILL_BLOCK_BYTES);
    const end = Math.min(this.#blocks, Math.ceil((part.offset + part.length) / FILL_BLOCK_BYTES));
    const extents: { offset: number; length: number }[] = [];
    for (let block = first; block < end; block += 1) {
      if (this.#has(block)) continue;
      const offset = block * FILL_BLOCK_BYTES;
      const length = Math.min(FILL_BLOCK_BYTES, this.#sizeBytes - offset);
      const before = extents.at(-1);
      if (before !== undefined && before.offset + before.length === offset) before.length += length;
      else extents.push({ offset, length });
    }
    return extents;
  }

  /** Notes that a part is here; a block that the part does not cover to its end stays missing. */
  fill(part: Extent): void {
    const first = Math.ceil(part.offset / FILL_BLOCK_BYTES);
    const end = part.offset + part.length;
    const covered = end >= this.#sizeBytes ? this.#blocks : Math.floor(end / FILL_BLOCK_BYTES);
    for (let block = first; block < covered; block += 1) if (!this.#has(block)) this.#set(block);
  }

  /** Returns the bits, the first block's the least significant; null: nothing is here. */
  save(): Uint8Array | null {
    return this.#present === 0 ? null : this.#bits.slice();
  }

  #has(block: number): boolean {
    return ((this.#bits[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
  }

  #set(block: number): void {
    this.#bits[block >> 3] = (this.#bits[block >> 3] ?? 0) | (1 << (block & 7));
    this.#present += 1;
  }
}
