import type { Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { childPath, nameOf, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import { ChunkShelf } from './chunk-shelf.ts';
import { DigestSum } from './digest.ts';
import {
  DIRECTORY_PREFIX,
  type DirectorySummary,
  DirectoryTable,
  type KnownListing,
} from './directory-table.ts';
import { Notes } from './notes.ts';
import type { ParkedMove } from './parked-move.ts';
import { parseRow } from './parse-row.ts';
import {
  decodeRecord,
  encodeRecord,
  type PairRecord,
  RECORD_PREFIX,
  recordKey,
  recordsOfDirectory,
} from './record.ts';
import {
  EMPTY_STATE,
  parseState,
  type RecordsState,
  SCHEMA_VERSION,
  type StateChange,
} from './records-state.ts';
import { RunLog } from './run-log.ts';
import type { Store, StoreOperation } from './store.ts';

const STATE_KEY = 'm!state';
const CONFLICT_PREFIX = 'c!';
const PARKED_PREFIX = 'p!';

/**
 * The base tree of one pair. Its directories are in memory while the pair is open, the records in a directory only from
 * when it is loaded. Changes are staged and become durable together with `commit`, along with the counts and digests
 * that prove them complete.
 */
export class Records {
  readonly #store: Store;
  readonly #directories = new DirectoryTable();
  readonly #loaded = new Set<number>();
  readonly #byId = new Map<number, PairRecord>();
  readonly #children = new Map<number, Map<string, PairRecord>>();
  readonly #conflicts = new Map<SyncPath, Conflict>();
  readonly #parked = new Map<SyncPath, ParkedMove>();
  #state: RecordsState = EMPTY_STATE;
  #staged = new Map<string, StoreOperation>();
  #committing: Promise<void> = Promise.resolve();

  /** What the last runs did and why; becomes durable with `commit`, too. */
  readonly runLog: RunLog;
  /** What people are told beside it; becomes durable with `commit`, too. */
  readonly notes: Notes;
  /** What large files' contents are cut into; becomes durable with `commit`, too. */
  readonly chunks: ChunkShelf;

  private constructor(store: Store, runLog: RunLog) {
    this.#store = store;
    this.runLog = runLog;
    this.notes = new Notes(store);
    this.chunks = new ChunkShelf(store);
  }

  /** Reads what there is apart from the records themselves. @throws RECORD_CORRUPT when rows are missing or unreadable, RECORD_SCHEMA_NEWER */
  static async load(store: Store): Promise<Records> {
    const records = new Records(store, await RunLog.load(store));
    const state = await store.get(STATE_KEY);
    if (state !== undefined) records.#state = parseState(state);
    if (state !== undefined && records.#state.schema < SCHEMA_VERSION) await records.#migrate();
    else await records.#readDirectories();
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

  /** Number of recorded entries. */
  get size(): number {
    return this.#directories.digest.count;
  }

  /** Number of recorded files. */
  get files(): number {
    return this.#directories.files;
  }

  /** Returns the summary of the recorded directory at `path`; the root always has one. */
  directoryAt(path: SyncPath): DirectorySummary | undefined {
    return this.#directories.at(path);
  }

  /** Returns the summaries of the recorded directories directly below that of `id`. */
  directoriesBelow(id: number): Iterable<DirectorySummary> {
    return this.#directories.below(id);
  }

  /** Stages that a listing shows exactly what is recorded in the directory, or that none does. */
  setKnownListing(id: number, side: Side, listing: KnownListing | null): void {
    this.#directories.setKnown(id, side, listing);
  }

  /** Yields all recorded directories by path, the root first, each before those in it. */
  allDirectories(): Iterable<readonly [SyncPath, DirectorySummary]> {
    return this.#directories.walk();
  }

  /** Stages that all known listings are forgotten if they were judged by other rules than these. */
  judgeListingsBy(rules: string): void {
    if (this.#state.listingRules === rules) return;
    this.#directories.forgetListings();
    this.setState({ listingRules: rules });
  }

  isLoaded(id: number): boolean {
    return this.#loaded.has(id);
  }

  /** Reads the records in these directories. @throws RECORD_CORRUPT when they are not complete */
  async load(ids: Iterable<number>): Promise<void> {
    for (const id of ids) if (!this.#loaded.has(id)) await this.#loadDirectory(id);
  }

  /** Yields every record below a recorded directory by its path, reading what is not loaded. @throws RECORD_CORRUPT */
  async *below(directory: SyncPath): AsyncIterable<readonly [SyncPath, PairRecord]> {
    const summary = this.#directories.at(directory);
    if (!summary) return;
    await this.load([summary.id]);
    for (const record of this.childrenOf(summary.id)) {
      const path = childPath(directory, record.name);
      yield [path, record];
      if (record.kind === 'directory') yield* this.below(path);
    }
  }

  /** Yields all records as they were committed last, in no order that means anything; none is kept in memory. */
  async *committed(): AsyncIterable<readonly PairRecord[]> {
    for await (const rows of this.#store.scan(RECORD_PREFIX))
      yield rows.map(([key, value]) => decodeRecord(key, value));
  }

  /** Gives up the memory of all records; they are read again when they are needed. Nothing may be staged. */
  unload(): void {
    if (this.#staged.size > 0 || this.#directories.hasChanges) return;
    this.#loaded.clear();
    this.#byId.clear();
    this.#children.clear();
  }

  /** Returns the record at `path`, read if need be. @throws RECORD_CORRUPT */
  async find(path: SyncPath): Promise<PairRecord | undefined> {
    const parentId = this.directoryId(parentPath(path));
    if (path === ROOT || parentId === undefined) return undefined;
    await this.load([parentId]);
    return this.child(parentId, nameOf(path));
  }

  get(id: number): PairRecord | undefined {
    return this.#byId.get(id);
  }

  /** Returns the record of that name in a loaded directory. */
  child(parentId: number, name: string): PairRecord | undefined {
    this.#mustBeLoaded(parentId);
    return this.#children.get(parentId)?.get(name);
  }

  /** Returns the records in a loaded directory. */
  childrenOf(id: number): readonly PairRecord[] {
    this.#mustBeLoaded(id);
    return [...(this.#children.get(id)?.values() ?? [])];
  }

  hasChildren(id: number): boolean {
    return (this.#directories.get(id)?.entries ?? 0) > 0;
  }

  /** Returns the record at `path`, whose directory must be loaded. */
  at(path: SyncPath): PairRecord | undefined {
    const parentId = this.directoryId(parentPath(path));
    return parentId === undefined ? undefined : this.child(parentId, nameOf(path));
  }

  /** Returns the id of the recorded directory at `path`; 0 for the root. */
  directoryId(path: SyncPath): number | undefined {
    return this.#directories.at(path)?.id;
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
    if (squatter) this.#remove(squatter);
    this.#index(record);
    this.chunks.recorded(record);
    if (record.kind === 'directory') {
      if (!this.#directories.get(record.id)) this.#loaded.add(record.id);
      this.#directories.attach(record.id, record.parentId, record.name);
    }
    const key = recordKey(record.parentId, record.name);
    const value = encodeRecord(record);
    this.#directories.count(record.parentId, { key, value, isFile: record.kind === 'file' }, 1);
    this.#staged.set(key, { type: 'put', key, value });
  }

  /** Stages the removal of a record. A directory that still has recorded children stays; then it returns false. */
  drop(id: number): boolean {
    const record = this.#byId.get(id);
    if (record && this.hasChildren(id)) return false;
    if (record) this.#remove(record);
    return true;
  }

  /** Stages the removal of records whose directory has none any more; they would be unreachable. */
  async dropOrphans(): Promise<void> {
    const seen = new Set<number>();
    for (;;) {
      const id = this.#directories.detached().find((one) => !seen.has(one));
      if (id === undefined) return;
      seen.add(id);
      if (this.hasChildren(id)) await this.load([id]);
      for (const orphan of [...(this.#children.get(id)?.values() ?? [])]) this.#remove(orphan);
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

  setState(change: StateChange): void {
    const next = { ...this.#state, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.#state)) return;
    this.#state = next;
    this.#staged.set(STATE_KEY, { type: 'put', key: STATE_KEY, value: '' });
  }

  /** Makes everything staged durable in one batch. Concurrent calls are carried out one after the other. */
  commit(): Promise<void> {
    const next = this.#committing.then(async () => {
      for (const beside of [this.runLog, this.notes, this.chunks])
        for (const operation of beside.take()) this.#staged.set(operation.key, operation);
      if (this.#staged.size === 0 && !this.#directories.hasChanges) return;
      const staged = this.#staged;
      this.#staged = new Map();
      const sequence = this.#state.sequence + 1;
      for (const row of this.#directories.takeChanges(sequence)) staged.set(row.key, row);
      const { digest, size, stamps } = this.#directories;
      const state = { ...this.#state, sequence, digest, directories: size, stamps };
      staged.set(STATE_KEY, { type: 'put', key: STATE_KEY, value: JSON.stringify(state) });
      try {
        await this.#store.batch([...staged.values()], { sync: true });
        // Only now: a number that was noted elsewhere but never reached would prove these records incomplete.
        this.#state = { ...this.#state, sequence, digest, directories: size };
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

  #remove(record: PairRecord): void {
    this.#unindex(record);
    this.chunks.dropped(record);
  }

  #unindex(record: PairRecord): void {
    this.#byId.delete(record.id);
    const siblings = this.#children.get(record.parentId);
    siblings?.delete(record.name);
    if (siblings?.size === 0) this.#children.delete(record.parentId);
    if (record.kind === 'directory') this.#directories.detach(record.id);
    const key = recordKey(record.parentId, record.name);
    const value = encodeRecord(record);
    this.#directories.count(record.parentId, { key, value, isFile: record.kind === 'file' }, -1);
    this.#staged.set(key, { type: 'del', key });
  }

  #mustBeLoaded(id: number): void {
    if (this.#loaded.has(id)) return;
    if (this.hasChildren(id)) throw new Error(`the records of directory ${id} are not loaded`);
    this.#loaded.add(id); // there is nothing to be read
  }

  async #loadDirectory(id: number): Promise<void> {
    const sum = new DigestSum();
    for await (const rows of this.#store.scan(recordsOfDirectory(id)))
      for (const [key, value] of rows) {
        this.#index(decodeRecord(key, value));
        sum.add(key, value);
      }
    const expected = this.#directories.digestOf(id);
    if (sum.digest.count !== expected.count || sum.digest.sum !== expected.sum)
      throw new FerryError(
        'RECORD_CORRUPT',
        `the sync records of directory ${id} are incomplete: ${sum.digest.count} rows found, ${expected.count} expected`,
      );
    this.#loaded.add(id);
  }

  async #readDirectories(): Promise<void> {
    for await (const rows of this.#store.scan(DIRECTORY_PREFIX))
      for (const [key, value] of rows) this.#directories.read(key, value);
    this.#directories.connect();
    const { digest, size, stamps } = this.#directories;
    const expected = this.#state;
    // A row that is as it was some commits ago may call a listing known that was found changed since.
    if (stamps !== (expected.stamps ?? 0)) this.#state = { ...expected, feeds: {} };
    const isComplete =
      digest.count === expected.digest.count &&
      digest.sum === expected.digest.sum &&
      size === expected.directories;
    if (!isComplete)
      throw new FerryError(
        'RECORD_CORRUPT',
        `the sync records are incomplete: ${size} directories with ${digest.count} rows found, ${expected.directories} with ${expected.digest.count} expected`,
      );
  }

  /** Reads records of layout 1, which had no rows for directories, and stages what they lack. */
  async #migrate(): Promise<void> {
    const rows: [string, string][] = [];
    for await (const batch of this.#store.scan(RECORD_PREFIX))
      for (const [key, value] of batch) rows.push([key, value]);
    const records = rows.map(([key, value]) => decodeRecord(key, value));
    for (const { kind, id, parentId, name } of records)
      if (kind === 'directory') this.#directories.attach(id, parentId, name);
    for (const { id } of this.#directories.all()) this.#loaded.add(id);
    for (const record of records) this.put(record);
    const { count, sum } = this.#directories.digest;
    const expected = this.#state.digest;
    if (count !== expected.count || sum !== expected.sum)
      throw new FerryError(
        'RECORD_CORRUPT',
        `the sync records are incomplete: ${count} rows found, ${expected.count} expected`,
      );
    this.#state = { ...this.#state, schema: SCHEMA_VERSION };
    await this.commit();
  }
}
