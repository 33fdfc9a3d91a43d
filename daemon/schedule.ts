/** Days of the week, in the order of a working week. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

export type Day = (typeof DAYS)[number];

/** When a pair runs by itself. */
export interface Schedule {
  readonly everyMs?: number;
  /** Times of day, `HH:MM`, in the time zone of this machine. */
  readonly at: readonly string[];
  /** The days on which `at` holds; none: every day. */
  readonly days: readonly Day[];
  readonly onStart: boolean;
  readonly onExit: boolean;
  /** Runs when something changed locally. */
  readonly watch: boolean;
}

/** A pair that only runs when it is told to. */
export const NO_SCHEDULE: Schedule = {
  at: [],
  days: [],
  onStart: false,
  onExit: false,
  watch: false,
};

/** Tells whether the schedule needs somebody who waits: the daemon. */
export function isAutomatic(schedule: Schedule): boolean {
  return (
    schedule.everyMs !== undefined ||
    schedule.at.length > 0 ||
    schedule.onStart ||
    schedule.onExit ||
    schedule.watch
  );
}
