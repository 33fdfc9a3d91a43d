import { setTimeout as sleep } from 'node:timers/promises';
import { FerryError } from '../core/model/errors.ts';
import type { Clock } from '../core/ports.ts';

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw new FerryError('ABORTED', 'cancelled', { cause: error });
    }
  },
};
