import { setTimeout as sleep } from 'node:timers/promises';
import { type FerryError, toFerryError } from '../core/model/errors.ts';
import type { SyncPath } from '../core/model/path.ts';
import type { Content, ReadOptions, Replica } from '../core/ports.ts';
import { OpenedOnce } from './opened-once.ts';

/** After a failure a program that reads waits so long for another try, and then hears of that failure. */
const SECOND_TRY_MS = 500;

/**
 * The remote side of a drive that is shown before anybody has spoken to the server: opened when it is first needed,
 * and again when that failed.
 */
export class LateRemote {
  readonly #remote: OpenedOnce<Replica>;
  readonly #stop = new AbortController();
  #failure: FerryError | null = null;

  constructor(open: (signal: AbortSignal) => Promise<Replica>) {
    this.#remote = new OpenedOnce(async () => {
      try {
        const remote = await open(this.#stop.signal);
        this.#failure = null;
        return remote;
      } catch (error) {
        this.#failure = toFerryError(error);
        throw this.#failure;
      }
    });
  }

  /** Returns the open remote. @throws what opening throws */
  opened(): Promise<Replica> {
    return this.#remote.get();
  }

  /** Reads for a program: while the server cannot be reached, it hears so at once. @throws REMOTE_*, CHANGED */
  async read(path: SyncPath, options: ReadOptions): Promise<Content> {
    const remote = await this.#openedSoon();
    return remote.read(path, options);
  }

  /** Ends an opening that waits for the server. */
  abandon(): void {
    this.#stop.abort();
  }

  /** Closes the remote if it was opened; of no use afterwards. */
  async close(): Promise<void> {
    this.abandon();
    await (await this.#remote.ifOpened())?.close();
  }

  async #openedSoon(): Promise<Replica> {
    const failure = this.#failure;
    const opened = this.opened();
    if (failure === null) return opened;
    const stop = new AbortController();
    try {
      const tooLong = sleep(SECOND_TRY_MS, null, { signal: stop.signal });
      const remote = await Promise.race([opened, tooLong]);
      if (remote === null) throw failure;
      return remote;
    } finally {
      stop.abort();
    }
  }
}
