import type { Entry } from '../model/entry.ts';
import { throwIfAborted, toFerryError } from '../model/errors.ts';
import { depthOf, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { Operation } from '../reconcile/plan.ts';
import { forEachLimited } from './pool.ts';
import {
  expectation,
  type MakeDirectory,
  type Removal,
  type StructuralContext,
  type StructuralOperation,
} from './structural-context.ts';
import { isGroup, runGroups } from './structural-groups.ts';

/** Directories made, names removed or moved and metadata set at the same time on one side. */
const PARALLEL_STEPS = 16;

export function isStructural(operation: Operation): operation is StructuralOperation {
  return (
    operation.op === 'park' ||
    operation.op === 'remove' ||
    operation.op === 'make-directory' ||
    operation.op === 'move'
  );
}

/**
 * Carries out one side's changes of names: parks, removals, moves and new directories, in the order planned.
 * What is independent of each other goes at the same time. A failed step is noted in the ledger and never stops others.
 * @throws FerryError only when going on is pointless
 */
export async function runStructural(
  operations: readonly StructuralOperation[],
  context: StructuralContext,
): Promise<void> {
  await journalParks(operations, context);
  for (const wave of waves(operations, context.replica))
    if (isGroup(wave, context.replica)) await runGroups(wave, context);
    else await forEachLimited(wave, PARALLEL_STEPS, (operation) => runStep(operation, context));
}

/** Notes durably what will be put aside before it is, so that an interruption leaves no temporary name behind. */
async function journalParks(
  operations: readonly StructuralOperation[],
  { records, side }: StructuralContext,
): Promise<void> {
  const targets = new Map<SyncPath, SyncPath>();
  for (const operation of operations)
    if (operation.op === 'move') targets.set(operation.from, operation.to);
  let any = false;
  for (const operation of operations) {
    if (operation.op !== 'park') continue;
    any = true;
    const to = targets.get(operation.to) ?? operation.from;
    records.putParked({ side, parked: operation.to, from: operation.from, to });
  }
  if (any) await records.commit();
}

/** Yields what may go at the same time, or in one group: there, what depends on each other has its order. */
function* waves(
  operations: readonly StructuralOperation[],
  replica: Replica,
): Iterable<StructuralOperation[]> {
  for (let start = 0; start < operations.length; ) {
    const first = operations[start] as StructuralOperation;
    let end = start + 1;
    if (first.op === 'remove' || first.op === 'make-directory')
      while (operations[end]?.op === first.op) end++;
    else if (first.op === 'move') end += independentMoves(operations.slice(start));
    const run = operations.slice(start, end);
    start = end;
    const levels = levelsOf(first, run);
    if (isGroup(run, replica)) yield levels.flat();
    else yield* levels;
  }
}

/** Returns how many moves after the first one have nothing to do with each other, nor with what is above or below. */
function independentMoves(operations: readonly StructuralOperation[]): number {
  const touched = new Set<SyncPath>();
  const above = new Set<SyncPath>();
  const end = operations.findIndex((operation) => {
    if (operation.op !== 'move') return true;
    const ends = [operation.from, operation.to];
    const chains = ends.map(ancestorsOf);
    const meets = ends.some((path) => touched.has(path) || above.has(path));
    if (meets || chains.some((chain) => chain.some((path) => touched.has(path)))) return true;
    for (const path of ends) touched.add(path);
    for (const path of chains.flat()) above.add(path);
    return false;
  });
  return (end === -1 ? operations.length : end) - 1;
}

/** Every directory above the path, without the root. */
function ancestorsOf(path: SyncPath): readonly SyncPath[] {
  const found: SyncPath[] = [];
  for (let at = parentPath(path); at !== ROOT; at = parentPath(at)) found.push(at);
  return found;
}

/** Splits steps of one kind into what is independent of each other. */
function levelsOf(
  first: StructuralOperation,
  run: StructuralOperation[],
): readonly StructuralOperation[][] {
  if (first.op === 'make-directory') return byDepth(run as MakeDirectory[], 'ascending');
  if (first.op !== 'remove') return [run];
  const directories = (run as Removal[]).filter((removal) => removal.kind === 'directory');
  const others = (run as Removal[]).filter((removal) => removal.kind !== 'directory');
  return [others, ...byDepth(directories, 'descending')];
}

function byDepth<T extends MakeDirectory | Removal>(
  operations: readonly T[],
  order: 'ascending' | 'descending',
): T[][] {
  const levels = new Map<number, T[]>();
  for (const operation of operations) {
    const level = depthOf(operation.path);
    const same = levels.get(level);
    if (same) same.push(operation);
    else levels.set(level, [operation]);
  }
  const sorted = [...levels.entries()].sort(([a], [b]) => (order === 'ascending' ? a - b : b - a));
  return sorted.map(([, level]) => level);
}

async function runStep(operation: StructuralOperation, context: StructuralContext): Promise<void> {
  const { ledger, side, signal } = context;
  const path = operation.op === 'park' || operation.op === 'move' ? operation.from : operation.path;
  const target = operation.op === 'park' || operation.op === 'move' ? operation.to : path;
  throwIfAborted(signal);
  const isBlocked = ledger.isBlocked(side, operation.key, path);
  if (isBlocked || ledger.isBlocked(side, operation.key, target)) {
    ledger.leaveOut(operation.key);
    return;
  }
  try {
    ledger.done(side, operation.key, await perform(operation, context));
    if (operation.op === 'move') context.records.dropParked(operation.from);
    context.onDone(operation, side);
  } catch (caught) {
    const error = toFerryError(caught, path);
    ledger.fail(side, operation.key, operation.op === 'remove' ? path : target, error);
    context.onFailed(operation, side, error);
    if (ledger.fatal) throw ledger.fatal;
  }
}

async function perform(
  operation: StructuralOperation,
  { replica, ledger, side, signal, displacementOf }: StructuralContext,
): Promise<Entry | undefined> {
  const current = ledger.entry(side, operation.key);
  switch (operation.op) {
    case 'make-directory':
      return replica.makeDirectory(operation.path, { signal });
    case 'remove':
      await replica.remove(operation.path, {
        expected: expectation(current, operation.path),
        ...displacementOf(side, operation.key),
        signal,
      });
      return undefined;
    case 'park':
    case 'move':
      return replica.move(operation.from, operation.to, {
        expected: expectation(current, operation.from),
        signal,
      });
  }
}
