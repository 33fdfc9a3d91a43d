import type { Direction, EntryKind, Side, Version } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Operation, Reason } from '../reconcile/plan.ts';
import type { Store, StoreOperation } from './store.ts';

/** So many operations of one run are kept; the rest is only counted. */
export const MAX_LOGGED_OPERATIONS = 10_000;
const MAX_RUNS = 50;
const MAX_AGE_MS = 30 * 86_400_000;
/** Of all runs together, so that the log of large runs stays small beside the records. */
const MAX_OPERATIONS_IN_ALL = 100_000;

/** What was asked for: a run, or a change of the local side that the next run carries over. */
export type RunKind = 'sync' | 'reset' | 'restore' | 'undo';

/** One step that a run carried out, or failed to. */
export interface RunOperation {
  /** Counts the passes of the run; keys of nodes are unique within one. */
  readonly pass: number;
  /** Key of the planned node: the steps of one node on both sides belong together. */
  readonly node: number;
  /** Id of the record that the node continued; null for a node that had none. */
  readonly recordId: number | null;
  readonly op: Exclude<Operation['op'], 'park'>;
  readonly side: Side;
  readonly kind: EntryKind;
  /** Where the entry is after the step; of a removal, where it was. */
  readonly path: SyncPath;
  /** Where that side held the entry when the pass began; null: it did not. */
  readonly from: SyncPath | null;
  /** Where the local side has the entry after the run, and as which version; null: it has it not. */
  readonly local: { readonly path: SyncPath; readonly version: Version } | null;
  readonly reason: Reason;
  /** Set on the steps of a conflict copy: the path that it is a copy of. */
  readonly conflictOf?: SyncPath;
  /** Names what the step displaced in that side's version store. */
  readonly keptAs?: string;
  /** Why it was not done; absent: it was. */
  readonly problem?: { readonly code: string; readonly message: string };
}

/** One run that did something, or failed to. */
export interface LoggedRun {
  /** Grows from run to run. */
  readonly run: number;
  readonly kind: RunKind;
  readonly direction: Direction;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Null while it runs, and for ever when it was cut off. */
  readonly endedAtMs: number | null;
  /** What ended it early. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Of an undo: the run that it took back. */
  readonly undoOf?: number;
  /** Operations carried out and failed, also those that the log left out. */
  readonly done: number;
  readonly failed: number;
  /** How often each operation was carried out on each side, as `write-local`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Operations that can be read back. */
  readonly kept: number;
  /** Rows that hold them. */
  readonly chunks: number;
}

const PREFIX = 'l!';
const RUN_PREFIX = `${PREFIX}r!`;

function digits(number: number): string {
  return number.toString(36).padStart(8, '0');
}

function runKey(run: number): string {
  return RUN_PREFIX + digits(run);
}

function chunkPrefix(run: number): string {
  return `${PREFIX}o!${digits(run)}!`;
}

/** Returns what a row holds; null for a damaged one: the log is not worth the records beside it. */
function parse<T>(value: string): T | null {
  try {
    return JSON.parse(value) as T;
  } catch {
    return null; // left out, as if the log did not reach so far
  }
}

/**
 * What the last runs of a pair did and why, beside its records and committed together with them: a row for each run
 * and rows with its operations. A run that did nothing has none. Bounded: the last 50 runs, 30 days, 100,000 operations.
 */
export class RunLog {
  readonly #store: Store;
  /** Oldest first. */
  readonly #runs: LoggedRun[] = [];
  #staged: StoreOperation[] = [];
  #beforeTake: () => void = () => undefined;

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Reads which runs there are. */
  static async load(store: Store): Promise<RunLog> {
    const log = new RunLog(store);
    for await (const rows of store.scan(RUN_PREFIX))
      for (const [, value] of rows) {
        const run = parse<LoggedRun>(value);
        if (run) log.#runs.push(run);
      }
    return log;
  }

  /** The number of the next run that does something. */
  get nextRun(): number {
    return (this.#runs.at(-1)?.run ?? 0) + 1;
  }

  /** Every run that is kept, the latest first. */
  runs(): readonly LoggedRun[] {
    return this.#runs.toReversed();
  }

  /** Yields the operations of a run in the order in which they were carried out; none for a run that is not kept. */
  async *operations(run: number): AsyncIterable<readonly RunOperation[]> {
    for await (const rows of this.#store.scan(chunkPrefix(run)))
      for (const [, value] of rows) yield parse<readonly RunOperation[]>(value) ?? [];
  }

  /** Lets whoever writes the current run stage what it has heard, each time before the records are committed. */
  follow(beforeTake: () => void): void {
    this.#beforeTake = beforeTake;
  }

  /** Stages a run's row, and `operations` as its next ones. */
  put(run: Omit<LoggedRun, 'kept' | 'chunks'>, operations: readonly RunOperation[]): void {
    const chunk = operations.length > 0;
    const last = this.#runs.at(-1)?.run === run.run ? this.#runs.pop() : undefined;
    const chunks = (last?.chunks ?? 0) + (chunk ? 1 : 0);
    const row = { ...run, chunks, kept: (last?.kept ?? 0) + operations.length };
    this.#runs.push(row);
    if (chunk) this.#stage(chunkPrefix(run.run) + digits(chunks), operations);
    this.#stage(runKey(run.run), row);
  }

  /** Stages that runs are forgotten which are too old or too many. The latest one stays. */
  prune(nowMs: number): void {
    let operations = this.#runs.reduce((sum, { kept }) => sum + kept, 0);
    for (let first = this.#runs[0]; first && this.#runs.length > 1; first = this.#runs[0]) {
      const isOld = first.startedAtMs < nowMs - MAX_AGE_MS;
      if (!isOld && this.#runs.length <= MAX_RUNS && operations <= MAX_OPERATIONS_IN_ALL) return;
      operations -= first.kept;
      this.drop(first.run);
    }
  }

  /** Stages that a run is forgotten. */
  drop(run: number): void {
    const index = this.#runs.findIndex((one) => one.run === run);
    const [dropped] = index < 0 ? [] : this.#runs.splice(index, 1);
    if (!dropped) return;
    for (let chunk = 1; chunk <= dropped.chunks; chunk++)
      this.#staged.push({ type: 'del', key: chunkPrefix(run) + digits(chunk) });
    this.#staged.push({ type: 'del', key: runKey(run) });
  }

  /** Takes what is staged, for the batch that commits the records. */
  take(): readonly StoreOperation[] {
    this.#beforeTake();
    const staged = this.#staged;
    this.#staged = [];
    return staged;
  }

  /** Writes everything into the log of another store, and takes it up there. */
  async copyTo(other: RunLog): Promise<void> {
    for await (const rows of this.#store.scan(PREFIX))
      await other.#store.batch(rows.map(([key, value]) => ({ type: 'put', key, value })));
    other.#runs.splice(0, other.#runs.length, ...this.#runs);
  }

  #stage(key: string, value: unknown): void {
    this.#staged.push({ type: 'put', key, value: JSON.stringify(value) });
  }
}
