import type { ContentHash, Direction, Entry, Side, Version } from '../model/entry.ts';
import { otherSide } from '../model/entry.ts';
import type { FerryError } from '../model/errors.ts';
import {
  depthOf,
  nameOf,
  parentPath,
  ROOT,
  type SyncPath,
  TEMPORARY_PREFIX,
} from '../model/path.ts';
import { type Problem, problemOf } from '../model/problem.ts';
import type { ContentToken, Operation, Plan, PlannedNode } from '../reconcile/plan.ts';
import { baseToken, type PairRecord, type RecordedSide, recordedSide } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import type { EqualFile } from './tell-counterparts.ts';

/** What one side was observed to hold: entries and content tokens by path. */
export interface ObservedSide {
  readonly entries: ReadonlyMap<SyncPath, Entry>;
  readonly tokenAt: (path: SyncPath) => ContentToken | null | undefined;
}

export interface LedgerOptions {
  readonly plan: Plan;
  readonly records: Records;
  readonly direction: Direction;
  readonly observed: Readonly<Record<Side, ObservedSide>>;
  /** Called once for each node whose steps all succeeded, when its record is staged. */
  readonly onFinished: (node: PlannedNode) => void;
}

const SIDES = ['local', 'remote'] as const;
const HASH = /^[0-9a-f]{64}$/;
const UNRECORDED_SIDE: RecordedSide = { version: '' as Version };

const CONTENT_STEPS: ReadonlySet<Operation['op']> = new Set(['write', 'make-link', 'set-metadata']);

/** Errors that end a side's transfers at once instead of one file's. */
const FATAL = new Set([
  'REMOTE_UNREACHABLE',
  'REMOTE_UNAUTHORIZED',
  'LOCAL_ROOT_MISSING',
  'ABORTED',
]);

/**
 * Keeps the books of one plan's execution: which steps of each node are left, what each side holds for it now, what
 * failed; and stages the records of nodes that are finished. It does no I/O.
 */
