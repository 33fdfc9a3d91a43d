import { type Extent, FILL_BLOCK_BYTES } from './drive-tree.ts';

/** So much is gathered before it is told, unless somebody waits for it. */
const TOLD_BYTES = 1024 * 1024;

/** Gathers what one request has written, in whole blocks: telling of each piece would cost more than the pieces. */
export class FilledSoFar {
  readonly #sizeBytes: number;
  #from: number | null = null;
  #to = 0;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  /** What is to be told: blocks that are in the backing file to their ends. */
  get blocks(): Extent {
    if (this.#from === null) return { offset: 0, length: 0 };
    const isEnd = this.#to === this.#sizeBytes;
    const end = isEnd ? this.#to : this.#to - (this.#to % FILL_BLOCK_BYTES);
    return { offset: this.#from, length: Math.max(0, end - this.#from) };
  }

  get isWorthTelling(): boolean {
    return this.blocks.length >= TOLD_BYTES;
  }

  /** Notes a piece that follows the one before. */
  written(piece: Extent): void {
    this.#from ??= piece.offset;
    this.#to = piece.offset + piece.length;
  }

  /** Returns what is to be told, and forgets it. */
  take(): Extent {
    const { blocks } = this;
    if (blocks.length > 0) this.#from = blocks.offset + blocks.length;
    return blocks;
  }
}
