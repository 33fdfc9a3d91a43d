import type { Direction, Side } from '../../core/model/entry.ts';
import { otherSide } from '../../core/model/entry.ts';
import { nameOf, parentPath, type SyncPath, TEMPORARY_PREFIX } from '../../core/model/path.ts';
import type { BaseNode, Operation, Plan, PlannedNode, Policy } from '../../core/reconcile/plan.ts';
import { reconcile } from '../../core/reconcile/reconcile.ts';
import { PLAIN } from './trees.ts';
import { givesIdentities, type Identities, item, masterOf, type World } from './world.ts';

const SIDES: readonly Side[] = ['local', 'remote'];
let identities = 0;

/** Two worlds and their records, with plans carried out in memory as transfer does it. */
export class Pair {
  readonly local: World;
  readonly remote: World;
  readonly direction: Direction;
  readonly policy: Policy;
  readonly identities: Identities;
  records: Map<number, BaseNode>;

  constructor(options: {
    readonly local: World;
    readonly remote: World;
    readonly records: Map<number, BaseNode>;
    readonly direction: Direction;
    readonly policy?: Policy;
    readonly identities: Identities;
  }) {
    this.local = options.local;
    this.remote = options.remote;
    this.records = options.records;
    this.direction = options.direction;
    this.policy = options.policy ?? PLAIN;
    this.identities = options.identities;
  }

  copy(): Pair {
    return new Pair({
      ...this,
      local: this.local.copy(),
      remote: this.remote.copy(),
      records: new Map(this.records),
    });
  }

  plan(): Plan {
    return reconcile({
      base: [...this.records.values()],
      local: this.local.tree(givesIdentities(this.identities, 'local')),
      remote: this.remote.tree(givesIdentities(this.identities, 'remote')),
      direction: this.direction,
      policy: this.policy,
    });
  }

  /** Plans, carries out and records; returns the plan. */
  run(): Plan {
    const plan = this.plan();
    for (const step of stepsOf(plan)) this.apply(plan, step);
    this.record(plan);
    return plan;
  }

  /** Carries out the first steps only and records nothing; then brings parked entries back, as a new run begins. */
  runInterrupted(plan: Plan, count: number): void {
    for (const step of stepsOf(plan).slice(0, count)) this.apply(plan, step);
    for (const side of SIDES) this.#bringBack(plan, side);
  }

  apply(plan: Plan, { side, operation }: Step): void {
    const world = this[side];
    switch (operation.op) {
      case 'park':
      case 'move':
        world.move(operation.from, operation.to);
        return;
      case 'remove':
        world.remove(operation.path, operation.kind);
        return;
      case 'make-directory':
        world.put(operation.path, item('directory', '', newIdentity()));
        return;
      case 'write':
      case 'make-link':
        this.#write(plan, side, operation);
        return;
      case 'set-metadata':
        if (world.get(operation.path) === null) throw new Error(`${operation.path}: nothing there`);
    }
  }

