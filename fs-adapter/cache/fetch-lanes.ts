import { FerryError } from '../../core/model/errors.ts';

/** Who waits for a fetch: a program, or only what shall be here before anybody asks for it. */
export type Urgency = 'program' | 'background';

const LANES: Readonly<Record<Urgency, number>> = { program: 12, background: 3 };

/**
 * Lets only so many fetches run at a time. Those that programs wait for have lanes of their own, so that no amount of
 * work in the background delays them; while one of them waits for a lane, nothing in the background is begun.
 */
export class FetchLanes {
  readonly #running: Record<Urgency, number> = { program: 0, background: 0 };
  readonly #waiting: Record<Urgency, (() => void)[]> = { program: [], background: [] };

  /** Runs `work` when there is a lane for it. @throws ABORTED while it waits for one, and what `work` throws */
  async run<T>(urgency: Urgency, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#isFree(urgency)) this.#running[urgency] += 1;
    else await this.#turn(urgency, signal);
    try {
      return await work();
    } finally {
      this.#running[urgency] -= 1;
      this.#next();
    }
  }

  #isFree(urgency: Urgency): boolean {
    if (urgency === 'background' && this.#waiting.program.length > 0) return false;
    return this.#running[urgency] < LANES[urgency];
  }

  #turn(urgency: Urgency, signal: AbortSignal): Promise<void> {
    const queue = this.#waiting[urgency];
    return new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        queue.splice(queue.indexOf(begin), 1);
        reject(new FerryError('ABORTED', 'cancelled'));
      };
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      queue.push(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #next(): void {
    for (const urgency of ['program', 'background'] as const) {
      if (!this.#isFree(urgency)) continue;
      const begin = this.#waiting[urgency].shift();
      if (begin === undefined) continue;
      // Taken for it at once, so that nobody who comes meanwhile gets the lane.
      this.#running[urgency] += 1;
      begin();
    }
  }
}
