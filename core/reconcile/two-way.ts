import { otherSide, type Side } from '../model/entry.ts';
import { compareSides, contentChange, isDeleted, isMoved, isParked, type Looks } from './change.ts';
import { freezeDependents, holdAncestors } from './freeze.ts';
import { followNames } from './kept-old-version.ts';
import type { Policy } from './plan.ts';
import { breakRings } from './rings.ts';
import { type Forest, type Goal, isAt, type Node, placeOf, resolved, SIDES } from './tree.ts';

/** Gives every node its place in the one tree that both sides shall hold, and decides which nodes live. */
export function placeTwoWay(forest: Forest, policy: Policy, looks: Looks): void {
  followNames(forest, looks);
  const nodes = forest.nodes.filter((node) => node !== forest.root);
  for (const node of nodes) placeNode(forest, node);
  breakRings(nodes);
  freezeDependents(nodes);
  decideWhoLives(forest, policy, looks);
}

function decideWhoLives(forest: Forest, policy: Policy, looks: Looks): void {
  const nodes = forest.nodes.filter((node) => node !== forest.root);
  const kept = new Set<Node>();
  for (const node of nodes) {
    if (node.frozen) node.fate = 'held';
    else if (lives(node, kept, looks)) node.fate = 'live';
    else node.fate = 'gone';
  }
  for (const node of nodes) if (node.fate === 'live') reviveAncestors(forest, node);
  for (const node of nodes) {
    const exists = node.spots.local !== null || node.spots.remote !== null;
    const spot = node.spots.local ?? node.spots.remote;
    if (node.fate !== 'gone' || !exists) continue;
    if (policy.deletes !== 'propagate' || spot?.seen?.holdsIgnored) node.fate = 'held';
  }
  holdAncestors(nodes, SIDES);
  for (const node of nodes) settleGoals(node);
}

function placeNode(forest: Forest, node: Node): void {
  const { local, remote } = node.spots;
  const goal =
    chosenPlace(node, 'remote') ?? chosenPlace(node, 'local') ?? recordedPlace(forest, node);
  node.goals.local = goal;
  node.goals.remote = goal;
  if (local && remote && isMoved(node, 'local') && isMoved(node, 'remote') && !isAt(local, goal))
    node.rule = 'moved on both sides: the remote name wins';
}

/** Returns where that side has put the node, unless the other side's place counts. */
function chosenPlace(node: Node, side: Side): Goal | null {
  const spot = node.spots[side];
  if (spot === null || (node.base !== null && isParked(spot))) return null;
  const isOnlyOne = node.spots[otherSide(side)] === null;
  return isOnlyOne || isMoved(node, side) ? placeOf(spot) : null;
}

function recordedPlace(forest: Forest, { base, baseParent }: Node): Goal {
  const parentExists = baseParent !== null && (baseParent.spots.local ?? baseParent.spots.remote);
  return { parent: parentExists ? baseParent : forest.root, name: base?.name ?? '' };
}

/** Decides by the node's own changes; directories may live on for what is in them. */
function lives(node: Node, kept: Set<Node>, looks: Looks): boolean {
  const { local, remote } = node.spots;
  if (!local && !remote) return false;
  if (node.base === null || (local && remote)) return true;
  const holder: Side = local ? 'local' : 'remote';
  if (isOnlyName(node, holder)) {
    if (isMoved(node, holder))
      node.rule = 'moved here, deleted there, and its content was only there: the deletion counts';
    return false;
  }
  const isInKept = node.baseParent !== null && kept.has(node.baseParent);
  if (isMoved(node, holder) || (isInKept && isDeleted(node, otherSide(holder)))) {
    kept.add(node);
    node.rule = 'moved here, deleted there: a move keeps';
    return true;
  }
  const change = contentChange(node, holder);
  if (change === 'unknown') looks.ask(node.spots[holder], 'base');
  if (change !== 'equal')
    node.rule = 'changed on one side, deleted on the other: the edit beats the deletion';
  return change !== 'equal';
}

/** Tells whether what that side has of the node has no content, and the other side has it no more. */
function isOnlyName(node: Node, holder: Side): boolean {
  return node.spots[otherSide(holder)] === null && node.spots[holder]?.seen?.isPlaceholder === true;
}

/** Lets go of a node without a record of which there is no content on either side; returns whether it is one. */
export function dropIfOnlyName(node: Node, { deletes }: Policy): boolean {
  const holder = SIDES.find((side) => isOnlyName(node, side));
  const spot = holder && node.spots[holder];
  if (!spot || node.base !== null) return false;
  node.rule = 'not recorded, and its content is nowhere any more';
  node.copyOf = null;
  node.fate = deletes === 'propagate' ? 'doomed' : 'held';
  for (const side of SIDES) node.goals[side] = side === holder ? placeOf(spot) : null;
  return true;
}

function reviveAncestors(forest: Forest, node: Node): void {
  for (let above = parentIn(node); above !== forest.root && above?.fate === 'gone'; ) {
    above.fate = 'live';
    above.rule = 'deleted on one side, but something below it lives on';
    above = parentIn(above);
  }
}

function parentIn(node: Node): Node | null {
  return node.goals.local === null ? null : resolved(node.goals.local.parent);
}

/** Keeps held nodes where each side has them, and takes the place from those that go. */
function settleGoals(node: Node): void {
  if (node.fate === 'live') return;
  for (const side of SIDES) {
    const spot = node.spots[side];
    node.goals[side] = node.fate === 'held' && spot ? placeOf(spot) : null;
  }
}

/**
 * Decides which content a node on both sides gets. `conflict`: both changed it differently; the caller makes the
 * local version a copy.
 */
export function contentTwoWay(
  node: Node,
  looks: Looks,
): 'none' | 'adopt' | 'to-local' | 'to-remote' | 'conflict' {
  const { local, remote } = node.spots;
  if (!local?.seen || !remote?.seen || node.kind === 'directory') return 'none';
  const here = contentChange(node, 'local');
  const there = contentChange(node, 'remote');
  if (node.base !== null && here === 'equal') return there === 'equal' ? 'none' : 'to-local';
  if (node.base !== null && there === 'equal') {
    if (here === 'unknown') looks.ask(local, 'base');
    return 'to-remote';
  }
  const comparison = compareSides(local.seen, remote.seen);
  if (comparison === 'equal') return 'adopt';
  // Nobody has changed what is not here: what is there is what it stands for, or newer.
  if (local.seen.isPlaceholder) return 'to-local';
  askForBoth(node, comparison, looks);
  return 'conflict';
}

/** Asks for what could show that a difference of both sides is none. */
export function askForBoth(
  node: Node,
  comparison: ReturnType<typeof compareSides>,
  looks: Looks,
): void {
  for (const side of SIDES)
    if (contentChange(node, side) === 'unknown') looks.ask(node.spots[side], 'base');
  if (comparison !== 'unknown') return;
  for (const side of SIDES) looks.ask(node.spots[side], 'other-side');
}
