import { otherSide, type Side } from '../model/entry.ts';
import { childPath } from '../model/path.ts';
import { compareSides, contentChange, isDeleted, isMoved, isParked, type Looks } from './change.ts';
import { freezeDependents, holdAncestors } from './freeze.ts';
import type { Policy } from './plan.ts';
import { addNode, claim, type Forest, type Node, placeOf } from './tree.ts';
import { askForBoth } from './two-way.ts';

/** Who gives, who takes, and whether the taker becomes identical. */
export interface OneWay {
  readonly master: Side;
  readonly destination: Side;
  readonly mirror: boolean;
}

/** Returns the roles of a one-way run. */
export function oneWay(master: Side, policy: Policy): OneWay {
  return { master, destination: otherSide(master), mirror: policy.mirror };
}

/**
 * Gives every node its place on the destination: what the master changed, follows; what only the destination did,
 * stays. The master's own places are taken over as they are.
 */
export function placeOneWay(forest: Forest, roles: OneWay, policy: Policy, looks: Looks): void {
  detach(forest, roles);
  const nodes = forest.nodes.filter((node) => node !== forest.root);
  for (const node of nodes) setGoals(node, roles);
  freezeDependents(nodes);
  decideFates(forest, roles, policy, looks);
}

function decideFates(forest: Forest, roles: OneWay, policy: Policy, looks: Looks): void {
  const nodes = forest.nodes.filter((node) => node !== forest.root);
  const wholes = new Set<Node>();
  for (const node of nodes) {
    node.fate = node.frozen ? 'held' : ownFate(node, roles, policy, wholes, looks);
  }
  for (const node of nodes) if (node.fate === 'live') wantAncestors(node, roles);
  for (const node of nodes) {
    const isIgnoring = node.spots[roles.destination]?.seen?.holdsIgnored;
    if (isIgnoring && (node.fate === 'gone' || node.fate === 'doomed')) node.fate = 'held';
  }
  for (const node of nodes) if (node.fate === 'own') keepAncestors(node, roles);
  holdAncestors(nodes, [roles.destination]);
  for (const node of nodes) settleGoals(node, roles);
}

/** Makes what the destination moved away from the master's tree a node of its own. */
function detach(forest: Forest, roles: OneWay): void {
  const { destination } = roles;
  const attached = new Map<Node, boolean>([[forest.root, true]]);
  const recorded = forest.nodes.filter((node) => node.base !== null && !node.frozen);
  const away = recorded.filter(
    (node) => node.spots[destination] !== null && !isAttached(node, roles, attached),
  );
  for (const node of away) {
    const spot = node.spots[destination];
    if (spot === null) continue;
    const own = addNode(forest.nodes, node.kind);
    node.spots[destination] = null;
    claim(own, spot);
    own.changes[destination] = node.changes[destination];
    own.rule = 'moved on the destination: it stays there, only there';
  }
  for (const node of recorded) takeSuccessor(forest, node, roles);
}

/**
 * Gives the node what the destination has put in its place, if anything of its kind: it was changed there then,
 * and not removed.
 */
function takeSuccessor(forest: Forest, node: Node, { master, destination }: OneWay): void {
  const parent = node.baseParent?.spots[destination];
  if (!parent || node.base === null || node.spots[master] === null || node.spots[destination])
    return;
  const spot = forest.spots[destination].get(childPath(parent.path, node.base.name));
  const successor = spot?.owner;
  if (!spot || successor?.base !== null || successor.spots[master] !== null) return;
  if (successor.kind !== node.kind || successor.frozen) return;
  successor.spots[destination] = null;
  claim(node, spot);
  node.changes[destination] = contentChange(node, destination) === 'equal' ? 'none' : 'modified';
}

function isAttached(node: Node, roles: OneWay, memo: Map<Node, boolean>): boolean {
  const known = memo.get(node);
  if (known !== undefined) return known;
  const spot = node.spots[roles.destination];
  const source = node.spots[roles.master];
  let answer = false;
  if (spot !== null && node.base !== null) {
    const place = placeOf(spot);
    const isAtRecord = place.parent === node.baseParent && place.name === node.base.name;
    const isAtMaster =
      source?.parent?.owner === place.parent && source.name === place.name && source !== null;
    answer =
      roles.mirror ||
      node.frozen ||
      isParked(spot) ||
      ((isAtRecord || isAtMaster) && isAttached(place.parent, roles, memo));
  }
  memo.set(node, answer);
  return answer;
}

