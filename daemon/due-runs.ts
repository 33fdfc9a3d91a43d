import { Cron } from 'croner';
import {
  asyncScheduler,
  defer,
  EMPTY,
  filter,
  last,
  map,
  NEVER,
  type Observable,
  of,
  repeat,
  type SchedulerLike,
  timer,
} from 'rxjs';
import type { Day, Schedule } from './schedule.ts';

function cronPattern(at: string, days: readonly Day[]): string {
  const [hour, minute] = at.split(':').map(Number);
  return `${minute} ${hour} * * ${days.length === 0 ? '*' : days.join(',')}`;
}

/** Returns the first time after `fromMs` at which a run is due, in ms since 1970; null: never. */
export function nextDue(schedule: Schedule, fromMs: number): number | null {
  const times = schedule.at.flatMap((at) => {
    const next = new Cron(cronPattern(at, schedule.days)).nextRun(new Date(fromMs));
    return next === null ? [] : [next.getTime()];
  });
  if (schedule.everyMs !== undefined) times.push(fromMs + schedule.everyMs);
  return times.length === 0 ? null : Math.min(...times);
}

/** A timer stands still while the machine sleeps, so the wall clock is looked at this often. */
const LOOK_AT_CLOCK_MS = 60_000;

/**
 * Emits once when the wall clock has reached `dueMs`, however far that is, or when it is found that there is no use in
 * waiting for that any more.
 */
export function waitUntil(
  dueMs: number,
  scheduler: SchedulerLike,
  isUseless: () => boolean = () => false,
): Observable<unknown> {
  const remaining = () => (isUseless() ? 0 : Math.max(0, dueMs - scheduler.now()));
  return defer(() => timer(Math.min(remaining(), LOOK_AT_CLOCK_MS), scheduler)).pipe(
    repeat({ delay: () => (remaining() > 0 ? of(0) : EMPTY) }),
    last(),
  );
}

export interface ScheduledOptions {
  readonly scheduler?: SchedulerLike;
  /** The last run, of an earlier process; absent: the schedule begins now. */
  readonly sinceMs?: number;
}

/**
 * Emits whenever a run is due, and tells `onNext` when that will be. A time that passed while the machine slept or
 * was off is made up for once. The interval counts from the last due time.
 */
export function scheduled$(
  schedule: Schedule,
  onNext: (dueMs: number | null) => void,
  { scheduler = asyncScheduler, sinceMs }: ScheduledOptions = {},
): Observable<void> {
  let countFromMs = sinceMs;
  return defer(() => {
    const now = scheduler.now();
    // A clock that was set back must not let a pair wait for the time that it showed before.
    const planned = nextDue(schedule, Math.min(countFromMs ?? now, now));
    countFromMs = undefined;
    const due = planned === null ? null : Math.max(planned, now);
    onNext(due);
    if (due === null) return NEVER;
    // Nor must one that is set back meanwhile: the time is planned anew.
    const isSetBack = (): boolean => scheduler.now() < now;
    return waitUntil(due, scheduler, isSetBack).pipe(filter(() => !isSetBack()));
  }).pipe(
    repeat(),
    map(() => undefined),
  );
}
