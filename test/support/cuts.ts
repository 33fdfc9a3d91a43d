import { TEMPORARY_PREFIX } from '../../core/model/path.ts';
import { checkKept } from './invariants.ts';
import { type Pair, stepsOf } from './pair.ts';
import type { World } from './world.ts';

const MAX_RUNS = 4;
const SIDES = ['local', 'remote'] as const;

/**
 * Cuts the pair's run after each of its steps, lets new runs finish from the old records, and checks that nothing was
 * lost or left behind. Returns the number of cuts.
 * @throws Error that names the rule that was broken
 */
export function checkCuts(pair: Pair, base: World): number {
  const plan = pair.plan();
  const count = stepsOf(plan).length;
  for (let cut = 1; cut <= count; cut++) {
    const broken = pair.copy();
    broken.runInterrupted(plan, cut);
    runUntilQuiet(broken);
    checkKept(pair, broken, base);
    for (const side of SIDES)
      for (const [path] of broken[side].entries())
        if (path.includes(TEMPORARY_PREFIX) || /\(conflict [^/]*\(conflict /.test(path))
          throw new Error(`${path} is left behind`);
  }
  return count;
}

function runUntilQuiet(pair: Pair): void {
  for (let run = 0; run < MAX_RUNS; run++) {
    const { operations } = pair.run();
    if (operations.local.length + operations.remote.length === 0) return;
  }
  throw new Error(`after ${MAX_RUNS} runs there is still something to do`);
}
