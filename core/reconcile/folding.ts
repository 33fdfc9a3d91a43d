import type { Side } from '../model/entry.ts';
import type { PlanProblem, ReconcileInput } from './plan.ts';
import { type Forest, goalPath, type Node, resolved, SIDES } from './tree.ts';

/**
 * Freezes entries that a side could not tell from another one there, as it sees no difference between upper and
 * lower case or between forms of a letter: what is there already keeps the name, else the first in byte order.
 * Returns a problem for each entry that was left where it is.
 */
export function freezeIndistinct(forest: Forest, input: ReconcileInput): readonly PlanProblem[] {
  return SIDES.flatMap((side) => (input[side].foldsNames === true ? freezeOn(forest, side) : []));
}

function freezeOn(forest: Forest, side: Side): readonly PlanProblem[] {
  const problems: PlanProblem[] = [];
  const memo = new Map<Node, ReturnType<typeof goalPath>>();
  for (const group of groupsOf(forest, side)) {
    const [keeper, ...others] = group.sort((a, b) => compare(a, b, side));
    for (const node of others) {
      if (node.goals[side]?.name === keeper?.goals[side]?.name) continue;
      const seen = node.spots.local ?? node.spots.remote;
      node.frozen = true;
      node.rule = 'its name cannot be told from another one there';
      if (seen === null) continue;
      const wanted = keeper === undefined ? null : goalPath(keeper, side, memo);
      problems.push({
        side: seen.side,
        path: seen.path,
        message: `${seen.path}: the ${side} side cannot tell this name from ${wanted}; it is left alone, rename one of them`,
      });
    }
  }
  return problems;
}

function groupsOf(forest: Forest, side: Side): readonly Node[][] {
  const groups = new Map<Node, Map<string, Node[]>>();
  for (const node of forest.nodes) {
    const goal = node.goals[side];
    if (goal === null || node === forest.root || node.frozen || node.fate === 'gone') continue;
    const parent = resolved(goal.parent);
    const names = groups.get(parent) ?? new Map<string, Node[]>();
    groups.set(parent, names);
    const folded = goal.name.normalize('NFKC').toLowerCase().normalize('NFC');
    const group = names.get(folded);
    if (group === undefined) names.set(folded, [node]);
    else group.push(node);
  }
  return [...groups.values()]
    .flatMap((names) => [...names.values()])
    .filter((group) => group.length > 1);
}

function compare(a: Node, b: Node, side: Side): number {
  const present = Number(b.spots[side] !== null) - Number(a.spots[side] !== null);
  if (present !== 0) return present;
  const one = codePoints(a.goals[side]?.name ?? '');
  const other = codePoints(b.goals[side]?.name ?? '');
  for (let i = 0; i < Math.min(one.length, other.length); i++)
    if (one[i] !== other[i]) return (one[i] ?? 0) - (other[i] ?? 0);
  return one.length - other.length;
}

/** Code points sort as their UTF-8 bytes do, unlike the units that JavaScript compares. */
function codePoints(name: string): readonly number[] {
  return Array.from(name, (character) => character.codePointAt(0) ?? 0);
}
