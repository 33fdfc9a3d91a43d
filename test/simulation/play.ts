import type { Configuration } from './configuration.ts';
import type { ScheduleEvent } from './events.ts';
import {
  convergence,
  idempotence,
  noPhantomTransfers,
  noResidue,
  trueRecords,
  visibleContents,
} from './invariants.ts';
import { type RunOutcome, SimWorld } from './world.ts';

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

const MAX_CALM_RUNS = 12;

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
  if (world.violations.length === 0) await calm(world);
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

/** No faults and quiet users: the pair must come to rest (I13), and then everything must be as it should be. */
async function calm(world: SimWorld): Promise<void> {
  world.beginCalm();
  let wasClean = false;
  let needsReset = false;
  for (let number = 1; ; number++) {
    if (number > MAX_CALM_RUNS) {
      world.violations.push(`I13: not at rest after ${MAX_CALM_RUNS} runs`);
      return;
    }
    // Until a reset is complete nothing is deleted; a mirror removes what a reset has kept.
    const isProvisional = world.isResetting || (needsReset && world.configuration.mirror);
    const outcome = await world.run(needsReset ? 'reset' : 'sync', {
      allowDeletes: true,
      yes: true,
    });
    if (world.violations.length > 0) return;
    needsReset = isAboutAnotherRoot(outcome);
    if (outcome.type === 'failed' && !needsReset) {
      world.violations.push(`I13: a calm run failed: ${outcome.code} ${outcome.message}`);
      return;
    }
    if (wasClean) {
      world.violations.push(...idempotence(outcome));
      break;
    }
    wasClean = outcome.isClean && !isProvisional;
  }
  const checks = [visibleContents, convergence, noPhantomTransfers, trueRecords, noResidue];
  for (const check of checks) world.violations.push(...check(world));
}

function isAboutAnotherRoot({ code, message }: RunOutcome): boolean {
  return code === 'GUARD_STOPPED' && message.includes('is not the one that was synced before');
}
