import type { Direction } from '../../core/model/entry.ts';
import { checkCuts } from '../support/cuts.ts';
import { withSituation } from '../support/edited-pairs.ts';
import { checkRun } from '../support/invariants.ts';
import type { Situation, Universe } from './universes.ts';

/** What checking a universe in one direction has come to. */
export interface Tally {
  readonly runs: number;
  /** Runs that were cut off after one of their steps, and finished by later ones. */
  readonly cuts: number;
  readonly violations: number;
  /** The first of them, each with the whole situation. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 3;

/** Checks every `stride`-th situation of a universe, and each cut of it; 1 is all of them. */
export function checkUniverse(universe: Universe, direction: Direction, stride = 1): Tally {
  let runs = 0;
  let cuts = 0;
  let violations = 0;
  let index = 0;
  const examples: string[] = [];
  for (const situation of universe.situations(direction)) {
    if (index++ % stride !== 0) continue;
    runs++;
    try {
      cuts += checkSituation(situation);
    } catch (error) {
      violations++;
      if (examples.length < MAX_EXAMPLES) examples.push(withSituation(error, situation).message);
    }
  }
  return { runs, cuts, violations, examples };
}

/** A cut-off mirror run may lose what the destination had: that is what a mirror is. */
function checkSituation({ pair, base }: Situation): number {
  checkRun(pair.copy(), base);
  const { deletes, mirror } = pair.policy;
  return mirror || deletes !== 'propagate' ? 0 : checkCuts(pair, base);
}
