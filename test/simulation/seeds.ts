import type { Direction } from '../../core/model/entry.ts';
import { drawConfiguration } from './configuration.ts';
import { drawnEvents } from './generate.ts';
import { type Played, type PlayOptions, play } from './play.ts';
import { Random } from './random.ts';

/** A seed in which something was wrong. */
export interface Failure {
  readonly seed: number;
  readonly violations: readonly string[];
}

/** What came of many seeds. */
export interface SeedsResult {
  readonly seeds: number;
  readonly runs: number;
  readonly crashes: number;
  readonly faults: number;
  readonly failures: readonly Failure[];
}

export interface SeedsOptions {
  readonly first: number;
  readonly count: number;
  /** Absent: each seed draws its own. */
  readonly direction?: Direction;
  /** Stops after so many failures. */
  readonly maxFailures: number;
  /** Begins no seed after this time, in ms since 1970. */
  readonly untilMs?: number;
}

/** One seed in so many is played twice, to see that nothing but the seed decides (I14). */
const TWICE = 100;
/** The time is looked at once in so many seeds. */
const SEEDS_PER_LOOK = 20;

/** Plays what a seed says. */
export function playSeed(
  seed: number,
  direction?: Direction,
  options: PlayOptions = {},
): Promise<Played> {
  const configuration = drawConfiguration(Random.of(seed, 'configuration'), direction);
  return play(configuration, drawnEvents(seed, configuration), options);
}

/** Plays seeds one after the other. */
export async function playSeeds(options: SeedsOptions): Promise<SeedsResult> {
  const { first, count, direction, maxFailures, untilMs = Number.POSITIVE_INFINITY } = options;
  const failures: Failure[] = [];
  let [seeds, runs, crashes, faults] = [0, 0, 0, 0];
  for (let seed = first; seed < first + count && failures.length < maxFailures; seed++) {
    if (seeds % SEEDS_PER_LOOK === 0 && Date.now() > untilMs) break;
    const played = await playSeed(seed, direction);
    const violations = [...played.violations];
    if (seed % TWICE === 0) {
      const again = await playSeed(seed, direction);
      if (again.traceHash !== played.traceHash)
        violations.push('I14: the same seed went another way the second time');
    }
    if (violations.length > 0) failures.push({ seed, violations });
    seeds++;
    runs += played.runs;
    crashes += played.crashes;
    faults += played.faults;
  }
  return { seeds, runs, crashes, faults, failures };
}
