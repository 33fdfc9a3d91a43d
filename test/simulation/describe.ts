import type { ScheduleEvent } from './events.ts';

/** Says what an event is, in one line. */
export function describe(event: ScheduleEvent): string {
  const { do: verb, ...rest } = event;
  const words = Object.entries(rest).map(([name, value]) =>
    name === 'at' ? `(before call ${value})` : name === 'picks' ? '' : `${value}`,
  );
  return [verb, ...words.filter((word) => word !== '')].join(' ');
}
