import type { Side } from '../model/entry.ts';
import { type Goal, type Node, placeOf, resolved, SIDES } from './tree.ts';

/**
 * Freezes whatever cannot be done without knowing a frozen node: what shall go into it, and what shall go to a
 * place that it has, or may have, on a side. The nodes must have their goals.
 */
export function freezeDependents(nodes: readonly Node[]): void {
  const queue = nodes.filter((node) => node.frozen);
  if (queue.length === 0) return;
  const wanting = new Map<Node, Map<string, Node[]>>();
  for (const node of nodes) for (const goal of goalsOf(node)) note(wanting, goal, node);
  const freeze = (node: Node): void => {
    if (node.frozen) return;
    node.frozen = true;
    node.rule = 'waits for something that could not be seen in this run';
    queue.push(node);
  };
  for (const node of queue) {
    for (const group of wanting.get(node)?.values() ?? []) group.forEach(freeze);
    for (const side of SIDES) {
      const spot = node.spots[side];
      const place = spot && placeOf(spot);
      if (place) wanting.get(place.parent)?.get(place.name)?.forEach(freeze);
    }
  }
}

function goalsOf(node: Node): readonly Goal[] {
  const { local, remote } = node.goals;
  return [local, local === remote ? null : remote].filter((goal) => goal !== null);
}

function note(wanting: Map<Node, Map<string, Node[]>>, goal: Goal, node: Node): void {
  const parent = resolved(goal.parent);
  const names = wanting.get(parent) ?? new Map<string, Node[]>();
  wanting.set(parent, names);
  const group = names.get(goal.name);
  if (group === undefined) names.set(goal.name, [node]);
  else group.push(node);
}

/** Lets no directory go while something in it stays; its record stays, too. */
export function holdAncestors(nodes: readonly Node[], sides: readonly Side[]): void {
  for (const node of nodes) {
    if (node.fate !== 'held') continue;
    for (const side of sides) {
      let spot = node.spots[side]?.parent ?? null;
      while (spot !== null && (spot.owner.fate === 'gone' || spot.owner.fate === 'doomed')) {
        spot.owner.fate = 'held';
        spot = spot.parent;
      }
    }
  }
}
