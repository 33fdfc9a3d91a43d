import {
  convergence,
  idempotence,
  noPhantomTransfers,
  noResidue,
  sameTimes,
  trueRecords,
  visibleContents,
} from './invariants.ts';
import type { RunOutcome, SimWorld } from './world.ts';

const MAX_RUNS = 12;

/** No faults and quiet users: the pair must come to rest (I13), and then everything must be as it should be. */
export async function calmDown(world: SimWorld): Promise<void> {
  world.beginCalm();
  const last = await restingRun(world);
  if (last === null) return;
  world.violations.push(...idempotence(last));
  const checks = [
    visibleContents,
    convergence,
    sameTimes,
    noPhantomTransfers,
    trueRecords,
    noResidue,
  ];
  for (const check of checks) world.violations.push(...check(world));
}

/** Returns the run after the first clean one; null when something went wrong before. */
async function restingRun(world: SimWorld): Promise<RunOutcome | null> {
  let hasLooked = false;
  let wasClean = false;
  let needsReset = false;
  for (let number = 1; number <= MAX_RUNS; number++) {
    // Until a reset is complete nothing is deleted; a mirror removes what a reset has kept.
    const isProvisional = world.isResetting || (needsReset && world.configuration.mirror);
    const outcome = await world.run(needsReset ? 'reset' : 'sync', {
      allowDeletes: true,
      yes: true,
    });
    if (world.violations.length > 0) return null;
    needsReset = isAboutAnotherRoot(outcome);
    if (outcome.type === 'failed' && !needsReset) {
      world.violations.push(`I13: a calm run failed: ${outcome.code} ${outcome.message}`);
      return null;
    }
    if (wasClean && (hasLooked || !looksAtConflicts(outcome, world))) return outcome;
    hasLooked = wasClean;
    wasClean = outcome.isClean && !isProvisional;
  }
  world.violations.push(`I13: not at rest after ${MAX_RUNS} runs`);
  return null;
}

/** A conflict is looked at once more after it was made, and then no more. */
function looksAtConflicts({ changes, reads }: RunOutcome, world: SimWorld): boolean {
  return changes.length === 0 && reads > 0 && world.hasConflicts;
}

function isAboutAnotherRoot({ code, message }: RunOutcome): boolean {
  return code === 'GUARD_STOPPED' && message.includes('is not the one that was synced before');
}
