import { filter, merge, type Observable } from 'rxjs';
import type { Entry, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { isAtOrBelow, nameOf, parentPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type {
  Content,
  Logger,
  Metadata,
  MutationOptions,
  Observation,
  ObserveOptions,
  ReadOptions,
  Replica,
  ReplicaCapabilities,
  RootIdentity,
  WriteItem,
  WriteResult,
} from '../../core/ports.ts';
import { contentOf } from './backing-stream.ts';
import { entryOf, isAsExpected, versionOf } from './drive-entry.ts';
import { isSynced, type PathedEntry, pathedEntries } from './drive-names.ts';
import type { DriveEntry, DriveFile, DriveSpecial, DriveTree } from './drive-tree.ts';
import { DriveWriter, type WritePlace } from './drive-writer.ts';

export interface DriveReplicaOptions {
  readonly tree: DriveTree;
  /** Paths of which the other side turned out to have another version. */
  readonly outdated$: Observable<SyncPath>;
  readonly logger: Logger;
  /** Resolves when all of a file's content is here. */
  readonly fetchWhole: (id: number, signal?: AbortSignal) => Promise<void>;
  readonly symlinks: boolean;
  /** False: the content of what is written comes at once, and nothing stays a placeholder. */
  readonly placeholders: boolean;
}

/** What sync can know of. */
type SyncedEntry = Exclude<DriveEntry, DriveSpecial>;

const OBSERVED_AT_ONCE = 256;
const WRITTEN_AT_ONCE = 256;
const DIRECTORY_MODE = 0o755;

/**
 * The drive as the engine's local side. Its mutations show in the mount at once. What a program has open for
 * writing is never touched (`LOCAL_BUSY`), and is shown as it was when it was last closed.
 */
export class DriveReplica implements Replica {
  readonly capabilities: ReplicaCapabilities;
  readonly changes$: Observable<SyncPath>;
  readonly #options: DriveReplicaOptions;
  readonly #writer: DriveWriter;

  constructor(options: DriveReplicaOptions) {
    this.#options = options;
    this.#writer = new DriveWriter(options);
    const { tree, outdated$ } = options;
    const changes$ = tree.changes$.pipe(filter((path) => isSynced(nameOf(path))));
    this.changes$ = merge(changes$, outdated$);
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

  async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    const { tree } = this.#options;
    await tree.settle();
    // What is shown is on disk, so that no version is given twice after a crash.
    await tree.flush();
    const batch: Observation[] = [];
    const stack: PathedEntry[] = [];
    const enter = (id: number, path: SyncPath): void =>
      void stack.push(...pathedEntries(path, tree.children(id)).toReversed());
    const root = tree.find(ROOT);
    if (root !== null) enter(root.id, ROOT);
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      throwIfAborted(options.signal);
      const { entry, path } = next;
      const seen = this.#observe(next, options);
      if (seen === null) continue;
      batch.push(seen);
      if (entry.kind === 'directory' && seen.type === 'entry') enter(entry.id, path);
      if (batch.length >= OBSERVED_AT_ONCE) yield batch.splice(0);
    }
    throwIfAborted(options.signal);
    if (batch.length > 0) yield batch;
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
    const { id, counter, state } = this.#expectFile(path, options.expected);
    if (state === 'placeholder')
      await unlessAborted(fetchWhole(id, options.signal), options.signal);
    const now = (): DriveEntry | null => tree.entry(id);
    const isStill = (): boolean => now()?.counter === counter;
    const file = now();
    if (!isStill() || file?.kind !== 'file') throw changed(path, 'it has another version');
    const backingPath = file.backing === null ? null : tree.backingPath(file.backing);
    return contentOf({ path, sizeBytes: file.sizeBytes, backingPath, isStill, ...options });
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
    if (existing?.kind === 'directory') return entryOf(existing, path);
    if (existing !== null) throw changed(path, `a ${existing.kind} is there`);
    const { mode = DIRECTORY_MODE } = options;
    const made = { kind: 'directory', name: nameOf(path), mode } as const;
    return this.#changing(path, (tree) => tree.insert(this.#parentOf(path), made));
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
    if (target !== null && target.id !== entry.id) throw changed(to, 'the name is taken');
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
      await this.#writer.keepDirty(entry, path);
    }
    const found = this.#expect(path, options.expected);
    atPath(path, () => this.#options.tree.remove(found.id, expectationOf(found)));
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
    const entry = this.#find(path);
    if (entry?.kind !== 'file') return;
    const { id, counter, closed } = entry;
    const counters = closed === null || closed === 'never' ? [counter] : [counter, closed.counter];
    for (const one of counters)
      if (versionOf({ id, counter: one }) === own)
        this.#options.tree.noteCounterpart(id, one, other);
  }

  flush(): Promise<void> {
    return this.#options.tree.flush();
  }

  /** Only makes everything durable: the drive outlives the pairs that use it and is closed by its owner. */
  close(): Promise<void> {
    return this.flush();
  }

  #observe({ entry, path, problem }: PathedEntry, options: ObserveOptions): Observation | null {
    const isIgnored = options.isIgnored?.(path, entry.kind === 'directory') ?? false;
    if (isIgnored || entry.kind === 'special') {
      options.onIgnored?.(path);
      return null;
    }
    return problem === null
      ? observationOf(entry, path)
      : { type: 'problem', path, error: problem };
  }

  async #write(item: WriteItem, signal: AbortSignal | undefined): Promise<WriteResult> {
    const { path, expected } = item;
    const look = (): WritePlace => {
      const directoryId = this.#parentOf(path);
      if (expected === 'absent') {
        if (this.#options.tree.find(path) !== null) throw changed(path, 'the name is taken');
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

function observationOf(entry: SyncedEntry, path: SyncPath): Observation {
  if (entry.kind !== 'file' || entry.closed === null)
    return { type: 'entry', entry: entryOf(entry, path) };
  if (entry.closed !== 'never')
    return { type: 'entry', entry: entryOf({ ...entry, ...entry.closed }, path) };
  const message = `${path} is being written; it is taken up when it is closed`;
  const error = new FerryError('LOCAL_BUSY', message, { path });
  return { type: 'problem', path, error };
}

function expectationOf(entry: DriveEntry): number | 'directory' {
  return entry.kind === 'directory' ? 'directory' : entry.counter;
}

function mustBeClosed({ writers }: DriveFile, path: SyncPath): void {
  if (writers === 0) return;
  const message = `${path} is open for writing; it is synced when it is closed`;
  throw new FerryError('LOCAL_BUSY', message, { path });
}

/** Lets what the tree refuses name the path. */
function atPath<T>(path: SyncPath, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FerryError) || error.path !== undefined) throw error;
    throw new FerryError(error.code, `${path}: ${error.message}`, { path, cause: error });
  }
}

/** Stops waiting, not the work: others may wait for the same content. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  throwIfAborted(signal);
}

/** Says that a precondition does not hold. */
function changed(path: SyncPath, what: string): FerryError {
  return new FerryError('CHANGED', `${path}: ${what}`, { path });
}
