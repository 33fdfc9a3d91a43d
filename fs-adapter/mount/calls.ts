import type { Logger } from '../../core/ports.ts';
import { PosixError } from '../cache/posix-error.ts';
import { errno, errnoOf } from './errno.ts';
import type { MountedFiles } from './mount-backend.ts';

/** A call that has not been answered for so long, and does not wait for the other side, fails: never a hang. */
const ANSWER_DEADLINE_MS = 60_000;

/** Answers every call exactly once, whatever happens in it: an exception would end the process, silence a program. */
export class Calls {
  answered = 0;
  readonly #files: MountedFiles;
  readonly #log: Logger;

  constructor(files: MountedFiles, logger: Logger) {
    this.#files = files;
    this.#log = logger;
  }

  /** Runs `work` and replies with 0 and its result, or with `resultOf` it, or with the error's errno. */
  answer<T>(
    name: string,
    done: (result: number, value?: T) => void,
    work: () => T | Promise<T>,
    resultOf: (value: T) => number = () => 0,
  ): void {
    let isAnswered = false;
    const reply = (result: number, value?: T): void => {
      if (isAnswered) return;
      isAnswered = true;
      clearTimeout(timer);
      this.answered += 1;
      if (value === undefined) done(result);
      else done(result, value);
    };
    const timer = setTimeout(() => {
      if (this.#files.isFetching()) return void timer.refresh();
      this.#log.error('a call on the drive was not answered in time', { call: name });
      reply(errno('ETIMEDOUT'));
    }, ANSWER_DEADLINE_MS);
    const fail = (error: unknown): void => {
      if (!(error instanceof PosixError))
        this.#log.warn('a call on the drive failed', { call: name, error: String(error) });
      reply(errnoOf(error));
    };
    try {
      const value = work();
      if (value instanceof Promise) value.then((late) => reply(resultOf(late), late), fail);
      else reply(resultOf(value), value);
    } catch (error) {
      fail(error);
    }
  }
}
