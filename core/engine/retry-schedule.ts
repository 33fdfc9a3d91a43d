import type { Side } from '../model/entry.ts';
import type { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import { type Problem, problemOf } from '../model/problem.ts';
import type { Clock } from '../ports.ts';
import { steadyTime } from '../steady-time.ts';

/** Delays after the first failure and at most: of what mends itself, and of what somebody has to mend. */
const DELAYS_MS = {
  passing: { first: 5_000, longest: 15 * 60_000 },
  lasting: { first: 60_000, longest: 60 * 60_000 },
};

/** A try at one entry; what the version stands for is what was to be transferred or read. */
export interface Attempt {
  readonly side: Side;
  readonly path: SyncPath;
  readonly version: string;
}

interface Failure {
  readonly version: string;
  readonly times: number;
  /** By steady time; the problem has it by the clock. */
  readonly dueMs: number;
  readonly problem: Problem;
}

export interface RetryScheduleOptions {
  readonly clock: Clock;
  readonly random?: () => number;
}

/**
 * Says when an entry that failed is tried again: later each time, and spread, so that runs every half minute do not
 * send a file of a gigabyte every half minute to a server that refuses it. An entry that changed since is tried at
 * once. It lives as long as the engine; a new process tries everything once.
 */
export class RetrySchedule {
  readonly #options: RetryScheduleOptions;
  readonly #steadyMs: () => number;
  readonly #failures = new Map<string, Failure>();

  constructor(options: RetryScheduleOptions) {
    this.#options = options;
    this.#steadyMs = steadyTime(() => options.clock.now());
  }

  /** Lets everything be tried now; how often it failed before stays known. */
  makeAllDue(): void {
    for (const [key, failure] of this.#failures)
      this.#failures.set(key, { ...failure, dueMs: Number.NEGATIVE_INFINITY });
  }

  /** Returns the problem of an entry whose time has not come; null: it may be tried. */
  heldBack(attempt: Attempt): Problem | null {
    const failure = this.#failures.get(keyOf(attempt));
    if (failure === undefined || failure.version !== attempt.version) return null;
    return failure.dueMs > this.#steadyMs() ? failure.problem : null;
  }

  /** Takes note of a failure and returns its problem, with the time of the next try. */
  failed(attempt: Attempt, error: FerryError): Problem {
    const { clock, random = Math.random } = this.#options;
    const key = keyOf(attempt);
    const before = this.#failures.get(key);
    const times = before?.version === attempt.version ? before.times + 1 : 1;
    const { first, longest } = DELAYS_MS[error.retry === 'never' ? 'lasting' : 'passing'];
    const longMs = Math.min(longest, first * 2 ** Math.min(times - 1, 20));
    const delayMs = Math.round(longMs * (0.75 + random() / 2));
    const retryAtMs = clock.now() + delayMs;
    const problem = { ...problemOf(error, attempt.path, attempt.side), retryAtMs };
    this.#failures.set(key, {
      version: attempt.version,
      times,
      dueMs: this.#steadyMs() + delayMs,
      problem,
    });
    return problem;
  }

  /** Forgets the failures of an entry that went well. */
  succeeded({ side, path }: Pick<Attempt, 'side' | 'path'>): void {
    this.#failures.delete(keyOf({ side, path }));
  }

  /** Returns problems with the times of their next tries, where those are known. */
  dated(problems: readonly Problem[]): readonly Problem[] {
    return problems.map((problem) => {
      const failure = this.#failures.get(keyOf(problem));
      return failure?.problem.code === problem.code ? failure.problem : problem;
    });
  }

  /** Forgets what is not among the problems of a whole run any more: it was removed, or settled otherwise. */
  keepOnly(problems: readonly Problem[]): void {
    const met = new Set(problems.map(keyOf));
    for (const key of this.#failures.keys()) if (!met.has(key)) this.#failures.delete(key);
  }
}

function keyOf({ side, path }: Pick<Attempt, 'side' | 'path'>): string {
  return `${side}\n${path}`;
}