export class Ledger {
  readonly nodes: ReadonlyMap<number, PlannedNode>;
  readonly problems: Problem[] = [];
  /** The first error that makes going on pointless. */
  fatal: FerryError | null = null;
  /** Something was not as planned: observing and planning again will put it right. */
  needsAnotherPass = false;
  /** A file changed while it was read: it is tried again when it was quiet for a while. */
  sourceChanged = false;
  /** What was not as planned: problems only if it is so again and again. */
  readonly unsettled: Problem[] = [];
  readonly #options: LedgerOptions;
  readonly #left = new Map<number, number>();
  /** How many of a node's steps bring content or metadata; they come after all changes of names. */
  readonly #contentSteps = new Map<number, number>();
  readonly #failed = new Set<number>();
  readonly #blocked: Record<Side, Set<SyncPath>> = { local: new Set(), remote: new Set() };
  readonly #current: Record<Side, Map<number, Entry>> = { local: new Map(), remote: new Map() };
  readonly #received = new Map<number, { side: Side; hash: ContentHash | undefined }>();
  readonly #applied = new Set<number>();
  #equal: EqualFile[] = [];
  /** Records before the run: another node may take the place of one before it is written at its new place. */
  readonly #bases = new Map<number, PairRecord>();

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.nodes = new Map(options.plan.nodes.map((node) => [node.key, node]));
    for (const { baseId } of options.plan.nodes) {
      const base = baseId === null ? undefined : options.records.get(baseId);
      if (base) this.#bases.set(base.id, base);
    }
    for (const side of ['local', 'remote'] as const)
      for (const operation of options.plan.operations[side]) {
        // A parked node has a park and a move to come: both count.
        add(this.#left, operation.key, 1);
        if (CONTENT_STEPS.has(operation.op)) add(this.#contentSteps, operation.key, 1);
      }
  }

  node(key: number): PlannedNode | undefined {
    return this.nodes.get(key);
  }

  /** What the side holds for the node now; undefined when it is not there (yet). */
  entry(side: Side, key: number): Entry | undefined {
    const current = this.#current[side].get(key);
    if (current) return current;
    const from = this.nodes.get(key)?.[side].from;
    return from === null || from === undefined
      ? undefined
      : this.#options.observed[side].entries.get(from);
  }

  /** Notes that one step of the node succeeded on `side`, and what is there now. */
  done(side: Side, key: number, entry?: Entry): void {
    if (entry) this.#current[side].set(key, entry);
    add(this.#left, key, -1);
  }

  /** Notes that the node's content arrived on `side`; `hash` is unknown when it came as a placeholder. */
  received(side: Side, key: number, entry: Entry, hash: ContentHash | undefined): void {
    this.#received.set(key, { side, hash });
    this.done(side, key, entry);
  }

  /** Notes a failed step: what depends on it is left out, the reason is kept for the user. */
  fail(side: Side, key: number, path: SyncPath, error: FerryError): void {
    this.#failed.add(key);
    this.#blocked[side].add(path);
    if (error.code === 'CHANGED' || error.code === 'NOT_EMPTY') {
      this.needsAnotherPass = true;
      this.unsettled.push(problemOf(error, path, side));
    } else if (FATAL.has(error.code)) this.fatal ??= error;
    else this.problems.push(problemOf(error, path, side));
  }

  /** Notes that a step waits because it failed in an earlier run: to what depends on it, that is the same. */
  hold(side: Side, key: number, problem: Problem): void {
    this.#failed.add(key);
    this.#blocked[side].add(problem.path);
    this.problems.push(problem);
  }

  /** Tells whether a step must be left out because something it needs failed. */
  isBlocked(side: Side, key: number, path: SyncPath): boolean {
    if (this.#failed.has(key)) return true;
    const blocked = this.#blocked[side];
    if (blocked.size === 0) return false;
    for (let above = path; above !== ROOT; above = parentPath(above))
      if (blocked.has(above)) return true;
    return false;
  }

  /**
   * Notes that a step was left out; its node keeps its old record. Whether another pass can help is up to what failed
   * before it.
   */
  leaveOut(key: number): void {
    this.#failed.add(key);
  }

  /** Tells whether steps remain that neither succeeded nor failed, as after a cut-off. */
  get isAnythingLeft(): boolean {
    for (const [key, left] of this.#left) if (left > 0 && !this.#failed.has(key)) return true;
    return false;
  }

  isFinished(key: number): boolean {
    return !this.#failed.has(key) && (this.#left.get(key) ?? 0) <= 0;
  }

  /**
   * Stages the records of finished nodes that were not staged yet: what is there, parents first, then what is dropped,
   * children first, as a directory's record goes only when nothing is recorded in it. Without `keys` it is about all
   * nodes, and the new places of moved ones whose content is still to come are staged, too.
   */
  stageFinished(keys?: Iterable<number>): void {
    const ready: PlannedNode[] = [];
    for (const key of keys ?? this.nodes.keys()) {
      const node = this.nodes.get(key);
      if (node && !this.#applied.has(key) && this.isFinished(key)) ready.push(node);
    }
    const byDepth = ready.map((node) => ({ node, depth: depth(node) }));
    for (const { node } of byDepth.sort((a, b) => a.depth - b.depth)) {
      if (node.record === 'drop') continue;
      if (node.record === 'write') this.#write(node);
      this.#finish(node);
    }
    if (keys === undefined) this.#stageMovedBeforeContent();
    if (keys === undefined) this.#keepParked();
    // A recorded directory has a smaller key than what is recorded in it.
    const dropped = ready.filter((node) => node.record === 'drop');
    for (const node of dropped.sort((a, b) => b.key - a.key))
      if (this.#options.records.drop(node.baseId ?? 0)) this.#finish(node);
  }

  #finish(node: PlannedNode): void {
    this.#noteEqual(node);
    this.#applied.add(node.key);
    this.#options.onFinished(node);
  }

  /** Returns the files that were staged as equal on both sides since the last call. */
  takeEqual(): readonly EqualFile[] {
    const equal = this.#equal;
    this.#equal = [];
    return equal;
  }

  /**
   * Stages the new place of nodes that are moved on both sides by now while their content is still to come, so that an
   * interruption is not taken for a deletion and a creation.
   */
  #stageMovedBeforeContent(): void {
    const { records } = this.#options;
    for (const node of this.nodes.values()) {
      if (node.baseId === null || node.record !== 'write' || node.content === 'none') continue;
      const base = this.#base(node);
      const path = this.recordPath(node);
      const moved = node.local.from !== node.local.to || node.remote.from !== node.remote.to;
      if (!base || !path || !moved || !this.#awaitsOnlyContent(node.key)) continue;
      const receiving: Side = node.content === 'to-local' ? 'local' : 'remote';
      const entry = this.entry(receiving, node.key);
      const parentId = records.directoryId(parentPath(path));
      if (!entry || parentId === undefined || entry.kind !== base.kind) continue;
      const isAsRecorded = this.#token(receiving, node) === baseToken(base);
      records.put({
        ...base,
        parentId,
        name: nameOf(path),
        ...(isAsRecorded ? { [receiving]: recordedSide(entry) } : {}),
      });
    }
  }

  /** Keeps the record of what is still parked when that of another entry has taken its place. */
  #keepParked(): void {
    const { records } = this.#options;
    for (const node of this.nodes.values()) {
      const base = node.baseId === null ? undefined : this.#bases.get(node.baseId);
      if (!base || records.get(base.id) || this.#applied.has(node.key)) continue;
      const parked = SIDES.map((side) => this.#current[side].get(node.key)?.path).find(
        (path) => path !== undefined && nameOf(path).startsWith(TEMPORARY_PREFIX),
      );
      const hasHome = base.parentId === 0 || records.get(base.parentId) !== undefined;
      if (parked === undefined || !hasHome || !records.isLoaded(base.parentId)) continue;
      records.put({ ...base, name: nameOf(parked) });
    }
  }

  #awaitsOnlyContent(key: number): boolean {
    const left = this.#left.get(key) ?? 0;
    return !this.#failed.has(key) && left > 0 && left === this.#contentSteps.get(key);
  }

  /** Where the node is recorded: the master's path, or the one both sides share. */
  recordPath(node: PlannedNode): SyncPath | null {
    return this.#options.direction === 'local-to-remote'
      ? (node.local.to ?? node.remote.to)
      : (node.remote.to ?? node.local.to);
  }

  #noteEqual(node: PlannedNode): void {
    const local = this.entry('local', node.key);
    const remote = this.entry('remote', node.key);
    if (node.record !== 'write' || local?.kind !== 'file' || remote?.kind !== 'file') return;
    if (node.local.to === null || node.remote.to === null || !this.#contentAgrees(node)) return;
    this.#equal.push({
      path: { local: node.local.to, remote: node.remote.to },
      entry: { local, remote },
    });
  }

  #base({ baseId }: PlannedNode): PairRecord | undefined {
    return baseId === null
      ? undefined
      : (this.#options.records.get(baseId) ?? this.#bases.get(baseId));
  }

  #write(node: PlannedNode): void {
    const { records } = this.#options;
    const path = this.recordPath(node);
    if (path === null) return;
    const parentId = records.directoryId(parentPath(path));
    const record = parentId === undefined ? null : this.#recordOf(node, path, parentId);
    if (record) records.put(record);
    else this.needsAnotherPass = true;
  }

  #recordOf(node: PlannedNode, path: SyncPath, parentId: number): PairRecord | null {
    const { records, direction } = this.#options;
    const base = this.#base(node);
    const master: Side = direction === 'local-to-remote' ? 'local' : 'remote';
    const entry = this.entry(master, node.key) ?? this.entry(otherSide(master), node.key);
    if (!entry) return null;
    const side = (which: Side): RecordedSide => {
      const own = this.entry(which, node.key);
      const agrees = which === master || this.#contentAgrees(node);
      return own && agrees ? recordedSide(own) : (base?.[which] ?? UNRECORDED_SIDE);
    };
    const hash = this.#hash(node, base);
    return {
      id: base?.id ?? records.newId(),
      parentId,
      name: nameOf(path),
      kind: entry.kind,
      sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0,
      ...(hash === undefined || entry.kind !== 'file' ? {} : { hash }),
      ...(entry.kind === 'symlink' ? { target: entry.target } : {}),
      local: side('local'),
      remote: side('remote'),
    };
  }

