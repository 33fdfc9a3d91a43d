import { steadyTime } from '../core/steady-time.ts';

/** Wait after one change, a few, and a burst of them. */
const QUIET_MS = { one: 5, few: 25, burst: 150 };
const FEW = 3;
const BURST = 30;
/** However long a burst goes on, a run begins. */
const MAX_WAIT_MS = 1000;

/**
 * Says how long it must be quiet before changes are acted upon: a single one at once, so to speak, and of many in a
 * row a run takes as many as it can. Runs do not fill more than half of the time.
 */
export class QuietTime {
  readonly #now: () => number;
  #changes = 0;
  #begunMs = 0;
  #restUntilMs = 0;
  #runBegunMs = 0;

  constructor(now: () => number) {
    this.#now = steadyTime(now);
  }

  /** A change was heard of. */
  note(): void {
    if (this.#changes === 0) this.#begunMs = this.#now();
    this.#changes++;
  }

  /** Returns for how long to wait for another change. */
  get ms(): number {
    const now = this.#now();
    const { one, few, burst } = QUIET_MS;
    const quiet = this.#changes <= FEW ? one : this.#changes <= BURST ? few : burst;
    const left = Math.max(0, this.#begunMs + MAX_WAIT_MS - now);
    return Math.max(this.#restUntilMs - now, Math.min(quiet, left));
  }

  /** A run has begun: what comes now is of the next one. */
  runBegins(): void {
    this.#runBegunMs = this.#now();
    this.#changes = 0;
  }

  runEnds(): void {
    const now = this.#now();
    this.#restUntilMs = now + Math.min(MAX_WAIT_MS, now - this.#runBegunMs);
  }
}
