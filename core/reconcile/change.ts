import { otherSide, type Side } from '../model/entry.ts';
import { TEMPORARY_PREFIX } from '../model/path.ts';
import type { BaseNode, Change, SideNode, Undecided } from './plan.ts';
import { type Forest, type Node, SIDES, type Spot } from './tree.ts';

/** What is known about a content in comparison with another one. */
export type Comparison = 'equal' | 'different' | 'unknown';

/** Compares what a side holds with the record. */
export function compareWithBase(base: BaseNode, seen: SideNode): Comparison {
  if (base.kind === 'directory') return 'equal';
  if (seen.content !== null) return seen.content === base.content ? 'equal' : 'different';
  return seen.sizeBytes === base.sizeBytes ? 'unknown' : 'different';
}

/** Compares what the two sides hold. */
export function compareSides(one: SideNode, other: SideNode): Comparison {
  if (one.kind !== other.kind) return 'different';
  if (one.kind === 'directory') return 'equal';
  if (one.content !== null && other.content !== null)
    return one.content === other.content ? 'equal' : 'different';
  return one.sizeBytes === other.sizeBytes ? 'unknown' : 'different';
}

/** Collects the contents that somebody must look at before the plan can be trusted. */
export class Looks {
  readonly #asked = new Map<string, Undecided>();

  ask(spot: Spot | null, against: Undecided['against']): void {
    if (spot === null || spot.seen?.content !== null) return;
    const key = `${spot.side}/${spot.path}`;
    if (!this.#asked.has(key)) this.#asked.set(key, { side: spot.side, path: spot.path, against });
  }

  get undecided(): readonly Undecided[] {
    return [...this.#asked.values()];
  }
}

/**
 * Tells whether the spot has a name that Ferry gave while it swapped names in a run that was cut off. Nobody
 * chose that name, so it is no move.
 */
export function isParked(spot: Spot): boolean {
  return spot.parent?.parent === null && spot.name.startsWith(TEMPORARY_PREFIX);
}

/** Tells whether somebody gave the recorded node another name or directory on that side. */
export function isMoved(node: Node, side: Side): boolean {
  const spot = node.spots[side];
  if (spot === null || node.base === null || isParked(spot)) return false;
  return spot.parent?.owner !== node.baseParent || spot.name !== node.base.name;
}

/** Tells whether the recorded node is gone from that side and still on the other one. */
export function isDeleted(node: Node, side: Side): boolean {
  return node.base !== null && !node.spots[side] && node.spots[otherSide(side)] !== null;
}

/** Compares a side's content of the node with its record; `equal` for what has no record or is not there. */
export function contentChange(node: Node, side: Side): Comparison {
  const seen = node.spots[side]?.seen;
  return node.base === null || !seen ? 'equal' : compareWithBase(node.base, seen);
}

/** Notes for every node what each side did to it; must run before nodes are split or merged. */
export function classify(forest: Forest): void {
  for (const node of forest.nodes) {
    if (node === forest.root) continue;
    for (const side of SIDES) node.changes[side] = changeOf(node, side);
  }
}

function changeOf(node: Node, side: Side): Change {
  const spot = node.spots[side];
  if (node.frozen) return 'unknown';
  if (node.base === null) return spot === null ? 'none' : 'new';
  if (spot === null) return 'deleted';
  const modified = contentChange(node, side) !== 'equal';
  if (isMoved(node, side)) return modified ? 'moved-and-modified' : 'moved';
  return modified ? 'modified' : 'none';
}
