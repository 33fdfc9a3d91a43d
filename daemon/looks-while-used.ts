import {
  asyncScheduler,
  defer,
  filter,
  interval,
  map,
  type Observable,
  type SchedulerLike,
} from 'rxjs';

/** What is asked every second: a number that may have grown, and no more than that. */
const TICK_MS = 1000;
/** For so long after the last call of a program a drive counts as in use, and as used of late. */
const IN_USE_MS = 60_000;
const OF_LATE_MS = 600_000;
/** A server is looked at this often meanwhile; later nobody asks for more than the schedule does. */
const LOOK_IN_USE_MS = 2000;
const LOOK_OF_LATE_MS = 10_000;
/** Looks at a large tree take long: they fill a tenth of the time at most. */
const PAUSE_PER_LOOK = 9;

export interface LooksOptions {
  /** Returns how many calls of programs the drive has answered. */
  readonly operations: () => number;
  /** Returns the last look; null: there was none yet, and one is on its way. */
  readonly lastLook: () => { readonly atMs: number; readonly durationMs: number } | null;
  readonly scheduler?: SchedulerLike;
}

/** Emits whenever a server that tells of no changes is worth a look, because programs use the drive. */
export function looksWhileUsed(options: LooksOptions): Observable<void> {
  const { operations, lastLook, scheduler = asyncScheduler } = options;
  return defer(() => {
    let known = operations();
    let usedAtMs = Number.NEGATIVE_INFINITY;
    const isDue = (): boolean => {
      const now = scheduler.now();
      const answered = operations();
      if (answered !== known) usedAtMs = now;
      known = answered;
      const idleMs = now - usedAtMs;
      const look = lastLook();
      if (look === null || idleMs > OF_LATE_MS) return false;
      const wantedMs = idleMs > IN_USE_MS ? LOOK_OF_LATE_MS : LOOK_IN_USE_MS;
      const agoMs = now - look.atMs;
      // The clock was set back: nobody knows how long ago it was.
      if (agoMs < 0) return true;
      return agoMs >= Math.max(wantedMs, PAUSE_PER_LOOK * look.durationMs);
    };
    return interval(TICK_MS, scheduler).pipe(
      filter(isDue),
      map(() => undefined),
    );
  });
}