function setGoals(node: Node, { master, destination }: OneWay): void {
  const source = node.spots[master];
  const own = node.spots[destination];
  node.goals[master] = source && placeOf(source);
  node.goals[destination] = source ? placeOf(source) : own && placeOf(own);
}

/** `wholes` collects the directories that the master moved and the destination lacks: all in them comes along. */
function ownFate(
  node: Node,
  roles: OneWay,
  policy: Policy,
  wholes: Set<Node>,
  looks: Looks,
): Node['fate'] {
  const source = node.spots[roles.master];
  const own = node.spots[roles.destination];
  if (source === null) return own === null ? 'gone' : fateWithoutMaster(node, roles, policy, looks);
  if (own !== null) return 'live';
  if (source.seen?.isPlaceholder) return 'held';
  if (node.base === null || roles.mirror) return 'live';
  const isInWhole = node.baseParent !== null && wholes.has(node.baseParent);
  if (isMoved(node, roles.master) || (isInWhole && isDeleted(node, roles.destination))) {
    wholes.add(node);
    return 'live';
  }
  const change = contentChange(node, roles.master);
  if (change === 'unknown') looks.ask(source, 'base');
  return change === 'equal' ? 'held' : 'live';
}

function fateWithoutMaster(
  node: Node,
  { destination, mirror }: OneWay,
  { deletes }: Policy,
  looks: Looks,
): Node['fate'] {
  if (mirror && deletes === 'propagate') return node.base === null ? 'doomed' : 'gone';
  if (node.base === null) return 'own';
  if (deletes === 'hold') return 'held';
  if (deletes === 'keep') return 'own';
  const change = contentChange(node, destination);
  if (change === 'unknown') looks.ask(node.spots[destination], 'base');
  return change === 'equal' ? 'gone' : 'own';
}

function wantAncestors(node: Node, { master, destination }: OneWay): void {
  let spot = node.spots[master]?.parent ?? null;
  while (spot !== null && spot.owner.fate === 'held' && !spot.owner.frozen) {
    if (spot.owner.spots[destination] !== null) return;
    spot.owner.fate = 'live';
    spot.owner.rule = 'removed on the destination, but the master changed something below it';
    spot = spot.parent;
  }
}

function keepAncestors(node: Node, { destination }: OneWay): void {
  let spot = node.spots[destination]?.parent ?? null;
  // The root has no record that could go.
  while (spot !== null && spot.parent !== null && spot.owner.fate === 'gone') {
    spot.owner.fate = 'own';
    spot = spot.parent;
  }
}

function settleGoals(node: Node, { destination }: OneWay): void {
  const own = node.spots[destination];
  if (node.fate === 'gone') node.goals[destination] = null;
  if (node.fate === 'held') node.goals[destination] = own && placeOf(own);
}

/** Decides which content a node on both sides gets; `aside`: the destination's version is kept as a copy. */
export function contentOneWay(
  node: Node,
  { master, destination, mirror }: OneWay,
  looks: Looks,
): 'none' | 'adopt' | 'transfer' | 'diverged' | 'aside' {
  const source = node.spots[master];
  const own = node.spots[destination];
  if (!source?.seen || !own?.seen || node.kind === 'directory') return 'none';
  const given = contentChange(node, master);
  const kept = contentChange(node, destination);
  if (node.base !== null && given === 'equal') {
    if (kept === 'equal') return 'none';
    if (kept === 'unknown' && (mirror || destination === 'local')) looks.ask(own, 'base');
    return mirror ? 'transfer' : 'diverged';
  }
  if (node.base !== null && kept === 'equal') {
    if (given === 'unknown' && master === 'local') looks.ask(source, 'base');
    return 'transfer';
  }
  const comparison = compareSides(source.seen, own.seen);
  if (comparison === 'equal') return 'adopt';
  // Nobody has changed what is not here: there is nothing to be kept beside the master's.
  if (own.seen.isPlaceholder) return 'transfer';
  askForBoth(node, comparison, looks);
  return mirror ? 'transfer' : 'aside';
}
