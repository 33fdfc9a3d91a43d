import type { Direction, Entry, Side } from '../model/entry.ts';
import type { FerryError } from '../model/errors.ts';
import type { Displacement } from '../ports.ts';
import type { Change, Operation, PlannedNode } from '../reconcile/plan.ts';
import {
  MAX_LOGGED_OPERATIONS,
  type RunKind,
  type RunLog,
  type RunOperation,
} from '../records/run-log.ts';

export interface RunRecorderOptions {
  readonly log: RunLog;
  readonly kind: RunKind;
  readonly direction: Direction;
  readonly startedAtMs: number;
  readonly mirror?: boolean;
  readonly undoOf?: number;
}

/** Changes after which a side's content is nowhere else. */
const UNSHARED: ReadonlySet<Change> = new Set<Change>([
  'new',
  'modified',
  'moved-and-modified',
  'unknown',
]);

/**
 * Writes one run into the run log: each step with its reason and what it displaced. What is told is staged by `stage`
 * and becomes durable with the records' next commit. A run without any step leaves no trace.
 */
export class RunRecorder {
  readonly #options: RunRecorderOptions;
  readonly #run: number;
  readonly #counts: Record<string, number> = {};
  /** Names of kept versions by side and node, until their step is told. */
  readonly #kept = new Map<string, string>();
  #pass = 0;
  #done = 0;
  #failed = 0;
  #logged = 0;
  #waiting: RunOperation[] = [];

  constructor(options: RunRecorderOptions) {
    this.#options = options;
    this.#run = options.log.nextRun;
    options.log.follow(() => this.stage());
  }

  /** The number that the run has in the log, if it does anything. */
  get run(): number {
    return this.#run;
  }

  /** Begins a pass: keys of nodes mean others from now on. */
  beginPass(): void {
    this.#pass++;
    this.#kept.clear();
  }

  /** Says why the node's entry on `side` gives way, and remembers where it is kept. `isEqual`: the other side has it, too. */
  displacementOf(side: Side, node: PlannedNode, isEqual: boolean): Displacement {
    return {
      cause: this.#causeOf(side, node),
      run: this.#run,
      isOnlyCopy: !isEqual && node.kind !== 'directory' && UNSHARED.has(node.reason[side]),
      onKept: (version) => this.#kept.set(`${side} ${node.key}`, version),
    };
  }

  #causeOf(side: Side, node: PlannedNode): Displacement['cause'] {
    const { kind, mirror } = this.#options;
    if (kind !== 'sync') return kind;
    if (mirror && node.reason[side] !== 'none') return 'mirror';
    return node[side].to === null ? 'deleted' : 'replaced';
  }

  done(operation: Operation, side: Side, node: PlannedNode, local: Entry | undefined): void {
    if (operation.op === 'park') return;
    this.#done++;
    const count = `${operation.op}-${side}`;
    this.#counts[count] = (this.#counts[count] ?? 0) + 1;
    const keptAs = this.#kept.get(`${side} ${node.key}`);
    this.#kept.delete(`${side} ${node.key}`);
    const isGone = side === 'local' && operation.op === 'remove';
    this.#add({
      ...this.#step(operation, side, node),
      local: isGone || !local ? null : { path: local.path, version: local.version },
      ...(keptAs === undefined ? {} : { keptAs }),
    });
  }

  /** Notes a failed step. One that only met a change is planned again, and is no failure. */
  failed(operation: Operation, side: Side, node: PlannedNode, error: FerryError): void {
    if (operation.op === 'park' || error.retry === 'now' || error.code === 'ABORTED') return;
    this.#failed++;
    const { code, message } = error;
    this.#add({ ...this.#step(operation, side, node), local: null, problem: { code, message } });
  }

  /** Stages what was told since the last time, and returns whether there is any; `end` makes it the run's last word. */
  stage(end?: { readonly endedAtMs: number; readonly error?: FerryError }): boolean {
    const { log, mirror: _, ...rest } = this.#options;
    if (this.#done + this.#failed === 0) return false;
    if (this.#waiting.length === 0 && end === undefined) return false;
    const operations = this.#waiting;
    this.#waiting = [];
    if (this.#logged === 0) this.#forgetLastFailure();
    this.#logged += operations.length;
    const row = {
      run: this.#run,
      kind: rest.kind,
      direction: rest.direction,
      startedAtMs: rest.startedAtMs,
      endedAtMs: end?.endedAtMs ?? null,
      ...(end?.error ? { error: { code: end.error.code, message: end.error.message } } : {}),
      ...(rest.undoOf === undefined ? {} : { undoOf: rest.undoOf }),
      done: this.#done,
      failed: this.#failed,
      counts: { ...this.#counts },
    };
    log.put(row, operations);
    if (end !== undefined) log.prune(end.endedAtMs);
    return true;
  }

  /** Runs that meet the same failure again and again would push out those that did something. */
  #forgetLastFailure(): void {
    const { log } = this.#options;
    const [last] = log.runs();
    if (last && last.done === 0 && this.#done === 0) log.drop(last.run);
  }

  #add(operation: RunOperation): void {
    const isFull = this.#logged + this.#waiting.length >= MAX_LOGGED_OPERATIONS;
    if (!isFull) this.#waiting.push(operation);
  }

  #step(operation: Exclude<Operation, { op: 'park' }>, side: Side, node: PlannedNode) {
    const { from } = node[side];
    const path = operation.op === 'move' ? operation.to : operation.path;
    return {
      pass: this.#pass,
      node: node.key,
      recordId: node.baseId,
      op: operation.op,
      side,
      kind: node.kind,
      path: operation.op === 'remove' ? (from ?? path) : path,
      from,
      reason: node.reason,
      ...(node.conflictOf ? { conflictOf: node.conflictOf.path } : {}),
    };
  }
}
