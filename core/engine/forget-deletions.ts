import { otherSide, type Side } from '../model/entry.ts';
import type { Plan } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';

/**
 * Stages the removal of the records from which the plan concludes that something was deleted, and returns how many
 * there were. After a change of the direction what is missing on a side may have been left out by the rules that held
 * before, so it is no deletion: without a record it is only on the other side.
 */
export function forgetDeletions(records: Records, plan: Plan): number {
  const deleted = new Set<number>();
  for (const side of ['local', 'remote'] as const)
    for (const { op, key } of plan.operations[side]) if (op === 'remove') deleted.add(key);
  let count = 0;
  // Nodes of records come in the order of their directories: backwards, each directory is empty when its turn comes.
  for (const node of plan.nodes.toReversed()) {
    if (node.baseId === null || !deleted.has(node.key)) continue;
    const isOnOneSide = (side: Side): boolean =>
      node[side].from !== null && node[otherSide(side)].from === null;
    if (!isOnOneSide('local') && !isOnOneSide('remote')) continue;
    if (records.get(node.baseId) && records.drop(node.baseId)) count++;
  }
  return count;
}
