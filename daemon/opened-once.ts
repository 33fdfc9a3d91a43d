import { throwIfAborted } from '../core/model/errors.ts';

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
    abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Something that is opened when it is first needed, once for all who need it, and again when that failed. */
export class OpenedOnce<T> {
  readonly #open: () => Promise<T>;
  #opening: Promise<T> | null = null;

  constructor(open: () => Promise<T>) {
    this.#open = open;
  }

  /**
   * Returns the open one. The signal ends this caller's wait only.
   * @throws what opening it throws, ABORTED
   */
  get(signal?: AbortSignal): Promise<T> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return signal === undefined ? this.#opening : untilAborted(this.#opening, signal);
  }

  /** Returns the open one without opening it; null where there is none. Waits for an opening that goes on. */
  async ifOpened(): Promise<T | null> {
    return (await this.#opening?.catch(() => null)) ?? null;
  }
}
