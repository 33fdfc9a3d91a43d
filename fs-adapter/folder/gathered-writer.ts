import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { SafeRoot } from '../../native/index.ts';

const writeSome = promisify(fs.writev);
/** A network brings small pieces; a task of the thread pool for each would cost more than the writing. */
const GATHERED_BYTES = 1024 * 1024;
/** So much is handed to the disk at once while more comes in, so that the sync at the end finds little left to do. */
const WRITEBACK_BYTES = 16 * 1024 * 1024;

/** Writes pieces one after the other, many in one step, while the next ones come in. */
export class GatheredWriter {
  readonly #root: SafeRoot;
  readonly #fd: number;
  #offset: number;
  /** Up to where the disk was asked to begin, and the last such request. */
  #begun: number;
  #writeback: Promise<void> = Promise.resolve();
  #pieces: Uint8Array[] = [];
  #length = 0;
  #writing: Promise<void> = Promise.resolve();

  /** Begins at `offset` of a file of the root's. */
  constructor(root: SafeRoot, fd: number, offset: number) {
    this.#root = root;
    this.#fd = fd;
    this.#offset = offset;
    this.#begun = offset;
  }

  /** Takes the next piece, which is not to be changed any more. Throws what an earlier one failed with. */
  async add(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length >= GATHERED_BYTES) await this.#start();
  }

  /** Writes what is left; must be waited for before the file is closed, also after a failure. */
  async end(): Promise<void> {
    try {
      if (this.#length > 0) await this.#start();
      await this.#writing;
    } finally {
      await this.#writeback;
    }
  }

  /** Waits for the step before; so at most two are in memory. */
  async #start(): Promise<void> {
    const [pieces, offset] = [this.#pieces, this.#offset];
    this.#pieces = [];
    this.#offset += this.#length;
    this.#length = 0;
    await this.#writing;
    this.#beginWriteback(offset);
    this.#writing = writeAll(this.#fd, pieces, offset);
    this.#writing.catch(() => undefined); // thrown to whoever waits for it next
  }

  /** `written`: up to where everything is in the file. It is a hint: what fails here, the sync will say. */
  #beginWriteback(written: number): void {
    const length = written - this.#begun;
    if (length < WRITEBACK_BYTES) return;
    const range = { fd: this.#fd, offset: this.#begun };
    this.#begun = written;
    this.#writeback = this.#writeback
      .then(() => this.#root.startWriteback(range, length))
      .catch(() => undefined);
  }
}

async function writeAll(fd: number, pieces: readonly Uint8Array[], offset: number): Promise<void> {
  let left = [...pieces];
  for (let at = offset; left.length > 0; ) {
    const { bytesWritten } = await writeSome(fd, left, at);
    at += bytesWritten;
    left = without(left, bytesWritten);
  }
}

function without(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let skipped = count;
  return pieces.flatMap((piece) => {
    const from = Math.min(skipped, piece.length);
    skipped -= from;
    return from === piece.length ? [] : [piece.subarray(from)];
  });
}
