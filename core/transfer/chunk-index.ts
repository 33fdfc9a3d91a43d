import type { ChunkList } from '../chunks.ts';
import { FerryError } from '../model/errors.ts';

/** Bytes that a list has for each chunk. */
export const CHUNK_ENTRY_BYTES = 16;
const WORDS = CHUNK_ENTRY_BYTES / 4;
const EMPTY = -1;
/** Hashes do not collide so often unless somebody made them to. */
const MAX_PROBES = 64;

/** A list of chunks, laid out to be compared and searched: a list of a million takes some 40 MB. */
export class ChunkTable {
  readonly count: number;
  /** Where each chunk begins, and at last where the content ends. */
  readonly offsets: Float64Array;
  readonly #words: Uint32Array;

  /** @throws REMOTE_PROTOCOL when the list is not one of its content */
  constructor({ chunks, sizeBytes }: ChunkList) {
    if (chunks.length % CHUNK_ENTRY_BYTES !== 0) throw unusable('it ends within a chunk');
    this.count = chunks.length / CHUNK_ENTRY_BYTES;
    // A copy of its own is aligned for reading it as words.
    this.#words = new Uint32Array(new Uint8Array(chunks).buffer);
    this.offsets = new Float64Array(this.count + 1);
    const bytes = new DataView(chunks.buffer, chunks.byteOffset, chunks.byteLength);
    let offset = 0;
    for (let chunk = 0; chunk < this.count; chunk++) {
      offset += bytes.getUint32(chunk * CHUNK_ENTRY_BYTES);
      this.offsets[chunk + 1] = offset;
    }
    if (offset !== sizeBytes) throw unusable(`it is of ${offset} bytes instead of ${sizeBytes}`);
  }

  offsetOf(chunk: number): number {
    return this.offsets[chunk] ?? 0;
  }

  lengthOf(chunk: number): number {
    return this.offsetOf(chunk + 1) - this.offsetOf(chunk);
  }

  /** Tells whether a chunk is the same as one of another table: length and hash. */
  equals(chunk: number, other: ChunkTable, otherChunk: number): boolean {
    const [at, otherAt] = [chunk * WORDS, otherChunk * WORDS];
    for (let word = 0; word < WORDS; word++)
      if (this.#words[at + word] !== other.#words[otherAt + word]) return false;
    return true;
  }

  /** A word of the chunk's hash, which is as good as random. */
  hashWord(chunk: number): number {
    return this.#words[chunk * WORDS + 1] ?? 0;
  }
}

function unusable(what: string): FerryError {
  return new FerryError('REMOTE_PROTOCOL', `the list of chunks cannot be used: ${what}`);
}

/** Finds chunks of a table by their hashes; of equal ones the first. */
export class ChunkIndex {
  readonly #table: ChunkTable;
  readonly #slots: Int32Array;
  readonly #mask: number;

  constructor(table: ChunkTable) {
    this.#table = table;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, table.count * 2)));
    this.#mask = size - 1;
    this.#slots = new Int32Array(size).fill(EMPTY);
    for (let chunk = 0; chunk < table.count; chunk++) {
      const slot = this.#slotOf(table, chunk);
      if (slot !== EMPTY && this.#slots[slot] === EMPTY) this.#slots[slot] = chunk;
    }
  }

  /** Returns the chunk that equals one of `other`; -1: there is none. */
  find(other: ChunkTable, chunk: number): number {
    return this.#slots[this.#slotOf(other, chunk)] ?? EMPTY;
  }

  /** The slot where an equal chunk is, or else the free one where it would be; -1: neither is near. */
  #slotOf(other: ChunkTable, chunk: number): number {
    const first = other.hashWord(chunk) & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (first + probe) & this.#mask;
      const found = this.#slots[slot] ?? EMPTY;
      if (found === EMPTY || this.#table.equals(found, other, chunk)) return slot;
    }
    return EMPTY;
  }
}
