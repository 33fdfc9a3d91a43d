import { calmDown } from './calm.ts';
import type { Configuration } from './configuration.ts';
import type { ScheduleEvent } from './events.ts';
import { SimWorld } from './world.ts';

/** Where a schedule's events come from: drawn with the world in view, or given. */
export type EventSource = (world: SimWorld) => ScheduleEvent | null;

/** What came of one schedule. */
export interface Played {
  readonly events: readonly ScheduleEvent[];
  readonly violations: readonly string[];
  readonly traceHash: number;
  readonly lines: readonly string[];
  readonly runs: number;
  readonly crashes: number;
  readonly faults: number;
  /** What was picked in each run of the events. */
  readonly taken: readonly (readonly number[])[];
}

export interface PlayOptions {
  readonly keepsLines?: boolean;
}

/** Plays a schedule: first its events, with safety checked at each run; then calm, in which all must come to rest. */
export async function play(
  configuration: Configuration,
  source: EventSource,
  options: PlayOptions = {},
): Promise<Played> {
  const world = new SimWorld(configuration, options.keepsLines ?? false);
  const events: ScheduleEvent[] = [];
  let crashes = 0;
  let faults = 0;
  for (let event = source(world); event !== null; event = source(world)) {
    events.push(event);
    if (event.do === 'kill' || event.do === 'power') crashes++;
    if ('at' in event) faults++;
    await world.apply(event);
    if (world.violations.length > 0) break;
  }
  const taken = [...world.taken];
  if (world.violations.length === 0) await calmDown(world);
  return {
    events,
    violations: [...new Set(world.violations)],
    traceHash: world.trace.hash,
    lines: world.trace.lines ?? [],
    runs: world.taken.length,
    crashes,
    faults,
    taken,
  };
}

/** Returns a source that gives these events. */
export function given(events: readonly ScheduleEvent[]): EventSource {
  let next = 0;
  return () => events[next++] ?? null;
}
