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
  /** Runs when something changed. */
  readonly watch: boolean;
}

/** A server that tells of no changes is looked at this often, by pairs that watch and by drives. */
export const LOOK_AT_SERVER_MS = 30_000;

/** Two folders tell of their changes; what their watchers missed is found this often. */
export const LOOK_AT_FOLDER_MS = 300_000;

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

/** Returns the schedule of a pair that watches with the looks that make up for changes nobody told of. */
export function withLooks(schedule: Schedule, everyMs: number): Schedule {
  return schedule.watch && schedule.everyMs === undefined ? { ...schedule, everyMs } : schedule;
}
