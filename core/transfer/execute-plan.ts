import type { Direction, Entry, Side } from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Problem } from '../model/problem.ts';
import type { Displacement, Replica } from '../ports.ts';
import type { Operation, Plan, PlannedNode } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import { type ContentContext, finishEntries, writeContents } from './contents.ts';
import { Ledger, type ObservedSide } from './ledger.ts';
import { isStructural, runStructural } from './structural.ts';
import { tellCounterparts } from './tell-counterparts.ts';
import type { Throttle } from './throttle.ts';

export interface ExecuteOptions {
  readonly plan: Plan;
  readonly direction: Direction;
  readonly records: Records;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly observed: Readonly<Record<Side, ObservedSide>>;
  readonly signal: AbortSignal;
  /** What holds contents back on their way to a side. */
  readonly throttle: Readonly<Record<Side, Throttle | null>>;
  /** Content bytes that arrived on `side`. */
  readonly onBytes: (side: Side, count: number) => void;
  /** Content bytes that need not travel to `side`, as it had them. */
  readonly onSpared: (side: Side, count: number) => void;
  /** One step succeeded on `side`; `local` is what the local side holds of the node now. */
  readonly onDone: (
    operation: Operation,
    side: Side,
    node: PlannedNode,
    local: Entry | undefined,
  ) => void;
  /** One step failed on `side`. */
  readonly onFailed: (
    operation: Operation,
    side: Side,
    node: PlannedNode,
    error: FerryError,
  ) => void;
  /** Says why the node's entry on `side` gives way; `isEqual`: the other side is known to hold the same content. */
  readonly displacementOf: (side: Side, node: PlannedNode, isEqual: boolean) => Displacement;
  /** Returns the problem of an earlier run for which the content that `side` is to receive waits; null: it may come. */
  readonly heldBack: (side: Side, node: PlannedNode) => Problem | null;
  /** All steps of one node succeeded. */
  readonly onFinished: (node: PlannedNode) => void;
}

export interface ExecuteResult {
  readonly problems: readonly Problem[];
  readonly needsAnotherPass: boolean;
  /** A file changed while it was read: another pass is worth trying when it was quiet for a while. */
  readonly sourceChanged: boolean;
  /** What was not as planned; worth a word when it is so in each pass. */
  readonly unsettled: readonly Problem[];
  /** Where a side holds a node now; undefined when it does not. */
  readonly placeOf: (side: Side, key: number) => SyncPath | undefined;
  /** Set when the run had to stop: everything finished before is durable and recorded. */
  readonly fatal: FerryError | null;
}

const SIDES = ['local', 'remote'] as const;

/**
 * Carries out a plan: names first on both sides, then contents both ways, then times and modes; what is finished is
 * made durable and then recorded, in that order. Failures of single nodes are problems in the result.
 */
export async function executePlan(options: ExecuteOptions): Promise<ExecuteResult> {
  const { plan, records, replicas, signal } = options;
  const ledger = new Ledger(options);
  const onDone = (operation: Operation, side: Side): void => {
    const node = ledger.node(operation.key);
    if (node) options.onDone(operation, side, node, ledger.entry('local', operation.key));
  };
  const onFailed = (operation: Operation, side: Side, error: FerryError): void => {
    const node = ledger.node(operation.key);
    if (node) options.onFailed(operation, side, node, error);
  };
  const displacementOf = (side: Side, key: number): { displacement?: Displacement } => {
    const node = ledger.node(key);
    if (!node) return {};
    const isEqual = ledger.hasEqualContent(node);
    return { displacement: options.displacementOf(side, node, isEqual) };
  };
  const onBoth = async (work: (side: Side) => Promise<void>): Promise<void> => {
    const results = await Promise.allSettled(SIDES.map(work));
    for (const result of results)
      if (result.status === 'rejected') ledger.fatal ??= toFerryError(result.reason);
  };
  const record = async (): Promise<void> => {
    await Promise.all(SIDES.map((side) => replicas[side].flush()));
    ledger.stageFinished();
    await records.dropOrphans();
    await tellCounterparts(replicas, ledger.takeEqual());
    await records.commit();
  };
  const content = (side: Side): ContentContext => ({
    ...options,
    side,
    ledger,
    onDone,
    onFailed,
    displacementOf,
    heldBack: (which, key) => {
      const node = ledger.node(key);
      return node ? options.heldBack(which, node) : null;
    },
    throttle: options.throttle[side],
  });

  await onBoth((side) =>
    runStructural(plan.operations[side].filter(isStructural), {
      side,
      replica: replicas[side],
      ledger,
      records,
      signal,
      onDone,
      onFailed,
      displacementOf,
    }),
  );
  await record();
  if (!ledger.fatal) await onBoth((side) => writeContents(plan.operations[side], content(side)));
  if (!ledger.fatal) await onBoth((side) => finishEntries(plan.operations[side], content(side)));
  await record();
  // A receiver may end quietly when no more items come: that is no end of the run.
  if (signal.aborted) ledger.fatal ??= new FerryError('ABORTED', 'cancelled');
  return {
    problems: ledger.problems,
    needsAnotherPass: ledger.needsAnotherPass || ledger.isAnythingLeft,
    sourceChanged: ledger.sourceChanged,
    unsettled: ledger.unsettled,
    placeOf: (side, key) => ledger.entry(side, key)?.path,
    fatal: ledger.fatal,
  };
}
