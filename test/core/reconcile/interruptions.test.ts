import { describe, expect, test } from '@jest/globals';
import { TEMPORARY_PREFIX } from '../../../core/model/path.ts';
import { type EditedPair, editedPairs, withSituation } from '../../support/edited-pairs.ts';
import { checkKept } from '../../support/invariants.ts';
import type { Pair } from '../../support/pair.ts';
import { stepsOf } from '../../support/pair.ts';

const SAMPLES = 200;
const MAX_RUNS = 4;
const TIME_LIMIT_MS = 900_000;

function runUntilQuiet(pair: Pair): void {
  for (let run = 0; run < MAX_RUNS; run++) {
    const { operations } = pair.run();
    if (operations.local.length + operations.remote.length === 0) return;
  }
  throw new Error(`after ${MAX_RUNS} runs there is still something to do`);
}

/** Cuts the run after each of its steps, lets new runs finish from the old records; returns how many cuts. */
function checkCuts({ base, pair }: EditedPair): number {
  const plan = pair.plan();
  const count = stepsOf(plan).length;
  for (let cut = 1; cut <= count; cut++) {
    const broken = pair.copy();
    broken.runInterrupted(plan, cut);
    runUntilQuiet(broken);
    checkKept(pair, broken, base);
    for (const side of ['local', 'remote'] as const)
      for (const [path] of broken[side].entries())
        if (path.includes(TEMPORARY_PREFIX) || /\(conflict [^/]*\(conflict /.test(path))
          throw new Error(`${path} is left behind`);
  }
  return count;
}

describe('a run that was cut off after any of its steps', () => {
  test.each([true, false])(
    'has lost nothing, and the next runs finish it (identities: %s)',
    (identities) => {
      let cuts = 0;
      for (const edited of editedPairs(SAMPLES, identities))
        try {
          cuts += checkCuts(edited);
        } catch (error) {
          throw withSituation(error, edited);
        }
      process.stdout.write(`interruptions: ${cuts} cuts (identities: ${identities})\n`);
      expect(cuts).toBeGreaterThan(10_000);
    },
    TIME_LIMIT_MS,
  );
});
