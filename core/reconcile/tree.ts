import type { EntryKind, Side } from '../model/entry.ts';
import { childPath, nameOf, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { BaseNode, Change, PlannedNode, ReconcileInput, SideNode, SideTree } from './plan.ts';

/** One place on one side where something was seen. Its physical parent never changes; its owner may. */
export interface Spot {
  readonly side: Side;
  readonly path: SyncPath;
  readonly name: string;
  /** Null for the root. */
  readonly parent: Spot | null;
  /** Null for the root and for a place about which nothing is known. */
  readonly seen: SideNode | null;
  readonly frozen: boolean;
  owner: Node;
}

/** A place in a target tree: a name in a directory that is a node itself. */
export interface Goal {
  readonly parent: Node;
  readonly name: string;
}

/**
 * What becomes of a node. `live`: both sides hold it afterwards. `held`: it stays on the sides that have it, and so
 * does its record. `own`: only the destination of a one-way pair has it, without a record. `doomed`: as `own`, but
 * removed unless a node of the master takes it over (mirror). `gone`: neither side holds it afterwards.
 */
export type Fate = 'live' | 'held' | 'own' | 'doomed' | 'gone';

/** One file, link or directory over all three trees; mutable while the target trees are made. */
export interface Node {
  readonly key: number;
  readonly base: BaseNode | null;
  readonly baseParent: Node | null;
  readonly kind: EntryKind;
  readonly spots: { local: Spot | null; remote: Spot | null };
  readonly goals: { local: Goal | null; remote: Goal | null };
  readonly changes: { local: Change; remote: Change };
  fate: Fate;
  /** Nothing may happen to it in this run; its fate is `held`. */
  frozen: boolean;
  content: PlannedNode['content'];
  metadata: PlannedNode['metadata'];
  /** Both sides turned out to hold the same, other than recorded. */
  adopted: boolean;
  diverged: Side | null;
  rule: string;
  copyOf: { readonly place: Goal; readonly from: Side } | null;
  mergedInto: Node | null;
}

/** All nodes of the three trees, recorded ones first, each recorded directory before what it holds. */
export interface Forest {
  readonly root: Node;
  readonly nodes: Node[];
  readonly spots: {
    readonly local: Map<SyncPath, Spot>;
    readonly remote: Map<SyncPath, Spot>;
  };
  /** Records that hang on nothing; they can only be dropped. */
  readonly orphans: readonly BaseNode[];
}

/** Both sides, in the order in which everything is done. */
export const SIDES: readonly Side[] = ['local', 'remote'];

/** Makes a node and appends it to `nodes`. */
export function addNode(
  nodes: Node[],
  kind: EntryKind,
  recorded: { readonly base: BaseNode; readonly parent: Node } | null = null,
): Node {
  const node: Node = {
    key: nodes.length,
    base: recorded?.base ?? null,
    baseParent: recorded?.parent ?? null,
    kind,
    spots: { local: null, remote: null },
    goals: { local: null, remote: null },
    changes: { local: 'none', remote: 'none' },
    fate: 'gone',
    frozen: false,
    content: 'none',
    metadata: 'none',
    adopted: false,
    diverged: null,
    rule: '',
    copyOf: null,
    mergedInto: null,
  };
  nodes.push(node);
  return node;
}

/** Tells whether no node has the spot yet. */
export function isFree(spot: Spot): boolean {
  return spot.parent !== null && spot.owner.base === null && spot.owner.spots[spot.side] !== spot;
}

/** Gives the spot to the node. */
export function claim(node: Node, spot: Spot): void {
  node.spots[spot.side] = spot;
  spot.owner = node;
}

/** Returns the node that `node` has become after merges. */
export function resolved(node: Node): Node {
  let current = node;
  while (current.mergedInto !== null) current = current.mergedInto;
  return current;
}

/** Returns where the spot is, in terms of nodes. */
export function placeOf(spot: Spot): Goal {
  return { parent: spot.parent?.owner ?? spot.owner, name: spot.name };
}

/** Tells whether the spot is at that place. */
export function isAt(spot: Spot | null, place: Goal): boolean {
  return spot !== null && spot.name === place.name && spot.parent?.owner === resolved(place.parent);
}

/** Lays out the recorded nodes and the spots of both sides, not yet paired with each other. */
export function layOut(input: ReconcileInput): Forest {
  const nodes: Node[] = [];
  const root = addNode(nodes, 'directory');
  const orphans = addBaseNodes(nodes, root, input.base);
  const spots = {
    local: spotsOf('local', input.local, root),
    remote: spotsOf('remote', input.remote, root),
  };
  return { root, nodes, spots, orphans };
}

function addBaseNodes(nodes: Node[], root: Node, base: readonly BaseNode[]): BaseNode[] {
  const byParent = new Map<number, BaseNode[]>();
  for (const record of base) {
    const siblings = byParent.get(record.parentId);
    if (siblings === undefined) byParent.set(record.parentId, [record]);
    else siblings.push(record);
  }
  const directories: [number, Node][] = [[0, root]];
  for (const [id, parent] of directories) {
    for (const record of byParent.get(id) ?? []) {
      const node = addNode(nodes, record.kind, { base: record, parent });
      if (record.kind === 'directory') directories.push([record.id, node]);
    }
  }
  if (nodes.length > base.length) return [];
  const reached = new Set(nodes.map((node) => node.base));
  return base.filter((record) => !reached.has(record));
}

function spotsOf(side: Side, tree: SideTree, root: Node): Map<SyncPath, Spot> {
  const spots = new Map<SyncPath, Spot>();
  const top: Spot = {
    side,
    path: ROOT,
    name: '',
    parent: null,
    seen: null,
    frozen: tree.frozen.has(ROOT),
    owner: root,
  };
  spots.set(ROOT, top);
  root.spots[side] = top;
  // Entries of one directory usually follow each other: most parents need no look-up.
  let last = top;
  const parentOf = (path: SyncPath): Spot => {
    const isInLast =
      path.lastIndexOf('/') === last.path.length && last !== top && path.startsWith(last.path);
    if (!isInLast) last = spotAt(parentPath(path), undefined);
    return last;
  };
  const spotAt = (path: SyncPath, entry: SideNode | undefined): Spot => {
    const known = spots.get(path);
    if (known !== undefined) return known;
    const parent = parentOf(path);
    const seen = entry ?? tree.nodes.get(path) ?? null;
    // A directory that was not listed itself is as unknown as one that could not be read.
    const frozen = parent.frozen || seen === null || tree.frozen.has(path);
    const spot = { side, path, name: nameOf(path), parent, seen, frozen, owner: root };
    spots.set(path, spot);
    return spot;
  };
  for (const [path, entry] of tree.nodes) spotAt(path, entry);
  for (const path of tree.frozen) spotAt(path, undefined);
  return spots;
}

/** Returns where a node is on one side after the run, or null; `memo` spares walking up again. */
export function goalPath(
  node: Node,
  side: Side,
  memo: Map<Node, SyncPath | null>,
): SyncPath | null {
  if (node.base === null && node.spots[side]?.parent === null) return ROOT;
  const known = memo.get(node);
  if (known !== undefined) return known;
  const goal = node.goals[side];
  const parent = goal === null ? null : goalPath(resolved(goal.parent), side, memo);
  const path = goal === null || parent === null ? null : childPath(parent, goal.name);
  memo.set(node, path);
  return path;
}
