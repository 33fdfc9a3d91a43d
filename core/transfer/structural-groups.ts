import type { Entry } from '../model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../model/errors.ts';
import { GROUP_FILES, type Replica } from '../ports.ts';
import {
  expectation,
  type MakeDirectory,
  type Removal,
  type StructuralContext,
  type StructuralOperation,
} from './structural-context.ts';

type GroupedStep = MakeDirectory | Removal;

/** Tells whether steps of one kind, in the order in which they depend on each other, are better done as groups. */
export function isGroup(
  steps: readonly StructuralOperation[],
  replica: Replica,
): steps is readonly MakeDirectory[] | readonly Removal[] {
  if (steps.length < 2) return false;
  const [first] = steps;
  return first?.op === 'make-directory'
    ? replica.makeDirectories !== undefined
    : first?.op === 'remove' && replica.removeMany !== undefined;
}

/**
 * Carries out steps of one kind in groups. What failed is noted as for single steps; what depends on it is left out.
 * @throws FerryError only when going on is pointless
 */
export async function runGroups(
  steps: readonly GroupedStep[],
  context: StructuralContext,
): Promise<void> {
  for (let start = 0; start < steps.length; start += GROUP_FILES)
    await runGroup(steps.slice(start, start + GROUP_FILES), context);
}

async function runGroup(steps: readonly GroupedStep[], context: StructuralContext): Promise<void> {
  const { ledger, side, signal } = context;
  throwIfAborted(signal);
  const open = steps.filter((step) => !isLeftOut(step, context));
  const answers = await answersOf(open, context);
  for (const [index, step] of open.entries()) {
    const answer = answers[index];
    // What has failed just before, above it, is the reason: not what came of that here.
    if (answer instanceof FerryError && isLeftOut(step, context)) continue;
    if (answer instanceof FerryError) {
      if (ledger.fatal) continue; // said once already
      ledger.fail(side, step.key, step.path, answer);
      context.onFailed(step, side, answer);
    } else {
      ledger.done(side, step.key, answer);
      context.onDone(step, side);
    }
  }
  if (ledger.fatal) throw ledger.fatal;
}

function isLeftOut({ key, path }: GroupedStep, { ledger, side }: StructuralContext): boolean {
  const isBlocked = ledger.isBlocked(side, key, path);
  if (isBlocked) ledger.leaveOut(key);
  return isBlocked;
}

/** Returns what each step has made, nothing for a removal, or why it failed. */
async function answersOf(
  steps: readonly GroupedStep[],
  context: StructuralContext,
): Promise<readonly (Entry | undefined | FerryError)[]> {
  if (steps.length === 0) return [];
  try {
    return steps[0]?.op === 'remove'
      ? await remove(steps as readonly Removal[], context)
      : await makeDirectories(steps as readonly MakeDirectory[], context);
  } catch (caught) {
    return steps.map(({ path }) => toFerryError(caught, path));
  }
}

async function makeDirectories(
  steps: readonly MakeDirectory[],
  { replica, signal }: StructuralContext,
): Promise<readonly (Entry | FerryError)[]> {
  const items = steps.map(({ path }) => ({ path }));
  const made = (await replica.makeDirectories?.(items, { signal })) ?? [];
  return steps.map(({ path }, index) => made[index] ?? unanswered(path));
}

async function remove(
  steps: readonly Removal[],
  { replica, ledger, side, signal, displacementOf }: StructuralContext,
): Promise<readonly (undefined | FerryError)[]> {
  const items = steps.map(({ key, path }) => ({
    path,
    expected: expectation(ledger.entry(side, key), path),
    ...displacementOf(side, key),
  }));
  const removed = (await replica.removeMany?.(items, { signal })) ?? [];
  return steps.map(({ path }, index) => {
    const answer = removed[index];
    return answer === undefined ? unanswered(path) : (answer ?? undefined);
  });
}

function unanswered(path: string): FerryError {
  return new FerryError('INTERNAL', `${path}: the group said nothing of it`, { path });
}
