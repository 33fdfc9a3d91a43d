import { conflictCopyName, isConflictCopyOf } from '../model/conflict-name.ts';
import type { Side } from '../model/entry.ts';
import { childPath } from '../model/path.ts';
import { compareSides, contentChange, type Looks } from './change.ts';
import type { Policy } from './plan.ts';
import {
  addNode,
  claim,
  type Forest,
  type Goal,
  isAt,
  type Node,
  resolved,
  SIDES,
} from './tree.ts';

/** How contests for a name end: the winning side, and where and as what the loser goes on. */
export interface ContestRules {
  /** The side whose entry keeps a name that both want. */
  readonly winner: Side;
  readonly loser: Side;
  /** The sides on which the loser gets another name. */
  readonly renamedOn: readonly Side[];
  readonly mirror: boolean;
  /** Who made the losing version, in the name of its copy. */
  readonly device: string;
  readonly timestamp: string;
  /** What has lost its name lives on like this. */
  readonly loserFate: 'live' | 'own';
}

/** Returns the rules of a direction. */
export function contestRules(master: Side | null, policy: Policy): ContestRules {
  const { mirror, timestamp } = policy;
  if (master === null)
    return {
      winner: 'remote',
      loser: 'local',
      renamedOn: SIDES,
      mirror: false,
      device: policy.device,
      timestamp,
      loserFate: 'live',
    };
  const loser = master === 'local' ? 'remote' : 'local';
  const device = loser === 'remote' ? 'server' : policy.device;
  return {
    winner: master,
    loser,
    renamedOn: [loser],
    mirror: mirror && policy.deletes === 'propagate',
    device,
    timestamp,
    loserFate: 'own',
  };
}

/** Walks the target tree from the top, settles who gets each name, then lets `visit` decide on the contents. */
export class Names {
  readonly #forest: Forest;
  readonly #rules: ContestRules;
  readonly #looks: Looks;
  readonly #members = new Map<Node, Node[]>();
  readonly #taken = new Map<Node, Set<string>>();

  constructor(forest: Forest, rules: ContestRules, looks: Looks) {
    this.#forest = forest;
    this.#rules = rules;
    this.#looks = looks;
    for (const node of forest.nodes) {
      if (node === forest.root || node.frozen || node.fate === 'gone') continue;
      const goal = this.#goalOf(node);
      if (goal !== null) this.#add(resolved(goal.parent), node);
    }
  }

