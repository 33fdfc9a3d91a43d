import { isConflictCopyOf } from '../model/conflict-name.ts';
import type { Side } from '../model/entry.ts';
import { compareWithBase, type Looks } from './change.ts';
import {
  bothIdentitiesKnown,
  matchLikeOtherSide,
  matchMovedDirectories,
  namedSpot,
} from './match-moves.ts';
import { addNode, claim, type Forest, isFree, type Node, SIDES, type Spot } from './tree.ts';

/**
 * Pairs the recorded nodes with what each side holds: by identity, then by what the other side did with them, by name
 * in the paired directory, by content, and directories by what is in them. Whatever is left over on a side becomes a
 * node of its own: it is new there.
 */
export function matchSides(forest: Forest, looks: Looks): void {
  const recorded = forest.nodes.slice(1);
  const unpaired = { local: recorded, remote: recorded };
  for (const side of SIDES) {
    unpaired[side] = recorded.filter((node) => !matchInPlace(node, forest, side));
    matchByIdentity(unpaired[side], forest, side);
  }
  for (const side of SIDES) {
    matchDirectoriesByName(unpaired[side], forest, side);
    matchLikeOtherSide(unpaired[side], forest, side, looks);
    matchByName(recorded, forest, side);
    matchByContent(unpaired[side], forest, side);
    matchMovedDirectories(unpaired[side], forest, side);
    // Spots are in the order parent before child, so a new node's directory has its owner already.
    for (const spot of forest.spots[side].values()) {
      if (!isFree(spot)) continue;
      const node = addNode(forest.nodes, spot.seen?.kind ?? 'directory');
      claim(node, spot);
      node.frozen = spot.frozen;
    }
  }
}

/** Pairs what has kept both its identity and its place, which is nearly everything, without any index. */
function matchInPlace(node: Node, forest: Forest, side: Side): boolean {
  const identity = node.base?.identity[side];
  const spot = identity === undefined ? undefined : namedSpot(node, forest, side);
  if (spot?.seen?.identity !== identity || spot?.seen?.kind !== node.kind) return false;
  claim(node, spot);
  return true;
}

/** Keeps what is under a key once; a key seen twice proves nothing and holds null. */
function addUnique<T>(map: Map<string, T | null>, key: string, value: T): void {
  map.set(key, map.has(key) ? null : value);
}

function matchByIdentity(unpaired: readonly Node[], forest: Forest, side: Side): void {
  const nodes = new Map<string, Node | null>();
  for (const node of unpaired) {
    const identity = node.base?.identity[side];
    if (identity !== undefined) addUnique(nodes, identity, node);
  }
  if (nodes.size === 0) return;
  const spots = new Map<string, Spot | null>();
  for (const spot of forest.spots[side].values()) {
    const identity = spot.seen?.identity;
    if (identity !== undefined && isFree(spot) && nodes.has(identity))
      addUnique(spots, identity, spot);
  }
  for (const [identity, node] of nodes) {
    const spot = spots.get(identity);
    if (node && spot && spot.seen?.kind === node.kind && !isHalfMadeCopy(node, spot))
      claim(node, spot);
  }
}

/**
 * Tells whether a run that was cut off had put the changed file aside as a conflict copy, and not yet brought the
 * other version to its place. Nobody has renamed it then: the copy is a new file, and the place is empty.
 */
function isHalfMadeCopy({ base }: Node, { seen, name }: Spot): boolean {
  return (
    base !== null &&
    seen !== null &&
    isConflictCopyOf(name, base.name) &&
    compareWithBase(base, seen) !== 'equal'
  );
}

function matchDirectoriesByName(unpaired: readonly Node[], forest: Forest, side: Side): void {
  for (const node of unpaired) {
    if (node.kind !== 'directory' || node.spots[side] !== null) continue;
    const spot = namedSpot(node, forest, side);
    if (spot && (spot.seen === null || spot.seen.kind === 'directory')) claim(node, spot);
  }
}

/** Also settles which recorded nodes are at or below a place about which the side says nothing. */
function matchByName(recorded: readonly Node[], forest: Forest, side: Side): void {
  const hidden = new Set<Node>();
  for (const node of recorded) {
    if (node.spots[side] === null) {
      const spot = namedSpot(node, forest, side);
      if (spot && (spot.seen === null || spot.seen.kind === node.kind)) claim(node, spot);
    }
    if (!isHidden(node, side, hidden)) continue;
    hidden.add(node);
    node.frozen = true;
  }
}

function isHidden(node: Node, side: Side, hidden: ReadonlySet<Node>): boolean {
  const spot = node.spots[side];
  if (spot !== null) return spot.frozen;
  const { baseParent } = node;
  return baseParent !== null && (baseParent.spots[side]?.frozen === true || hidden.has(baseParent));
}

/** Only for files that have no identity to be found by, and only where one vanished and one appeared. */
function matchByContent(unpaired: readonly Node[], forest: Forest, side: Side): void {
  const vanished = new Map<string, Node | null>();
  for (const node of unpaired) {
    const { base } = node;
    if (base?.kind === 'file' && base.sizeBytes > 0 && !node.spots[side] && !node.frozen)
      addUnique(vanished, base.content, node);
  }
  if (vanished.size === 0) return;
  const appeared = new Map<string, Spot | null>();
  for (const spot of forest.spots[side].values()) {
    const { seen } = spot;
    if (seen?.kind === 'file' && seen.sizeBytes > 0 && seen.content !== null)
      if (vanished.has(seen.content) && isFree(spot) && !spot.frozen)
        addUnique(appeared, seen.content, spot);
  }
  for (const [content, node] of vanished) {
    const spot = appeared.get(content);
    if (!node || !spot) continue;
    if (!bothIdentitiesKnown(node, spot, side)) claim(node, spot);
  }
}
