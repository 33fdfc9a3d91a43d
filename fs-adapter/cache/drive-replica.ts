import { combineLatest, distinctUntilChanged, filter, map, merge, type Observable } from 'rxjs';
import type { ChunkList, ChunkOptions } from '../../core/chunks.ts';
import type { ContentHash, Entry, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { isAtOrBelow, nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/observation.ts';
import type {
  Clock,
  Content,
  HashRequest,
  Logger,
  Metadata,
  MutationOptions,
  NewDirectory,
  ReadOptions,
  ReadRequest,
  ReadResult,
  Removal,
  Replica,
  ReplicaCapabilities,
  RootIdentity,
  WriteItem,
  WriteResult,
} from '../../core/ports.ts';
import { contentOf } from './backing-stream.ts';
import { entryOf, idOf, isAsExpected, versionOf } from './drive-entry.ts';
import { isSynced } from './drive-names.ts';
import {
  atPath,
  changed,
  each,
  expectationOf,
  mustBeClosed,
  observationOf,
  type SyncedEntry,
  unlessAborted,
} from './drive-steps.ts';
import type { DriveDirectory, DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';
import { DriveWalk } from './drive-walk.ts';
import { DriveWriter, type WritePlace } from './drive-writer.ts';
import type { FileMarks } from './file-marks.ts';
import { ShownEntries } from './shown-entries.ts';
import { StayingFiles } from './staying-files.ts';
import { StoredContents } from './stored-contents.ts';
import type { TemporaryNames } from './temporary-names.ts';

export interface DriveReplicaOptions {
  readonly tree: DriveTree;
  /** Paths of which the other side turned out to have another version. */
  readonly outdated$: Observable<SyncPath>;
  /** Files that are being uploaded or in conflict. */
  readonly marks: FileMarks;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly temporaryNames: TemporaryNames;
  /** Resolves when all of a file's content is here. */
  readonly fetchWhole: (id: number, signal?: AbortSignal) => Promise<void>;
  readonly symlinks: boolean;
  /** False: the content of what is written comes at once, and nothing stays a placeholder. */
  readonly placeholders: boolean;
}

const WRITTEN_AT_ONCE = 256;
const DIRECTORY_MODE = 0o755;

/**
 * The drive as the engine's local side. Its mutations show in the mount at once. What a program has open for
 * writing is never touched (`LOCAL_BUSY`), and is shown as it was when it was last closed.
 */
export class DriveReplica implements Replica {
  readonly capabilities: ReplicaCapabilities;
  readonly observesParts = true;
  readonly hidesTemporaryNames = true;
  readonly changes$: Observable<SyncPath>;
  readonly marks: FileMarks;
  readonly #options: DriveReplicaOptions;
  readonly #writer: DriveWriter;
  readonly #shown: ShownEntries;
  readonly #contents: StoredContents;
  readonly #staying: StayingFiles;

  constructor(options: DriveReplicaOptions) {
    this.#options = options;
    this.#writer = new DriveWriter(options);
    const { tree, outdated$ } = options;
    const changes$ = tree.changes$.pipe(filter((path) => isSynced(nameOf(path))));
    this.marks = options.marks;
    this.#staying = new StayingFiles(tree);
    this.#shown = new ShownEntries({
      tree,
      clock: options.clock,
      names: options.temporaryNames,
    });
    this.#contents = new StoredContents({
      tree,
      expectFile: (path, expected) => this.#expectFile(path, expected),
      fill: ({ id }, signal) => unlessAborted(options.fetchWhole(id, signal), signal),
    });
    this.changes$ = merge(changes$, outdated$, this.#shown.due$);
    this.capabilities = {
      contentHashes: false,
      identities: true,
      symlinks: options.symlinks,
      modes: true,
      mtimePrecisionNs: 1n,
      conditionalWrites: 'atomic',
      placeholders: options.placeholders,
      caseSensitive: true,
      maxNameBytes: 255,
    };
  }

  async identify(): Promise<RootIdentity> {
    return { id: this.#options.tree.identity };
  }

  get pending(): number {
    return Math.max(0, this.#options.tree.pending - this.#staying.count);
  }

  /** How many files are changed and wait to be uploaded; what stays on this device is none of them. */
  get pending$(): Observable<number> {
    return combineLatest([this.#options.tree.pending$, this.#staying.count$]).pipe(
      map(([dirty, staying]) => Math.max(0, dirty - staying)),
      distinctUntilChanged(),
    );
  }

  async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    const { tree } = this.#options;
    this.marks.allEnded();
    await this.#shown.settled(options.signal);
    await tree.settle();
    // What is shown is on disk, so that no version is given twice after a crash.
    await tree.flush();
    const walk = new DriveWalk({ tree, shown: this.#shown, observationOf }, options);
    yield* walk.batches();
    this.#staying.looked(walk.staying, options.part === undefined);
  }

  async stat(path: SyncPath, options?: MutationOptions): Promise<Entry | null> {
    throwIfAborted(options?.signal);
    const entry = this.#find(path);
    if (entry === null) return null;
    const seen = observationOf(entry, path);
    if (seen.type === 'problem') throw seen.error;
    return seen.entry;
  }

  async read(path: SyncPath, options: ReadOptions): Promise<Content> {
    throwIfAborted(options.signal);
    const { tree, fetchWhole } = this.#options;
    const expected = this.#expectFile(path, options.expected);
    const { id, counter, state } = expected;
    if (state === 'dirty') this.marks.uploading(expected);
    if (state === 'placeholder')
      await unlessAborted(fetchWhole(id, options.signal), options.signal);
    const now = (): DriveEntry | null => tree.entry(id);
    const isStill = (): boolean => now()?.counter === counter;
    const file = now();
    if (!isStill() || file?.kind !== 'file') throw changed(path, 'it has another version');
    const backingPath = file.backing === null ? null : tree.backingPath(file.backing);
    return contentOf({ path, sizeBytes: file.sizeBytes, backingPath, isStill, ...options });
  }

  async readMany(
    requests: readonly ReadRequest[],
    options?: MutationOptions,
  ): Promise<readonly ReadResult[]> {
    for (const { path, expected } of requests) {
      const entry = this.#find(path);
      const isUpload = entry?.kind === 'file' && entry.state === 'dirty';
      if (isUpload && isAsExpected(entry, expected)) this.marks.uploading(entry);
    }
    return this.#contents.readMany(requests, options);
  }

  hashMany(
    requests: readonly HashRequest[],
    options?: MutationOptions & { readonly onBytes?: (count: number) => void },
  ): Promise<readonly (ContentHash | FerryError)[]> {
    return this.#contents.hashMany(requests, options);
  }

  chunksOf(path: SyncPath, options: ChunkOptions): Promise<ChunkList> {
    return this.#contents.chunksOf(path, options);
  }

  async *writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: MutationOptions = {},
  ): AsyncIterable<readonly WriteResult[]> {
    const group: WriteResult[] = [];
    for await (const item of items) {
      throwIfAborted(options.signal);
      group.push(await this.#write(item, options.signal));
      if (group.length < WRITTEN_AT_ONCE) continue;
      await this.flush();
      yield group.splice(0);
    }
    await this.flush();
    if (group.length > 0) yield group;
  }

  async makeDirectory(
    path: SyncPath,
    options: MutationOptions & { readonly mode?: number } = {},
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const existing = this.#find(path);
    if (existing?.kind === 'directory') return entryOf(this.#adopted(existing, path), path);
    if (existing !== null) throw this.#taken(path);
    const { mode = DIRECTORY_MODE } = options;
    const made = { kind: 'directory', name: nameOf(path), mode } as const;
    return this.#changing(path, (tree) => tree.insert(this.#parentOf(path), made));
  }

  makeDirectories(
    items: readonly NewDirectory[],
    options?: MutationOptions,
  ): Promise<readonly (Entry | FerryError)[]> {
    return each(items, ({ path, mode }) =>
      this.makeDirectory(path, { ...options, ...(mode === undefined ? {} : { mode }) }),
    );
  }

  async makeLink(path: SyncPath, target: string, options?: MutationOptions): Promise<SymlinkEntry> {
    throwIfAborted(options?.signal);
    if (!this.#options.symlinks)
      throw new FerryError('KIND_NOT_SUPPORTED', `${path}: this drive keeps no links`, { path });
    const made = { kind: 'symlink', name: nameOf(path), target } as const;
    return this.#changing(path, (tree) => tree.insert(this.#parentOf(path), made)) as SymlinkEntry;
  }

  async move(
    from: SyncPath,
    to: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const entry = this.#expect(from, options.expected);
    const target = this.#find(to);
    if (target?.id === entry.id && from === to) return entryOf(entry, to);
    if (target !== null && target.id !== entry.id) throw this.#taken(to);
    if (from !== to && isAtOrBelow(to, from))
      throw new FerryError('NAME_NOT_ALLOWED', `${from} cannot be moved into itself`, { path: to });
    return this.#changing(to, (tree) =>
      tree.move(entry.id, expectationOf(entry), this.#parentOf(to), nameOf(to)),
    );
  }

  async remove(
    path: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<void> {
    throwIfAborted(options.signal);
    const entry = this.#expect(path, options.expected);
    if (entry.kind === 'file') {
      mustBeClosed(entry, path);
      await this.#writer.keepRemoved(entry, path);
    }
    const found = this.#expect(path, options.expected);
    atPath(path, () => this.#options.tree.remove(found.id, expectationOf(found)));
  }

  removeMany(
    items: readonly Removal[],
    options?: MutationOptions,
  ): Promise<readonly (null | FerryError)[]> {
    return each(items, async ({ path, expected }) => {
      await this.remove(path, { ...options, expected });
      return null;
    });
  }

  async setMetadata(
    path: SyncPath,
    metadata: Metadata,
    options: MutationOptions & { readonly expected: Version },
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const { id, counter } = this.#expectFile(path, options.expected);
    return this.#changing(path, (tree) => tree.setMetadata(id, counter, metadata));
  }

  async noteCounterpart(path: SyncPath, own: Version, other: Version): Promise<void> {
    const id = idOf(own);
    const found = this.#find(path);
    const entry = found?.id === id ? found : this.#movedAlong(id);
    if (entry?.kind !== 'file') return;
    const { counter, closed } = entry;
    this.marks.uploadEnded(id);
    const counters = closed === null || closed === 'never' ? [counter] : [counter, closed.counter];
    for (const one of counters)
      if (versionOf({ id, counter: one }) === own)
        this.#options.tree.noteCounterpart(id, one, other);
  }

  /** Returns a file that is being uploaded, and whose path a program has changed by renaming a directory above it. */
  #movedAlong(id: number): DriveEntry | null {
    const entry = this.#options.tree.entry(id);
    return entry !== null && this.marks.isWhereItWas(entry) ? entry : null;
  }

  flush(): Promise<void> {
    return this.#options.tree.flush();
  }

  /** Only makes everything durable: the drive outlives the pairs that use it and is closed by its owner. */
  close(): Promise<void> {
    return this.flush();
  }

  /** Lets go of everything; called when the drive is closed. */
  async release(): Promise<void> {
    this.#shown.close();
    this.#staying.close();
    await this.#contents.close();
  }

  async #write(item: WriteItem, signal: AbortSignal | undefined): Promise<WriteResult> {
    const { path, expected } = item;
    const look = (): WritePlace => {
      const directoryId = this.#parentOf(path);
      if (expected === 'absent') {
        if (this.#options.tree.find(path) !== null) throw this.#taken(path);
        return { file: null, directoryId };
      }
      const file = this.#expectFile(path, expected);
      mustBeClosed(file, path);
      return { file, directoryId };
    };
    try {
      return { item, entry: entryOf(await this.#writer.write(item, look, signal), path) };
    } catch (error) {
      return { item, error: toFerryError(error, path) };
    }
  }

  #find(path: SyncPath): SyncedEntry | null {
    const entry = this.#options.tree.find(path);
    return entry?.kind === 'special' ? null : entry;
  }

  /** What is at the path may be hidden from the engine: it is not any more. */
  #taken(path: SyncPath): FerryError {
    this.#shown.want(path);
    return changed(path, 'the name is taken');
  }

  /** A directory that both sides have made belongs to both, whatever it is called. */
  #adopted(directory: DriveDirectory, path: SyncPath): DriveDirectory {
    if (directory.isPlaced) return directory;
    const { tree } = this.#options;
    const placed = tree.move(directory.id, 'directory', this.#parentOf(path), directory.name);
    return placed.kind === 'directory' ? placed : directory;
  }

  #parentOf(path: SyncPath): number {
    const parent = this.#options.tree.find(parentPath(path));
    if (parent?.kind !== 'directory') throw changed(path, 'its directory is not there');
    return parent.id;
  }

  #expect(path: SyncPath, expected: Version | 'directory'): SyncedEntry {
    const entry = this.#find(path);
    if (entry === null) throw changed(path, 'it is gone');
    if (!isAsExpected(entry, expected)) throw changed(path, 'something else is there');
    return entry;
  }

  #expectFile(path: SyncPath, expected: Version): DriveFile {
    const entry = this.#expect(path, expected);
    if (entry.kind !== 'file') throw changed(path, `a ${entry.kind} is there`);
    return entry;
  }

  #changing(path: SyncPath, change: (tree: DriveTree) => DriveEntry): Entry {
    const entry = atPath(path, () => change(this.#options.tree));
    return entryOf(entry as SyncedEntry, path);
  }
}
