import { close, constants, open } from 'node:fs';
import { promisify } from 'node:util';
import { systemError } from './system-error.ts';

/**
 * The descriptor of a root, closed only when nothing uses it anymore: a number that was closed too early may
 * already mean another directory.
 */
export class RootDescriptor {
  readonly #fd: number;
  readonly #absolutePath: string;
  readonly #uses = new Set<Promise<unknown>>();
  #closed: Promise<void> | null = null;

  private constructor(fd: number, absolutePath: string) {
    this.#fd = fd;
    this.#absolutePath = absolutePath;
  }

  /** Opens a directory; its own path may lead through links, as the user named it. */
  static async open(absolutePath: string): Promise<RootDescriptor> {
    const fd = await promisify(open)(absolutePath, constants.O_RDONLY | constants.O_DIRECTORY);
    return new RootDescriptor(fd, absolutePath);
  }

  /** Runs `work` with the descriptor. @throws EBADF after `close` */
  async use<T>(work: (fd: number) => Promise<T>): Promise<T> {
    if (this.#closed) throw systemError('EBADF', 'use', this.#absolutePath);
    const running = work(this.#fd);
    this.#uses.add(running);
    try {
      return await running;
    } finally {
      this.#uses.delete(running);
    }
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#uses).then(() => promisify(close)(this.#fd));
    return this.#closed;
  }
}
