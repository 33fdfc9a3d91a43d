import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { PosixError } from './posix-error.ts';

export interface StallOptions {
  readonly path: SyncPath;
  /** Silence of so long is the end. */
  readonly stallMs: number;
  /** Says that whoever waits is not waiting in vain, although nothing came for it: its turn has not come yet. */
  readonly isInQueue: () => boolean;
}

/** Rejects when nothing has come for a while. */
export class StallWatch {
  readonly stalled: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  constructor({ path, stallMs, isInQueue }: StallOptions) {
    let refuse: (error: Error) => void = () => {};
    this.stalled = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    // Whether anybody waits for it or not, a stall is no unhandled rejection.
    this.stalled.catch(() => undefined);
    this.#timer = setTimeout(() => {
      if (isInQueue()) {
        this.#timer.refresh();
        return;
      }
      const message = `${path}: nothing came from the other side for ${stallMs / 1000} s`;
      const cause = new PosixError('ETIMEDOUT', message);
      refuse(new FerryError('REMOTE_UNREACHABLE', message, { path, cause }));
    }, stallMs);
  }

  progress(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
