import type { Side } from '../model/entry.ts';
import { childPath, depthOf, ROOT, type SyncPath, TEMPORARY_PREFIX } from '../model/path.ts';
import type { Operation } from './plan.ts';
import { type Forest, type Goal, goalPath, isAt, type Node, resolved, type Spot } from './tree.ts';

/** Where something is while the operations run: a name in another such place. */
interface Position {
  node: Node;
  parent: Position | null;
  name: string;
}

type Structural = Extract<Operation, { op: 'park' | 'remove' | 'make-directory' | 'move' }>;

/** Tells whether the side lacks the node and shall have it. */
export function isCreated(node: Node, side: Side): boolean {
  return node.spots[side] === null && node.goals[side] !== null;
}

/** Tells whether the node gets another name or directory on that side. */
export function isRenamed(node: Node, side: Side): boolean {
  const spot = node.spots[side];
  const goal = node.goals[side];
  return spot !== null && goal !== null && !isAt(spot, goal);
}

/** Tells whether the node is on that side and shall not be. */
export function isRemoved(node: Node, side: Side): boolean {
  return node.spots[side]?.seen != null && node.goals[side] === null;
}

/**
 * Returns what turns one side's tree into its target: what stands in nobody's way is removed first, bottom-up; then
 * everything is put into its place, top-down; then what still held something that moved out is removed. Only what
 * is in a circle of names, or is a directory whose name is needed before it is empty, is parked. Contents follow, then
 * times and modes.
 */
export function operationsOf(
  forest: Forest,
  side: Side,
  paths: Map<Node, SyncPath | null>,
): readonly Operation[] {
  const mover = new Mover(forest, side, paths);
  mover.removeEarly();
  mover.placeAll();
  mover.removeLate();
  return [...mover.operations, ...contentOperations(forest, side, paths)];
}

class Mover {
  readonly operations: Structural[] = [];
  readonly #forest: Forest;
  readonly #side: Side;
  readonly #paths: Map<Node, SyncPath | null>;
  readonly #positions = new Map<Spot | Node, Position>();
  /** What has come to a place since the beginning. */
  readonly #arrived = new Map<Position, Map<string, Position>>();
  readonly #removed = new Set<Node>();
  readonly #placed = new Set<Node>();
  readonly #late = new Set<Node>();

  constructor(forest: Forest, side: Side, paths: Map<Node, SyncPath | null>) {
    this.#forest = forest;
    this.#side = side;
    this.#paths = paths;
  }

