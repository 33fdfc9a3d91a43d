import type { Side } from '../model/entry.ts';
import { childPath } from '../model/path.ts';
import { addNode, claim, type Forest, type Node, SIDES, type Spot } from './tree.ts';

/**
 * Pairs the recorded nodes with what each side holds: by identity, then by name in the paired directory, then
 * by content. Whatever is left over on a side becomes a node of its own: it is new there.
 */
export function matchSides(forest: Forest): void {
  const recorded = forest.nodes.slice(1);
  for (const side of SIDES) {
    const unclaimed = new Set(forest.spots[side].values());
    const take = (node: Node, spot: Spot) => {
      claim(node, spot);
      unclaimed.delete(spot);
    };
    for (const spot of unclaimed) if (spot.parent === null) unclaimed.delete(spot);
    matchByIdentity(recorded, unclaimed, side, take);
    matchByName(recorded, forest, unclaimed, side, take);
    matchByContent(recorded, unclaimed, side, take);
    // Spots are in the order parent before child, so a new node's directory has its owner already.
    for (const spot of unclaimed) {
      const node = addNode(forest.nodes, spot.seen?.kind ?? 'directory');
      claim(node, spot);
      node.frozen = spot.frozen;
    }
  }
}

type Take = (node: Node, spot: Spot) => void;

/** Keeps what is under a key once; a key seen twice proves nothing and holds null. */
function addUnique<T>(map: Map<string, T | null>, key: string, value: T): void {
  map.set(key, map.has(key) ? null : value);
}

function matchByIdentity(
  recorded: readonly Node[],
  unclaimed: ReadonlySet<Spot>,
  side: Side,
  take: Take,
): void {
  const spots = new Map<string, Spot | null>();
  for (const spot of unclaimed)
    if (spot.seen?.identity !== undefined) addUnique(spots, spot.seen.identity, spot);
  const nodes = new Map<string, Node | null>();
  for (const node of recorded) {
    const identity = node.base?.identity[side];
    if (identity !== undefined && spots.has(identity)) addUnique(nodes, identity, node);
  }
  for (const [identity, node] of nodes) {
    const spot = spots.get(identity);
    if (node && spot && spot.seen?.kind === node.kind) take(node, spot);
  }
}

/** Also settles which recorded nodes are at or below a place about which the side says nothing. */
function matchByName(
  recorded: readonly Node[],
  forest: Forest,
  unclaimed: ReadonlySet<Spot>,
  side: Side,
  take: Take,
): void {
  const hidden = new Set<Node>();
  for (const node of recorded) {
    const parent = node.baseParent?.spots[side];
    if (node.spots[side] === null && parent && node.base) {
      const spot = forest.spots[side].get(childPath(parent.path, node.base.name));
      if (spot && unclaimed.has(spot) && (spot.seen === null || spot.seen.kind === node.kind))
        take(node, spot);
    }
    const spot = node.spots[side];
    const isHidden =
      spot === null
        ? parent?.frozen === true || (node.baseParent !== null && hidden.has(node.baseParent))
        : spot.frozen;
    if (!isHidden) continue;
    hidden.add(node);
    node.frozen = true;
  }
}

/** Only for files that have no identity to be found by, and only where one vanished and one appeared. */
function matchByContent(
  recorded: readonly Node[],
  unclaimed: ReadonlySet<Spot>,
  side: Side,
  take: Take,
): void {
  const vanished = new Map<string, Node | null>();
  for (const node of recorded) {
    const { base } = node;
    if (base?.kind === 'file' && base.sizeBytes > 0 && !node.spots[side] && !node.frozen)
      addUnique(vanished, base.content, node);
  }
  if (vanished.size === 0) return;
  const appeared = new Map<string, Spot | null>();
  for (const spot of unclaimed) {
    const { seen } = spot;
    if (seen?.kind === 'file' && seen.sizeBytes > 0 && seen.content !== null && !spot.frozen)
      addUnique(appeared, seen.content, spot);
  }
  for (const [content, node] of vanished) {
    const spot = appeared.get(content);
    if (!node || !spot) continue;
    const bothKnown = spot.seen?.identity !== undefined && node.base?.identity[side] !== undefined;
    if (!bothKnown) take(node, spot);
  }
}
