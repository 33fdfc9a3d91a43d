import type { Direction, Side } from '../model/entry.ts';
import { ROOT, type SyncPath } from '../model/path.ts';
import { classify, Looks } from './change.ts';
import { freezeIndistinct } from './folding.ts';
import { matchSides } from './match.ts';
import { contestRules, Names } from './names.ts';
import { contentOneWay, type OneWay, oneWay, placeOneWay } from './one-way.ts';
import { operationsOf } from './operations.ts';
import { countsOf, plannedNodes } from './outcome.ts';
import type { BaseNode, Plan, PlannedNode, PlanProblem, Policy, ReconcileInput } from './plan.ts';
import { type Forest, layOut, type Node, SIDES } from './tree.ts';
import { contentTwoWay, dropIfOnlyName, placeTwoWay } from './two-way.ts';

/**
 * Returns the plan of one run: pure, deterministic, without I/O. The rules are in docs/sync-semantics.md.
 *
 * The three trees become one forest of nodes, each with its place in every tree; then both target trees are made,
 * and only then the operations, as the difference between what a side holds and what it shall hold.
 */
export function reconcile(input: ReconcileInput): Plan {
  const { direction, policy } = input;
  if (SIDES.some((side) => input[side].frozen.has(ROOT))) return emptyPlan();
  const forest = layOut(input);
  const looks = new Looks();
  const roles = rolesOf(direction, policy);
  matchSides(forest, looks);
  classify(forest);
  const problems = placeAll(forest, roles, input, looks);
  const names = new Names(forest, contestRules(roles?.master ?? null, policy), looks);
  names.settle((node) => settleNode(node, roles, policy, names, looks));
  for (const node of forest.nodes) finishNode(node, roles);
  const paths = {
    local: new Map<Node, SyncPath | null>(),
    remote: new Map<Node, SyncPath | null>(),
  };
  return {
    nodes: [
      ...plannedNodes(forest, paths),
      ...forest.orphans.map((base, index) => droppedOrphan(base, forest.nodes.length + index)),
    ],
    operations: {
      local: operationsOf(forest, 'local', paths.local),
      remote: operationsOf(forest, 'remote', paths.remote),
    },
    undecided: looks.undecided,
    problems,
    counts: countsOf(forest, roles?.destination ?? null),
  };
}

function rolesOf(direction: Direction, policy: Policy): OneWay | null {
  if (direction === 'two-way') return null;
  return oneWay(direction === 'local-to-remote' ? 'local' : 'remote', policy);
}

/** Makes the target trees, without the names that a side cannot hold beside each other. */
function placeAll(
  forest: Forest,
  roles: OneWay | null,
  input: ReconcileInput,
  looks: Looks,
): readonly PlanProblem[] {
  const problems: PlanProblem[] = [];
  for (;;) {
    if (roles === null) placeTwoWay(forest, input.policy, looks);
    else placeOneWay(forest, roles, input.policy, looks);
    const found = freezeIndistinct(forest, input);
    if (found.length === 0) return problems;
    problems.push(...found);
  }
}

/** Decides on the content of a node that has its name. */
function settleNode(
  node: Node,
  roles: OneWay | null,
  policy: Policy,
  names: Names,
  looks: Looks,
): void {
  if (node.fate !== 'live') return;
  if (roles === null && dropIfOnlyName(node, policy)) return;
  const towards = (side: Side): PlannedNode['content'] => `to-${side}`;
  const verdict = roles === null ? contentTwoWay(node, looks) : contentOneWay(node, roles, looks);
  switch (verdict) {
    case 'none':
      return;
    case 'adopt':
      node.adopted = true;
      if (roles?.master === 'local' && policy.transferEqual) node.content = 'to-remote';
      return;
    case 'diverged':
      node.diverged = roles?.destination ?? null;
      return;
    case 'transfer':
      if (roles !== null) node.content = towards(roles.destination);
      return;
    case 'conflict':
    case 'aside':
      names.splitCopy(node);
      node.rule = 'changed on both sides: the other version is kept beside it';
      return;
    default:
      node.content = verdict;
  }
}

/** Adds what follows from a node's final place: contents of what a side lacks, times and modes. */
function finishNode(node: Node, roles: OneWay | null): void {
  if (node.fate === 'doomed') {
    node.fate = 'gone';
    node.goals.local = null;
    node.goals.remote = null;
  }
  if (node.fate === 'held' && roles !== null && isInUnrecorded(node, roles)) node.fate = 'own';
  if (node.fate !== 'live') return;
  const { local, remote } = node.spots;
  if (local !== null && remote !== null) {
    if (node.content === 'none') node.metadata = metadataOf(node, roles);
    return;
  }
  if (node.kind === 'directory') return;
  node.content = local === null ? 'to-local' : 'to-remote';
}

/** Tells whether the record of the directory that holds the node goes: its own then hangs on nothing. */
function isInUnrecorded({ spots }: Node, { destination }: OneWay): boolean {
  return spots[destination]?.parent?.owner.fate === 'own';
}

function metadataOf(
  { base, kind, spots, diverged }: Node,
  roles: OneWay | null,
): PlannedNode['metadata'] {
  if (kind === 'symlink' || base === null || diverged !== null) return 'none';
  const has = (side: Side): boolean => spots[side]?.seen?.metadataChanged === true;
  const isOwnMatter = roles !== null && !roles.mirror;
  if (has('remote') && !(isOwnMatter && roles.destination === 'remote'))
    return roles?.destination === 'remote' ? 'to-remote' : 'to-local';
  if (has('local') && !(isOwnMatter && roles.destination === 'local'))
    return roles?.destination === 'local' ? 'to-local' : 'to-remote';
  return 'none';
}

function droppedOrphan(base: BaseNode, key: number): PlannedNode {
  return {
    key,
    baseId: base.id,
    kind: base.kind,
    local: { from: null, to: null },
    remote: { from: null, to: null },
    content: 'none',
    metadata: 'none',
    record: 'drop',
    adopts: false,
    reason: { local: 'deleted', remote: 'deleted', rule: 'its directory is not recorded' },
  };
}

function emptyPlan(): Plan {
  return {
    nodes: [],
    operations: { local: [], remote: [] },
    undecided: [],
    problems: [],
    counts: {
      deletedLocal: 0,
      deletedRemote: 0,
      modifiedLocal: 0,
      modifiedRemote: 0,
      conflicts: 0,
      destinationOnly: 0,
      changedHere: 0,
      removedHere: 0,
    },
  };
}
