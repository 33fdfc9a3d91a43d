import { otherSide, type Side } from '../model/entry.ts';
import { childPath, ROOT, type SyncPath } from '../model/path.ts';
import { isCreated, isRemoved, isRenamed } from './operations.ts';
import type { Placement, PlanCounts, PlannedNode } from './plan.ts';
import { type Forest, goalPath, type Node, resolved, SIDES } from './tree.ts';

/** Where nodes are after the run, on each side. */
export type GoalPaths = Readonly<Record<Side, Map<Node, SyncPath | null>>>;

/** Returns the nodes for which something happens or whose record changes. */
export function plannedNodes(forest: Forest, paths: GoalPaths): readonly PlannedNode[] {
  const planned: PlannedNode[] = [];
  for (const node of forest.nodes) {
    if (node === forest.root || node.frozen) continue;
    const hasSteps = SIDES.some((side) => isTouched(node, side));
    const record = recordOf(node, hasSteps);
    if (hasSteps || record !== 'keep') planned.push(plannedNode(node, record, hasSteps, paths));
  }
  return planned;
}

/** Returns how much the plan does, and in what the sides stay different. */
export function countsOf(forest: Forest, destination: Side | null): PlanCounts {
  const counts = {
    deletedLocal: 0,
    deletedRemote: 0,
    modifiedLocal: 0,
    modifiedRemote: 0,
    conflicts: 0,
    destinationOnly: 0,
    changedHere: 0,
    removedHere: 0,
  };
  for (const node of forest.nodes) {
    if (node === forest.root) continue;
    if (isDeletion(node, 'local')) counts.deletedLocal++;
    if (isDeletion(node, 'remote')) counts.deletedRemote++;
    if (isReplaced(node, 'local')) counts.modifiedLocal++;
    if (isReplaced(node, 'remote')) counts.modifiedRemote++;
    if (node.copyOf !== null) counts.conflicts++;
    const difference = destination === null ? null : differenceOn(node, destination);
    if (difference !== null) counts[difference]++;
  }
  return counts;
}

function isReplaced(node: Node, side: Side): boolean {
  return node.base !== null && node.content === `to-${side}` && node.spots[side] !== null;
}

/** In what the destination of a one-way pair goes on to differ from its master. */
function differenceOn(
  node: Node,
  destination: Side,
): 'destinationOnly' | 'changedHere' | 'removedHere' | null {
  const isThere = node.spots[destination]?.seen != null;
  if (node.fate === 'own') return isThere ? 'destinationOnly' : null;
  if (node.diverged !== null) return 'changedHere';
  const isMissing = node.base !== null && node.fate === 'held' && !node.frozen && !isThere;
  return isMissing ? 'removedHere' : null;
}

/** Not what a move leaves behind at its old place: that goes on elsewhere. */
function isDeletion(node: Node, side: Side): boolean {
  const { changes } = node;
  return (
    isRemoved(node, side) && (changes[otherSide(side)] === 'deleted' || changes[side] === 'new')
  );
}

function isTouched(node: Node, side: Side): boolean {
  return (
    isCreated(node, side) ||
    isRenamed(node, side) ||
    isRemoved(node, side) ||
    node.content === `to-${side}` ||
    node.metadata === `to-${side}`
  );
}

function recordOf(node: Node, hasSteps: boolean): PlannedNode['record'] {
  if (node.fate === 'held') return 'keep';
  if (node.fate !== 'live') return node.base === null ? 'keep' : 'drop';
  const { base, baseParent, goals } = node;
  const place = goals.remote ?? goals.local;
  const isNew = base === null || place === null;
  if (isNew || hasSteps || node.adopted) return 'write';
  const isElsewhere = resolved(place.parent) !== baseParent || place.name !== base.name;
  return isElsewhere || hasNewIdentity(node) ? 'write' : 'keep';
}

/** What a side calls the node by has changed, as when a program writes a file anew: moves are found by it. */
function hasNewIdentity({ base, spots, diverged }: Node): boolean {
  if (diverged !== null) return false;
  return SIDES.some((side) => {
    const identity = spots[side]?.seen?.identity;
    return identity !== undefined && identity !== base?.identity[side];
  });
}

function plannedNode(
  node: Node,
  record: PlannedNode['record'],
  hasSteps: boolean,
  paths: GoalPaths,
): PlannedNode {
  const { key, base, kind, content, metadata, changes, copyOf } = node;
  const placement = (side: Side): Placement => ({
    from: node.spots[side]?.path ?? null,
    to: goalPath(node, side, paths[side]),
  });
  const planned: PlannedNode = {
    key,
    baseId: base?.id ?? null,
    kind,
    local: placement('local'),
    remote: placement('remote'),
    content,
    metadata,
    record,
    adopts: record === 'write' && !hasSteps && node.diverged === null,
    reason: { ...changes, rule: node.rule || ruleOf(node, hasSteps) },
  };
  if (copyOf === null) return planned;
  const { place, from } = copyOf;
  const parent = resolved(place.parent);
  const directory = goalPath(parent, from, paths[from]) ?? ROOT;
  return { ...planned, conflictOf: { path: childPath(directory, place.name), from } };
}

function ruleOf(node: Node, hasSteps: boolean): string {
  if (node.fate === 'gone') {
    const exists = node.spots.local ?? node.spots.remote;
    return exists === null ? 'gone on both sides' : 'deleted on the other side';
  }
  if (node.fate === 'own') return 'only on the destination from now on';
  if (!hasSteps) return node.base === null ? 'equal on both sides' : 'only the record changes';
  const { local, remote } = node.changes;
  if (local === 'new' || remote === 'new') return 'new on one side';
  if (SIDES.some((side) => node.changes[side].startsWith('moved'))) return 'moved on one side';
  if (node.content !== 'none') return 'changed on one side';
  return node.metadata === 'none' ? 'brought in line' : 'time or mode changed on one side';
}
