import type { Direction, Side } from '../../core/model/entry.ts';
import type { Plan, Policy, SideTree } from '../../core/reconcile/plan.ts';
import { reconcile } from '../../core/reconcile/reconcile.ts';
import { Pair, stepsOf } from './pair.ts';
import { baseTree, PLAIN, sideTree, type TreeLiteral } from './trees.ts';
import { item, World } from './world.ts';

/** What both sides last agreed on and what each holds now, as literals. */
export interface Scenario {
  readonly base?: TreeLiteral;
  readonly local: TreeLiteral;
  readonly remote: TreeLiteral;
  readonly frozen?: { readonly local?: readonly string[]; readonly remote?: readonly string[] };
  readonly direction?: Direction;
  readonly policy?: Partial<Policy>;
}

/** Returns the plan of a scenario. */
export function planOf(scenario: Scenario): Plan {
  const { base = {}, frozen = {}, direction = 'two-way', policy } = scenario;
  return reconcile({
    base: baseTree(base),
    local: sideTree(scenario.local, frozen.local),
    remote: sideTree(scenario.remote, frozen.remote),
    direction,
    policy: { ...PLAIN, ...policy },
  });
}

/** Returns what both sides look like after the plan: files by path, directories only where nothing is in them. */
export function outcomeOf(scenario: Scenario): Record<Side, TreeLiteral> {
  const plan = planOf(scenario);
  const pair = new Pair({
    local: worldOf(sideTree(scenario.local)),
    remote: worldOf(sideTree(scenario.remote)),
    records: new Map(),
    direction: scenario.direction ?? 'two-way',
    identities: false,
  });
  for (const step of stepsOf(plan)) pair.apply(plan, step);
  return { local: drawn(pair.local), remote: drawn(pair.remote) };
}

/** Returns the plan's steps in words, such as `local move a -> b`. */
export function stepsInWords(scenario: Scenario): readonly string[] {
  return stepsOf(planOf(scenario)).map(({ side, operation }) => {
    const { op } = operation;
    const isMove = operation.op === 'move' || operation.op === 'park';
    return `${side} ${op} ${isMove ? `${operation.from} -> ${operation.to}` : operation.path}`;
  });
}

/** Exchanges the sides, so that a rule of one direction can be checked in the other. */
export function mirrored({ local, remote, frozen, ...rest }: Scenario): Scenario {
  return {
    ...rest,
    local: remote,
    remote: local,
    ...(frozen === undefined
      ? {}
      : { frozen: { local: frozen.remote ?? [], remote: frozen.local ?? [] } }),
  };
}

function worldOf(tree: SideTree): World {
  const world = new World();
  for (const [path, { kind, content, holdsIgnored, sizeBytes }] of tree.nodes) {
    const made = item(kind, content ?? '?'.repeat(sizeBytes), path);
    world.put(path, holdsIgnored ? { ...made, holdsIgnored } : made);
  }
  return world;
}

function drawn(world: World): TreeLiteral {
  const lines = [...world.entries()]
    .filter(([, { kind, children }]) => kind !== 'directory' || children.size === 0)
    .map(([path, { kind, content }]) => [path, kind === 'directory' ? '/' : content]);
  return Object.fromEntries(lines);
}