  /** Replaces as transfer does: by a new file of the same name. */
  #write(plan: Plan, side: Side, operation: Operation & { op: 'write' | 'make-link' }): void {
    const node = plan.nodes.find(({ key }) => key === operation.key);
    const from = node?.[otherSide(side)].to;
    const source = from == null ? null : this[otherSide(side)].get(from);
    if (!node || !source) throw new Error(`${operation.path}: nothing to copy from`);
    const kind = operation.op === 'write' ? 'file' : 'symlink';
    if (source.kind !== kind) throw new Error(`${operation.path}: a ${source.kind}, not a ${kind}`);
    if (node[side].to !== operation.path)
      throw new Error(`${operation.path}: not the node's place`);
    const present = this[side].get(operation.path);
    if ((present !== null) !== (node[side].from !== null))
      throw new Error(`${operation.path}: not what was expected there`);
    if (present !== null && present.kind !== kind) throw new Error(`${operation.path}: other kind`);
    if (present !== null) this[side].take(operation.path);
    this[side].put(operation.path, item(kind, source.content, newIdentity()));
  }

  #bringBack(plan: Plan, side: Side): void {
    const world = this[side];
    for (const operation of plan.operations[side]) {
      if (operation.op !== 'park' || world.get(operation.to) === null) continue;
      const move = plan.operations[side].find(
        (one) => one.op === 'move' && one.from === operation.to,
      );
      const wanted = move?.op === 'move' ? [move.to, operation.from] : [operation.from];
      const free = wanted.find(
        (path) => world.get(path) === null && world.get(parentPath(path))?.kind === 'directory',
      );
      world.move(
        operation.to,
        free ?? (`brought-back-${nameOf(operation.to).slice(TEMPORARY_PREFIX.length)}` as SyncPath),
      );
    }
  }

  record(plan: Plan): void {
    const drops = plan.nodes.filter(({ record }) => record === 'drop');
    for (const { baseId } of drops) if (baseId !== null) this.records.delete(baseId);
    const writes = plan.nodes
      .filter(({ record }) => record === 'write')
      .map((node) => ({ node, path: node[masterOf(this.direction)].to }))
      .sort((a, b) => (a.path ?? '').split('/').length - (b.path ?? '').split('/').length);
    const known = new Map(this.records);
    // What was swapped must not be found under its old name by what is now below it.
    for (const { node } of writes) this.records.delete(node.baseId ?? -1);
    for (const { node, path } of writes) this.#recordOne(node, path, known);
  }

  #recordOne(
    node: PlannedNode,
    path: SyncPath | null,
    before: ReadonlyMap<number, BaseNode>,
  ): void {
    const master = path === null ? null : this[masterOf(this.direction)].get(path);
    if (path === null || master === null) throw new Error(`nothing to record for ${node.key}`);
    const at = (side: Side) => {
      const to = node[side].to;
      return to === null ? null : this[side].get(to);
    };
    const known = node.baseId === null ? undefined : before.get(node.baseId);
    const id = known?.id ?? Math.max(0, ...before.keys(), ...this.records.keys()) + 1;
    const [local, remote] = [at('local'), at('remote')];
    if (!local || !remote) throw new Error(`${path}: recorded without being on both sides`);
    const agree = local.content === remote.content;
    const identity = {
      ...(givesIdentities(this.identities, 'local') ? { local: local.identity } : {}),
      ...(givesIdentities(this.identities, 'remote') ? { remote: remote.identity } : {}),
    };
    this.records.set(id, {
      id,
      parentId: this.#directoryId(parentPath(path)),
      name: nameOf(path),
      kind: master.kind,
      content: agree || known === undefined ? master.content : known.content,
      sizeBytes: (agree || known === undefined ? master.content : known.content).length,
      identity,
    });
  }

  /** Returns the record at a path. */
  recordAt(path: SyncPath): BaseNode | undefined {
    const parent = parentPath(path);
    const parentId = parent === '' ? 0 : this.recordAt(parent)?.id;
    const name = nameOf(path);
    return [...this.records.values()].find((one) => one.parentId === parentId && one.name === name);
  }

  #directoryId(path: SyncPath): number {
    if (path === '') return 0;
    const record = this.recordAt(path);
    if (record?.kind !== 'directory') throw new Error(`${path}: its directory is not recorded`);
    return record.id;
  }
}

/** One operation on one side. */
export interface Step {
  readonly side: Side;
  readonly operation: Operation;
}

/** Returns a plan's operations in the order in which transfer does them: names on both sides, then contents. */
export function stepsOf(plan: Plan): readonly Step[] {
  const isContent = ({ op }: Operation) =>
    op === 'write' || op === 'make-link' || op === 'set-metadata';
  const steps = (wanted: boolean): Step[] =>
    SIDES.flatMap((side) =>
      plan.operations[side]
        .filter((operation) => isContent(operation) === wanted)
        .map((operation) => ({ side, operation })),
    );
  return [...steps(false), ...steps(true)];
}

function newIdentity(): string {
  identities++;
  return `made-${identities}`;
}
