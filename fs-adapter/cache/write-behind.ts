import { write, writev } from 'node:fs';
import { promisify } from 'node:util';

const writeAt = promisify(write);
const writeAll = promisify(writev);

/** So much may wait to be written before whoever brings it has to wait. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Writes what comes in pieces into a file, one after the other from `position` on: while one write is under way, what
 * comes meanwhile is gathered for the next.
 */
export class WriteBehind {
  readonly #fd: number;
  readonly #onWritten: (position: number) => void;
  #position: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;

  /** `onWritten` is told up to where everything is in the file. */
  constructor(fd: number, position: number, onWritten: (position: number) => void) {
    this.#fd = fd;
    this.#position = position;
    this.#onWritten = onWritten;
  }

  /** Takes a piece, which must stay as it is; a promise: wait for it before the next one. @throws what writing throws */
  put(piece: Uint8Array): Promise<void> | undefined {
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (this.#writing === null) {
      this.#writing = this.#write();
      // It is thrown where it is waited for, which is not at once.
      this.#writing.catch(() => undefined);
    }
    return this.#waitingBytes > MOST_WAITING_BYTES ? this.#writing : undefined;
  }

  /** Resolves when everything is in the file. */
  async finish(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const pieces = this.#waiting;
      const bytes = this.#waitingBytes;
      this.#waiting = [];
      this.#waitingBytes = 0;
      const { bytesWritten } = await writeAll(this.#fd, pieces, this.#position);
      if (bytesWritten < bytes) await this.#rest(Buffer.concat(pieces), bytesWritten);
      this.#position += bytes;
      this.#onWritten(this.#position);
    }
    this.#writing = null;
  }

  /** A write that is cut short tells why when it is tried again. */
  async #rest(bytes: Uint8Array, written: number): Promise<void> {
    for (let done = written; done < bytes.length; ) {
      const at = this.#position + done;
      const { bytesWritten } = await writeAt(this.#fd, bytes, done, bytes.length - done, at);
      done += bytesWritten;
    }
  }
}