  #token(side: Side, node: PlannedNode): ContentToken | null | undefined {
    const from = node[side].from;
    return from === null ? undefined : this.#options.observed[side].tokenAt(from);
  }

  #contentAgrees(node: PlannedNode): boolean {
    if (node.kind === 'directory' || this.#received.has(node.key) || node.adopts) return true;
    if (node.content !== 'none') return true;
    const isOneSided = SIDES.some((side) => this.#token(side, node) === undefined);
    return isOneSided || this.hasEqualContent(node);
  }

  /** Returns the hash of what `side` was seen to hold of the node before the run, where it is known. */
  seenHash(side: Side, key: number): ContentHash | undefined {
    const node = this.nodes.get(key);
    const token = node && this.#token(side, node);
    return typeof token === 'string' && HASH.test(token) ? (token as ContentHash) : undefined;
  }

  /** Returns the record that the node had before the run. */
  recordBefore(key: number): PairRecord | undefined {
    const node = this.nodes.get(key);
    return node && this.#base(node);
  }

  /** Tells whether both sides were seen to hold the same content of the node. */
  hasEqualContent(node: PlannedNode): boolean {
    const token = this.#token('local', node);
    return typeof token === 'string' && token === this.#token('remote', node);
  }

  #hash(node: PlannedNode, base: PairRecord | undefined): ContentHash | undefined {
    const received = this.#received.get(node.key);
    if (received) return received.hash;
    const master: Side = this.#options.direction === 'local-to-remote' ? 'local' : 'remote';
    for (const side of [master, otherSide(master)]) {
      const token = this.#token(side, node);
      if (typeof token === 'string') return HASH.test(token) ? (token as ContentHash) : base?.hash;
    }
    return base?.hash;
  }
}

function add(counts: Map<number, number>, key: number, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function depth(node: PlannedNode): number {
  const path = node.remote.to ?? node.local.to ?? node.remote.from ?? node.local.from ?? '';
  return path === '' ? 0 : depthOf(path);
}
