import type { Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Change, Operation, Plan, PlannedNode } from '../reconcile/plan.ts';

/** One operation that changes something, in the words of `ferry sync --dry-run`. */
export interface PlannedAction {
  readonly action:
    | 'upload'
    | 'download'
    | 'move-local'
    | 'move-remote'
    | 'delete-local'
    | 'delete-remote'
    | 'make-directory-local'
    | 'make-directory-remote'
    | 'set-metadata-local'
    | 'set-metadata-remote'
    /** The record goes, nothing is changed on either side. */
    | 'forget';
  readonly path: SyncPath;
  readonly from?: SyncPath;
  /** The rule that decided. */
  readonly reason: string;
  /** What each side had done since the last run. */
  readonly local: Change;
  readonly remote: Change;
}

const ACTIONS: Partial<Record<Operation['op'], Readonly<Record<Side, PlannedAction['action']>>>> = {
  write: { local: 'download', remote: 'upload' },
  'make-link': { local: 'download', remote: 'upload' },
  move: { local: 'move-local', remote: 'move-remote' },
  remove: { local: 'delete-local', remote: 'delete-remote' },
  'make-directory': { local: 'make-directory-local', remote: 'make-directory-remote' },
  'set-metadata': { local: 'set-metadata-local', remote: 'set-metadata-remote' },
};

/** Returns what an operation is called; null for one that is only a step on the way. */
export function actionOf(
  operation: Operation,
  side: Side,
  node: PlannedNode,
): PlannedAction | null {
  const action = ACTIONS[operation.op]?.[side];
  if (!action) return null;
  const path = 'path' in operation ? operation.path : operation.to;
  const from = operation.op === 'move' ? (node[side].from ?? operation.from) : undefined;
  const { rule, local, remote } = node.reason;
  return { action, path, ...(from === undefined ? {} : { from }), reason: rule, local, remote };
}

/** Returns everything that a plan would do. */
export function actionsOf(plan: Plan): readonly PlannedAction[] {
  const nodes = new Map(plan.nodes.map((node) => [node.key, node]));
  const actions: PlannedAction[] = [];
  for (const side of ['local', 'remote'] as const)
    for (const operation of plan.operations[side]) {
      const node = nodes.get(operation.key);
      const action = node && actionOf(operation, side, node);
      if (action) actions.push(action);
    }
  return actions;
}