  removeEarly(): void {
    for (const node of this.#forest.nodes) {
      if (!isRenamed(node, this.#side)) continue;
      let above = node.spots[this.#side]?.parent ?? null;
      while (above !== null && isRemoved(above.owner, this.#side) && !this.#late.has(above.owner)) {
        this.#late.add(above.owner);
        above = above.parent;
      }
    }
    this.#remove((node) => !this.#late.has(node));
  }

  removeLate(): void {
    this.#remove((node) => this.#late.has(node));
  }

  placeAll(): void {
    const waiting = this.#forest.nodes
      .filter((node) => this.#isDirectoryToMake(node) || isRenamed(node, this.#side))
      .map((node) => ({ node, path: goalPath(node, this.#side, this.#paths) ?? ROOT }))
      .map(({ node, path }) => ({ node, path, depth: depthOf(path) }));
    waiting.sort((a, b) => a.depth - b.depth || (a.path < b.path ? -1 : 1));
    for (const { node } of waiting) this.#placeWithChain(node);
  }

  #isDirectoryToMake(node: Node): boolean {
    return node.kind === 'directory' && isCreated(node, this.#side);
  }

  #remove(isDue: (node: Node) => boolean): void {
    const due = this.#forest.nodes
      .filter((node) => isRemoved(node, this.#side) && isDue(node))
      .map((node) => ({ node, path: node.spots[this.#side]?.path ?? ROOT }));
    // Descending, so that what is in a directory comes before it.
    due.sort((a, b) => (a.path < b.path ? 1 : -1));
    for (const { node } of due) {
      const path = this.#pathOf(this.#position(node));
      this.operations.push({ op: 'remove', key: node.key, path, kind: node.kind });
      this.#removed.add(node);
    }
  }

  /** Places the node; what is in its way goes to its own place first, if that can be done, else is parked. */
  #placeWithChain(first: Node): void {
    const chain = [first];
    const inChain = new Set(chain);
    for (let node = chain.at(-1); node !== undefined; node = chain.at(-1)) {
      const goal = this.#placed.has(node) ? null : node.goals[this.#side];
      const occupant = goal === null ? null : this.#occupant(goal);
      if (goal === null) chain.pop();
      else if (occupant === null || occupant.node === node) {
        this.#place(node, goal);
        chain.pop();
      } else if (this.#canGoNow(occupant.node) && !inChain.has(occupant.node)) {
        chain.push(occupant.node);
        inChain.add(occupant.node);
      } else this.#park(occupant);
    }
  }

  #canGoNow(node: Node): boolean {
    const goal = node.goals[this.#side];
    return goal !== null && isRenamed(node, this.#side) && this.#isSettled(resolved(goal.parent));
  }

  /** Tells whether the directory and all above it are where they shall be. */
  #isSettled(directory: Node): boolean {
    let node = directory;
    while (node !== this.#forest.root) {
      const goal = node.goals[this.#side];
      const isThere = this.#placed.has(node) || (goal && isAt(node.spots[this.#side], goal));
      if (!isThere || goal === null) return false;
      node = resolved(goal.parent);
    }
    return true;
  }

  #place(node: Node, goal: Goal): void {
    const parent = this.#position(resolved(goal.parent));
    const position = this.#position(node);
    const { key } = node;
    const from = this.#pathOf(position);
    const to = childPath(this.#pathOf(parent), goal.name);
    this.#arrive(position, parent, goal.name);
    this.#placed.add(node);
    if (node.spots[this.#side] === null)
      this.operations.push({ op: 'make-directory', key, path: to });
    else if (from !== to) this.operations.push({ op: 'move', key, from, to });
  }

  #park(position: Position): void {
    const { key } = position.node;
    const root = this.#position(this.#forest.root);
    const spots = this.#forest.spots[this.#side];
    let name = `${TEMPORARY_PREFIX}park-${key}`;
    while (spots.has(childPath(ROOT, name))) name += '-';
    const from = this.#pathOf(position);
    this.#arrive(position, root, name);
    this.operations.push({ op: 'park', key, from, to: childPath(ROOT, name) });
  }

  #position(node: Node): Position {
    const spot = node.spots[this.#side];
    return spot === null ? this.#positionOf(node, node) : this.#positionOf(spot, node);
  }

  #positionOf(id: Spot | Node, node: Node): Position {
    const known = this.#positions.get(id);
    if (known !== undefined) return known;
    const spot = node.spots[this.#side];
    const above = spot?.parent ?? null;
    const parent = above === null ? null : this.#positionOf(above, above.owner);
    const position = { node, parent, name: spot?.name ?? '' };
    this.#positions.set(id, position);
    return position;
  }

  #pathOf(position: Position): SyncPath {
    return position.parent === null
      ? ROOT
      : childPath(this.#pathOf(position.parent), position.name);
  }

  #arrive(position: Position, parent: Position, name: string): void {
    const before = position.parent === null ? undefined : this.#arrived.get(position.parent);
    if (before?.get(position.name) === position) before.delete(position.name);
    position.parent = parent;
    position.name = name;
    const names = this.#arrived.get(parent) ?? new Map<string, Position>();
    this.#arrived.set(parent, names);
    names.set(name, position);
  }

  /** Returns what has that name at this moment. */
  #occupant(goal: Goal): Position | null {
    const directory = resolved(goal.parent);
    const parent = this.#position(directory);
    const arrived = this.#arrived.get(parent)?.get(goal.name);
    if (arrived !== undefined) return arrived;
    const at = directory.spots[this.#side];
    const spot = at && this.#forest.spots[this.#side].get(childPath(at.path, goal.name));
    if (!spot || this.#removed.has(spot.owner)) return null;
    const position = this.#positionOf(spot, spot.owner);
    return position.parent === parent && position.name === goal.name ? position : null;
  }
}

function contentOperations(
  forest: Forest,
  side: Side,
  paths: Map<Node, SyncPath | null>,
): readonly Operation[] {
  const contents: Operation[] = [];
  const links: Operation[] = [];
  const metadata: Operation[] = [];
  for (const node of forest.nodes) {
    const { key } = node;
    const receives = node.content === `to-${side}`;
    if (!receives && node.metadata !== `to-${side}`) continue;
    const path = goalPath(node, side, paths);
    if (path === null) continue;
    if (!receives) metadata.push({ op: 'set-metadata', key, path });
    else if (node.kind === 'symlink') links.push({ op: 'make-link', key, path });
    else contents.push({ op: 'write', key, path });
  }
  return [...contents, ...links, ...metadata];
}
