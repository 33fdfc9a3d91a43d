import { closeSync, fdatasync, read as fsRead, write as fsWrite } from 'node:fs';
import { promisify } from 'node:util';

const readAt = promisify(fsRead);
const writeAt = promisify(fsWrite);
const syncData = promisify(fdatasync);

const COPIED_AT_ONCE = 1024 * 1024;

/** An open backing file. It is closed when nobody is at work in it any more. */
export class OpenBacking {
  readonly fd: number;
  #users = 0;
  #isClosed = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Fills `target` as far as there is content, and returns how far. */
  read(target: Uint8Array, offset: number): Promise<number> {
    return this.#use(async () => {
      let done = 0;
      while (done < target.length) {
        const left = target.length - done;
        const { bytesRead } = await readAt(this.fd, target, done, left, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  /** Writes all of `source`. */
  write(source: Uint8Array, offset: number): Promise<void> {
    return this.#use(async () => {
      for (let done = 0; done < source.length; ) {
        const left = source.length - done;
        done += (await writeAt(this.fd, source, done, left, offset + done)).bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return this.#use(() => syncData(this.fd));
  }

  /** Writes the first bytes into another file. */
  copyTo(other: OpenBacking, sizeBytes: number): Promise<void> {
    return this.#use(async () => {
      for (let at = 0; at < sizeBytes; ) {
        const part = Buffer.allocUnsafe(Math.min(COPIED_AT_ONCE, sizeBytes - at));
        const length = await this.read(part, at);
        if (length === 0) throw new Error('the backing file is shorter than what is in it');
        await other.write(part.subarray(0, length), at);
        at += length;
      }
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#users === 0) closeSync(this.fd);
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work();
    } finally {
      this.#users -= 1;
      if (this.#isClosed && this.#users === 0) closeSync(this.fd);
    }
  }
}