  /** A held node may be on one side only; where both sides become equal, it keeps its name on both. */
  #goalOf(node: Node): Goal | null {
    const { loser, winner, renamedOn } = this.#rules;
    return node.goals[loser] ?? (renamedOn.includes(winner) ? node.goals[winner] : null);
  }

  /** Settles all names; calls `visit` for each node that ends with its name, directories before what they hold. */
  settle(visit: (node: Node) => void): void {
    const directories = [this.#forest.root];
    for (const directory of directories) {
      const members = this.#members.get(directory);
      if (members === undefined) continue;
      for (const node of this.#contest(directory, members)) {
        visit(node);
        if (node.kind === 'directory') directories.push(node);
      }
    }
  }

  /** Splits the loser's version off the node, as a conflict copy beside it. */
  splitCopy(node: Node): void {
    const { loser, loserFate, renamedOn } = this.#rules;
    const spot = node.spots[loser];
    const place = node.goals[loser];
    if (spot === null || place === null) return;
    const copy = addNode(this.#forest.nodes, node.kind);
    node.spots[loser] = null;
    claim(copy, spot);
    copy.changes[loser] = node.changes[loser];
    copy.fate = loserFate;
    for (const side of renamedOn) copy.goals[side] = place;
    this.#rename(copy, place);
  }

  #add(directory: Node, node: Node): void {
    const members = this.#members.get(directory);
    if (members === undefined) this.#members.set(directory, [node]);
    else members.push(node);
  }

  #contest(directory: Node, members: readonly Node[]): readonly Node[] {
    const holders = new Map<string, Node>();
    const renamed: Node[] = [];
    for (const node of members) {
      const place = this.#goalOf(node);
      if (place === null || node.mergedInto !== null) continue;
      const holder = holders.get(place.name);
      if (holder === undefined) holders.set(place.name, node);
      else {
        const [first, second] = this.#ranked(holder, node, { ...place, parent: directory });
        const one = this.#merged(first, second);
        holders.set(place.name, one ?? first);
        if (one === null && second.fate !== 'doomed') {
          this.#rename(second, place);
          renamed.push(second);
        }
      }
    }
    return [...holders.values(), ...renamed];
  }

  #ranked(one: Node, other: Node, place: Goal): readonly [Node, Node] {
    const rank = (node: Node): number =>
      isAt(node.spots[this.#rules.winner], place)
        ? 0
        : isAt(node.spots[this.#rules.loser], place)
          ? 1
          : 2;
    return rank(other) < rank(one) ? [other, one] : [one, other];
  }

  /**
   * Makes one node of two that hold the same: the winner's entry of `first` and the loser's of `second`. Returns
   * null where they must stay two.
   */
  #merged(first: Node, second: Node): Node | null {
    const { winner, loser } = this.#rules;
    const won = first.spots[winner];
    const lost = second.spots[loser];
    if (!won?.seen || !lost?.seen || first.kind !== second.kind) return null;
    const leftovers = [first.spots[loser], second.spots[winner]].filter((spot) => spot !== null);
    if (first.kind === 'directory' ? leftovers.length > 0 : !this.#mayBeOne(first, second))
      return null;
    const into = first.base === null && second.base !== null && !leftovers.length ? second : first;
    const from = into === first ? second : first;
    const leftover = first.spots[loser];
    claim(into, won);
    claim(into, lost);
    for (const side of SIDES) if (from.spots[side]?.owner === into) from.spots[side] = null;
    if (leftover !== null) this.#leaveBehind(leftover, first);
    this.#inherit(into, from);
    return into;
  }

  #mayBeOne(first: Node, second: Node): boolean {
    const { winner, loser, mirror } = this.#rules;
    const won = first.spots[winner]?.seen;
    const lost = second.spots[loser]?.seen;
    if (!won || !lost) return false;
    const isSpare = (node: Node, side: Side): boolean =>
      node.spots[side] === null || contentChange(node, side) === 'equal';
    if (first.spots[loser] !== null && second.spots[winner] !== null) return false;
    if (!isSpare(first, loser) || !isSpare(second, winner)) return false;
    if (mirror && first.spots[loser] === null && second.fate === 'doomed') return true;
    if (lost.isPlaceholder && first.base === null && second.base === null) return true;
    const comparison = compareSides(won, lost);
    if (comparison === 'unknown') {
      this.#looks.ask(first.spots[winner], 'other-side');
      this.#looks.ask(second.spots[loser], 'other-side');
    }
    return comparison === 'equal';
  }

  /** The loser's side still has the winner's entry at its old place: as it moved here, it goes there. */
  #leaveBehind(leftover: NonNullable<Node['spots']['local']>, mover: Node): void {
    const rest = addNode(this.#forest.nodes, mover.kind);
    claim(rest, leftover);
    rest.rule = 'what it was moved to is on this side already';
  }

  #inherit(into: Node, from: Node): void {
    into.fate = 'live';
    for (const side of SIDES) {
      if (from.changes[side] !== 'none' && into.changes[side] === 'none')
        into.changes[side] = from.changes[side];
      into.goals[side] ??= from.goals[side];
      from.goals[side] = null;
    }
    from.fate = 'gone';
    from.rule = 'the same as another entry';
    if (SIDES.every((side) => from.spots[side] === null)) from.mergedInto = into;
    for (const member of this.#members.get(from) ?? []) this.#add(into, member);
    this.#members.delete(from);
  }

  #rename(node: Node, place: Goal): void {
    const { device, timestamp, loser, loserFate, renamedOn } = this.#rules;
    const parent = resolved(place.parent);
    const taken = this.#namesIn(parent);
    const isTaken = (name: string): boolean =>
      taken.has(name) ||
      SIDES.some((side) => {
        const at = parent.spots[side];
        return at !== null && this.#forest.spots[side].has(childPath(at.path, name));
      });
    const own = node.spots[loser];
    // A run that was cut off may have given it such a name already.
    const isCopy =
      own !== null &&
      own.parent === parent.spots[loser] &&
      isConflictCopyOf(own.name, place.name) &&
      !taken.has(own.name);
    const name = isCopy ? own.name : conflictCopyName(place.name, { device, timestamp, isTaken });
    taken.add(name);
    for (const side of renamedOn) node.goals[side] = { parent, name };
    node.fate = loserFate;
    node.copyOf = { place: { parent, name: place.name }, from: loser };
    node.rule = 'conflict: the other version keeps the name';
  }

  #namesIn(directory: Node): Set<string> {
    const known = this.#taken.get(directory);
    if (known !== undefined) return known;
    const names = new Set<string>();
    for (const node of this.#members.get(directory) ?? []) {
      const goal = this.#goalOf(node);
      if (goal !== null) names.add(goal.name);
    }
    this.#taken.set(directory, names);
    return names;
  }
}
