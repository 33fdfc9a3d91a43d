import type { Direction, Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { childPath, nameOf, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import { DigestSum, type RecordsDigest } from './digest.ts';
import { Notes } from './notes.ts';
import { decodeRecord, encodeRecord, type PairRecord, RECORD_PREFIX, recordKey } from './record.ts';
import { RunLog } from './run-log.ts';
import type { Store, StoreOperation } from './store.ts';

/** Version of the layout in the store; a newer one is refused, never migrated down. */
export const SCHEMA_VERSION = 1;

/** A mover that was put aside and must not stay there when the run is interrupted. */
export interface ParkedMove {
  readonly side: Side;
  readonly parked: SyncPath;
  readonly from: SyncPath;
  readonly to: SyncPath;
}

/** What is kept about the pair as a whole. */
export interface RecordsState {
  readonly schema: number;
  readonly nextId: number;
  /** Grows with every commit. */
  readonly sequence: number;
  /** Counts resets. */
  readonly generation: number;
  /** A reset has begun and not everything is transferred yet: nothing is ever deleted meanwhile. */
  readonly resetting: boolean;
  /** What the pair did when the records were last written; absent in records of earlier versions. */
  readonly direction?: Direction;
  /** Identities of the two roots that the records were made with. */
  readonly roots: { readonly local: string | null; readonly remote: string | null };
  readonly digest: RecordsDigest;
}

const STATE_KEY = 'm!state';
const CONFLICT_PREFIX = 'c!';
const PARKED_PREFIX = 'p!';

const EMPTY_STATE: RecordsState = {
  schema: SCHEMA_VERSION,
  nextId: 1,
  sequence: 0,
  generation: 0,
  resetting: false,
  roots: { local: null, remote: null },
  digest: new DigestSum().digest,
};

/**
 * The base tree of one pair, in memory while the pair is open, and its rows in the store. Changes are staged and
 * become durable together with `commit`, along with the count and digest that prove them complete.
 */
export class Records {
  readonly #store: Store;
  readonly #byId = new Map<number, PairRecord>();
  readonly #children = new Map<number, Map<string, PairRecord>>();
  readonly #conflicts = new Map<SyncPath, Conflict>();
  readonly #parked = new Map<SyncPath, ParkedMove>();
  readonly #sum = new DigestSum();
  #state: RecordsState = EMPTY_STATE;
  #staged = new Map<string, StoreOperation>();
  #committing: Promise<void> = Promise.resolve();

  /** What the last runs did and why; becomes durable with `commit`, too. */
  readonly runLog: RunLog;
  /** What people are told beside it; becomes durable with `commit`, too. */
  readonly notes: Notes;

  private constructor(store: Store, runLog: RunLog) {
    this.#store = store;
    this.runLog = runLog;
    this.notes = new Notes(store);
  }

  /** Reads everything. @throws RECORD_CORRUPT when rows are missing or unreadable, RECORD_SCHEMA_NEWER */
  static async load(store: Store): Promise<Records> {
    const records = new Records(store, await RunLog.load(store));
    const state = await store.get(STATE_KEY);
    if (state !== undefined) records.#state = parseState(state);
    for await (const rows of store.scan(RECORD_PREFIX))
      for (const [key, value] of rows) {
        records.#index(decodeRecord(key, value));
        records.#sum.add(key, value);
      }
    const { count, sum } = records.#sum.digest;
    const expected = records.#state.digest;
    if (count !== expected.count || sum !== expected.sum)
      throw new FerryError(
        'RECORD_CORRUPT',
        `the sync records are incomplete: ${count} rows found, ${expected.count} expected`,
      );
    for await (const rows of store.scan(CONFLICT_PREFIX))
      for (const [key, value] of rows)
        records.#conflicts.set(key.slice(CONFLICT_PREFIX.length) as SyncPath, parseRow(key, value));
    for await (const rows of store.scan(PARKED_PREFIX))
      for (const [key, value] of rows)
        records.#parked.set(key.slice(PARKED_PREFIX.length) as SyncPath, parseRow(key, value));
    return records;
  }

  get state(): RecordsState {
    return this.#state;
  }

  get size(): number {
    return this.#byId.size;
  }

  all(): Iterable<PairRecord> {
    return this.#byId.values();
  }

  get(id: number): PairRecord | undefined {
    return this.#byId.get(id);
  }

  child(parentId: number, name: string): PairRecord | undefined {
    return this.#children.get(parentId)?.get(name);
  }

  hasChildren(id: number): boolean {
    return (this.#children.get(id)?.size ?? 0) > 0;
  }

  /** Returns the record at `path`, walking down from the root. */
  at(path: SyncPath): PairRecord | undefined {
    const parentId = this.directoryId(parentPath(path));
    return parentId === undefined ? undefined : this.child(parentId, nameOf(path));
  }

  /** Returns the id of the recorded directory at `path`; 0 for the root. */
  directoryId(path: SyncPath): number | undefined {
    if (path === ROOT) return 0;
    const record = this.at(path);
    return record?.kind === 'directory' ? record.id : undefined;
  }

  /** Returns every record by its path, parents first. */
  byPath(): Map<SyncPath, PairRecord> {
    const found = new Map<SyncPath, PairRecord>();
    const visit = (id: number, path: SyncPath): void => {
      for (const record of this.#children.get(id)?.values() ?? []) {
        const at = childPath(path, record.name);
        found.set(at, record);
        if (record.kind === 'directory') visit(record.id, at);
      }
    };
    visit(0, ROOT);
    return found;
  }

  newId(): number {
    const id = this.#state.nextId;
    this.#state = { ...this.#state, nextId: id + 1 };
    return id;
  }

  /** Stages a new or changed record; a changed parent or name moves its row, the rows below stay as they are. */
  put(record: PairRecord): void {
    const before = this.#byId.get(record.id);
    if (before) this.#unindex(before);
    const squatter = this.child(record.parentId, record.name);
    if (squatter) this.#unindex(squatter);
    this.#index(record);
    const key = recordKey(record.parentId, record.name);
    const value = encodeRecord(record);
    this.#sum.add(key, value);
    this.#staged.set(key, { type: 'put', key, value });
  }

  /** Stages the removal of a record. A directory that still has recorded children stays; then it returns false. */
  drop(id: number): boolean {
    const record = this.#byId.get(id);
    if (record && this.hasChildren(id)) return false;
    if (record) this.#unindex(record);
    return true;
  }

  /** Stages the removal of records whose directory has none any more; they would be unreachable. */
  dropOrphans(): void {
    const hasHome = ({ parentId }: PairRecord): boolean =>
      parentId === 0 || this.#byId.has(parentId);
    for (;;) {
      const orphans = [...this.#byId.values()].filter((record) => !hasHome(record));
      if (orphans.length === 0) return;
      for (const orphan of orphans) this.#unindex(orphan);
    }
  }

  conflicts(): readonly Conflict[] {
    return [...this.#conflicts.values()];
  }

  putConflict(conflict: Conflict): void {
    this.#conflicts.set(conflict.copyPath, conflict);
    const key = CONFLICT_PREFIX + conflict.copyPath;
    this.#staged.set(key, { type: 'put', key, value: JSON.stringify(conflict) });
  }

  dropConflict(copyPath: SyncPath): void {
    if (!this.#conflicts.delete(copyPath)) return;
    const key = CONFLICT_PREFIX + copyPath;
    this.#staged.set(key, { type: 'del', key });
  }

  parked(): readonly ParkedMove[] {
    return [...this.#parked.values()];
  }

  putParked(move: ParkedMove): void {
    this.#parked.set(move.parked, move);
    const key = PARKED_PREFIX + move.parked;
    this.#staged.set(key, { type: 'put', key, value: JSON.stringify(move) });
  }

  dropParked(parked: SyncPath): void {
    if (!this.#parked.delete(parked)) return;
    const key = PARKED_PREFIX + parked;
    this.#staged.set(key, { type: 'del', key });
  }

  setState(
    change: Partial<Pick<RecordsState, 'roots' | 'resetting' | 'generation' | 'direction'>>,
  ): void {
    const next = { ...this.#state, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.#state)) return;
    this.#state = next;
    this.#staged.set(STATE_KEY, { type: 'put', key: STATE_KEY, value: '' });
  }

  /** Makes everything staged durable in one batch. Concurrent calls are carried out one after the other. */
  commit(): Promise<void> {
    const next = this.#committing.then(async () => {
      for (const beside of [this.runLog, this.notes])
        for (const operation of beside.take()) this.#staged.set(operation.key, operation);
      if (this.#staged.size === 0) return;
      const staged = this.#staged;
      this.#staged = new Map();
      const sequence = this.#state.sequence + 1;
      const state = { ...this.#state, sequence, digest: this.#sum.digest };
      staged.set(STATE_KEY, { type: 'put', key: STATE_KEY, value: JSON.stringify(state) });
      try {
        await this.#store.batch([...staged.values()], { sync: true });
        // Only now: a number that was noted elsewhere but never reached would prove these records incomplete.
        this.#state = { ...this.#state, sequence, digest: state.digest };
      } catch (error) {
        for (const [key, operation] of this.#staged) staged.set(key, operation);
        this.#staged = staged;
        throw error;
      }
    });
    this.#committing = next.catch(() => undefined);
    return next;
  }

  async close(): Promise<void> {
    await this.#committing;
    await this.#store.close();
  }

  #index(record: PairRecord): void {
    this.#byId.set(record.id, record);
    const siblings = this.#children.get(record.parentId);
    if (siblings) siblings.set(record.name, record);
    else this.#children.set(record.parentId, new Map([[record.name, record]]));
  }

  #unindex(record: PairRecord): void {
    this.#byId.delete(record.id);
    const siblings = this.#children.get(record.parentId);
    siblings?.delete(record.name);
    if (siblings?.size === 0) this.#children.delete(record.parentId);
    const key = recordKey(record.parentId, record.name);
    this.#sum.remove(key, encodeRecord(record));
    this.#staged.set(key, { type: 'del', key });
  }
}

function parseRow<T>(key: string, value: string): T {
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new FerryError('RECORD_CORRUPT', `unreadable row ${JSON.stringify(key)}`, {
      cause: error,
    });
  }
}

function parseState(text: string): RecordsState {
  let state: RecordsState;
  try {
    state = JSON.parse(text);
  } catch (error) {
    throw new FerryError('RECORD_CORRUPT', 'the state of the sync records is unreadable', {
      cause: error,
    });
  }
  if (state.schema > SCHEMA_VERSION)
    throw new FerryError(
      'RECORD_SCHEMA_NEWER',
      `the sync records have layout ${state.schema}, this ferry knows ${SCHEMA_VERSION}: use the newer ferry, or reset the pair`,
    );
  return state;
}
