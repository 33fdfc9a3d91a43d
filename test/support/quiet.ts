import { FerryError } from '../../core/model/errors.ts';
import type { Clock, Logger } from '../../core/ports.ts';

/** A logger that says nothing. */
export const quietLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => quietLogger,
};

/** The real time. */
export const realClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new FerryError('ABORTED', 'cancelled', { cause: signal.reason }));
      });
    }),
};
