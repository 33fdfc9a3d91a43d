import { isConflictCopyName } from '../model/conflict-name.ts';
import { otherSide, type Side } from '../model/entry.ts';
import { childPath } from '../model/path.ts';
import { type Comparison, compareWithBase, isMoved, type Looks } from './change.ts';
import type { BaseNode } from './plan.ts';
import { claim, type Forest, isFree, type Node, type Spot } from './tree.ts';

/** Returns what has the node's recorded name in the directory that is paired with the recorded one. */
export function namedSpot(node: Node, forest: Forest, side: Side): Spot | undefined {
  const parent = node.baseParent?.spots[side];
  if (!parent || node.base === null) return undefined;
  const spot = forest.spots[side].get(childPath(parent.path, node.base.name));
  return spot !== undefined && isFree(spot) ? spot : undefined;
}

/**
 * Pairs files, on a side that gives no identities, as the other side has moved them, where the contents show that both
 * sides did the same (a swap, say). By their names alone such files would count as changed here, and be moved back.
 */
export function matchLikeOtherSide(
  unpaired: readonly Node[],
  forest: Forest,
  side: Side,
  looks: Looks,
): void {
  for (const node of unpaired) {
    const { base } = node;
    if (base?.kind !== 'file' || node.spots[side] !== null) continue;
    if (!isMoved(node, otherSide(side))) continue;
    const here = namedSpot(node, forest, side);
    const there = counterpart(node.spots[otherSide(side)], forest, side);
    if (!here || !there) continue;
    const isHere = compareFile(base, here);
    const isThere = compareFile(base, there);
    if (isHere === 'equal' || isThere === 'different') continue;
    if (isHere === 'unknown') looks.ask(here, 'base');
    if (isThere === 'unknown') looks.ask(there, 'base');
    if (isHere === 'different' && isThere === 'equal') claim(node, there);
  }
}

function compareFile(base: BaseNode, { seen }: Spot): Comparison {
  return seen?.kind === 'file' ? compareWithBase(base, seen) : 'different';
}

/** Returns what `side` has at the place of the other side's spot, if nobody owns it yet. */
function counterpart(spot: Spot | null, forest: Forest, side: Side): Spot | null {
  const parent = spot?.parent;
  if (!spot || !parent || isFree(parent)) return null;
  const directory = parent.owner.spots[side];
  const found = directory && forest.spots[side].get(childPath(directory.path, spot.name));
  return found && isFree(found) ? found : null;
}

/**
 * Pairs a directory that vanished from a side with the new one that holds all that is recorded in it, under the same
 * names: it was moved. At least one file in it must have been recognised by its content, which is nowhere else.
 */
export function matchMovedDirectories(unpaired: readonly Node[], forest: Forest, side: Side): void {
  const vanished = new Map<Node, Node[]>();
  for (const node of unpaired)
    if (node.kind === 'directory' && node.spots[side] === null && !node.frozen)
      vanished.set(node, []);
  if (vanished.size === 0) return;
  for (const node of unpaired) if (node.baseParent) vanished.get(node.baseParent)?.push(node);
  // Directories come before what they hold: backwards, what is in one is settled when its turn comes.
  for (const [node, members] of [...vanished].reverse()) {
    const spot = newHome(members, side);
    if (!spot || bothIdentitiesKnown(node, spot, side)) continue;
    const found = members.map((member) => ({ member, at: foundAt(member, spot, forest, side) }));
    if (found.some(({ at }) => at === null)) continue;
    claim(node, spot);
    for (const { member, at } of found) if (at && member.spots[side] === null) claim(member, at);
  }
}

/** Returns the one new directory in which members were recognised. */
function newHome(members: readonly Node[], side: Side): Spot | null {
  let home: Spot | null = null;
  for (const { spots } of members) {
    const parent = spots[side]?.parent;
    if (!parent) continue;
    if (home !== null && home !== parent) return null;
    home = parent;
  }
  if (home?.seen?.kind !== 'directory' || !isFree(home) || home.frozen) return null;
  // A run that was cut off has put another directory there; that alike contents were in both is chance.
  return isConflictCopyName(home.name) ? null : home;
}

/** Returns where a recorded member is in its directory's new place; null when it is not there as it was. */
function foundAt({ base, spots }: Node, home: Spot, forest: Forest, side: Side): Spot | null {
  const spot = base && forest.spots[side].get(childPath(home.path, base.name));
  if (!base || !spot?.seen || spot.frozen || spot.seen.kind !== base.kind) return null;
  if (spots[side] !== null) return spots[side] === spot ? spot : null;
  const isSame = base.kind !== 'directory' && compareWithBase(base, spot.seen) === 'equal';
  return isSame && isFree(spot) ? spot : null;
}

/** Tells whether the side gives identities that say that these are two things. */
export function bothIdentitiesKnown({ base }: Node, { seen }: Spot, side: Side): boolean {
  return seen?.identity !== undefined && base?.identity[side] !== undefined;
}
