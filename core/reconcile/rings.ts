import { isMoved } from './change.ts';
import { type Node, placeOf, resolved } from './tree.ts';

/**
 * Undoes the local moves that together with remote ones would put a directory below itself. A ring needs a move of
 * each side; without the local ones the places of its nodes are those of the remote tree, which has no ring.
 */
export function breakRings(nodes: readonly Node[]): void {
  const safe = new Set<Node>();
  for (const start of nodes) {
    if (!isMoved(start, 'local')) continue;
    for (let ring = findRing(start, safe); ring !== null; ring = findRing(start, safe))
      undoLocalMoves(ring);
  }
}

/** Walks up from `start`; returns the nodes of a ring that it runs into, or notes that there is none. */
function findRing(start: Node, safe: Set<Node>): readonly Node[] | null {
  const walked = new Set<Node>();
  let node: Node | null = start;
  while (node !== null && !safe.has(node)) {
    if (walked.has(node)) {
      const order = [...walked];
      return order.slice(order.indexOf(node));
    }
    walked.add(node);
    node = node.goals.local === null ? null : resolved(node.goals.local.parent);
  }
  for (const one of walked) safe.add(one);
  return null;
}

function undoLocalMoves(ring: readonly Node[]): void {
  for (const node of ring) {
    const { remote } = node.spots;
    if (remote === null || isMoved(node, 'remote') || !isMoved(node, 'local')) continue;
    const goal = placeOf(remote);
    node.goals.local = goal;
    node.goals.remote = goal;
    node.rule = 'moved into each other on both sides: the remote move wins';
  }
}
