import type { Observable } from 'rxjs';
import type { Entry, FileEntry, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import {
  childPath,
  isAtOrBelow,
  nameOf,
  parentPath,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';
import type {
  Clock,
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
import type { BackingFiles } from './backing-files.ts';
import { contentOf } from './backing-stream.ts';
import { isSynced } from './drive-files.ts';
import {
  blankRow,
  type DirectoryNode,
  type DriveNode,
  entryOf,
  type FileNode,
  nodeOf,
  nsOfMs,
  versionOf,
} from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import { DriveWriter } from './drive-writer.ts';
import type { FileContents } from './file-contents.ts';
import type { Hydrations } from './hydrations.ts';

export interface DriveReplicaOptions {
  readonly identity: string;
  readonly table: DriveTable;
  readonly contents: FileContents;
  readonly backing: BackingFiles;
  readonly hydrations: Hydrations;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly changes$: Observable<SyncPath>;
  readonly symlinks: boolean;
  /** False: the content of what is written comes at once, and nothing stays a placeholder. */
  readonly placeholders: boolean;
}

const OBSERVED_AT_ONCE = 256;
const WRITTEN_AT_ONCE = 256;
const DIRECTORY_MODE = 0o755;
const LINK_MODE = 0o777;

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
    this.changes$ = options.changes$;
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
    return { id: this.#options.identity };
  }

  async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    await this.#options.contents.settle();
    // What is shown is in the store, so that no version is given twice after a crash.
    await this.#options.table.journal.flush();
    const batch: Observation[] = [];
    const stack: { node: DriveNode; path: SyncPath }[] = [];
    const enter = (directory: DirectoryNode, path: SyncPath): void => {
      for (const node of [...directory.children.values()].reverse())
        stack.push({ node, path: childPath(path, node.name) });
    };
    enter(this.#options.table.root, ROOT);
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      throwIfAborted(options.signal);
      const { node, path } = next;
      if (!this.#options.table.holds(node) || !isSynced(node.name) || node.kind === 'special')
        continue;
      if (options.isIgnored?.(path, node.kind === 'directory')) {
        options.onIgnored?.(path);
        continue;
      }
      batch.push(this.#observation(node, path));
      if (node.kind === 'directory') enter(node, path);
      if (batch.length >= OBSERVED_AT_ONCE) yield batch.splice(0);
    }
    throwIfAborted(options.signal);
    if (batch.length > 0) yield batch;
  }

  async stat(path: SyncPath, options?: MutationOptions): Promise<Entry | null> {
    throwIfAborted(options?.signal);
    const node = this.#options.table.find(path);
    if (node === undefined) return null;
    const seen = this.#observation(node, path);
    if (seen.type === 'problem') throw seen.error;
    return seen.entry;
  }

  async read(path: SyncPath, options: ReadOptions): Promise<Content> {
    throwIfAborted(options.signal);
    const { hydrations, backing } = this.#options;
    const node = this.#expectFile(path, options.expected);
    if (node.backing === null) await unlessAborted(hydrations.fill(node), options.signal);
    const isStill = (): boolean => versionOf(node) === options.expected;
    if (!isStill() || node.backing === null) throw changed(path, 'it has another version');
    return contentOf({ node, path, backing, isStill, ...options });
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
    const { table, clock } = this.#options;
    const existing = table.find(path);
    if (existing?.kind === 'directory') return entryOf(existing, path);
    if (existing !== undefined) throw changed(path, `a ${existing.kind} is there`);
    const node = nodeOf({
      ...this.#blank(path, options.mode ?? DIRECTORY_MODE),
      kind: 'directory',
    });
    table.insert(node, this.#parentOf(path), clock.now());
    return entryOf(node, path);
  }

  async makeLink(path: SyncPath, target: string, options?: MutationOptions): Promise<SymlinkEntry> {
    throwIfAborted(options?.signal);
    const { table, clock, symlinks } = this.#options;
    if (!symlinks)
      throw new FerryError('KIND_NOT_SUPPORTED', `${path}: this drive keeps no links`, { path });
    if (table.find(path) !== undefined) throw changed(path, 'the name is taken');
    const node = nodeOf({ ...this.#blank(path, LINK_MODE), kind: 'symlink', target });
    table.insert(node, this.#parentOf(path), clock.now());
    return entryOf(node, path) as SymlinkEntry;
  }

  async move(
    from: SyncPath,
    to: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const { table, clock } = this.#options;
    const node = this.#expect(from, options.expected);
    const target = table.find(to);
    if (target === node) return entryOf(node, to);
    if (target !== undefined) throw changed(to, 'the name is taken');
    if (isAtOrBelow(to, from))
      throw new FerryError('NAME_NOT_ALLOWED', `${from} cannot be moved into itself`, { path: to });
    this.#mustBeClosed(node, from);
    table.move(node, this.#parentOf(to), nameOf(to), clock.now());
    return entryOf(node, to);
  }

  async remove(
    path: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<void> {
    throwIfAborted(options.signal);
    const { table, clock, contents } = this.#options;
    const node = this.#expect(path, options.expected);
    if (node.kind === 'directory') {
      if (node.children.size > 0)
        throw new FerryError('NOT_EMPTY', `${path} is not empty`, { path });
    } else if (node.kind === 'file') {
      this.#mustBeClosed(node, path);
      await this.#writer.keepDirty(node, path);
      if (table.find(path) !== node || versionOf(node) !== options.expected)
        throw changed(path, 'it has another version');
    }
    table.detach(node, clock.now());
    if (node.kind === 'file') contents.detached(node);
  }

  async setMetadata(
    path: SyncPath,
    metadata: Metadata,
    options: MutationOptions & { readonly expected: Version },
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const node = this.#expectFile(path, options.expected);
    this.#mustBeClosed(node, path);
    if (metadata.mtimeNs !== undefined) node.mtimeNs = metadata.mtimeNs;
    if (metadata.mode !== undefined) node.mode = metadata.mode;
    node.counter += 1;
    node.ctimeNs = nsOfMs(this.#options.clock.now());
    this.#options.table.changed(node);
    return entryOf(node, path);
  }

  async noteCounterpart(path: SyncPath, own: Version, other: Version): Promise<void> {
    const { table, contents } = this.#options;
    const node = table.find(path);
    if (node?.kind !== 'file') return;
    const open = contents.openFile(node);
    const closed = open?.closed === 'never' ? undefined : open?.closed;
    if (versionOf(node) === own) {
      if (node.state === 'dirty') node.state = 'hydrated';
      // The next write must be noted in the journal again before it happens.
      if (open !== undefined) open.begun = null;
    } else if (closed?.version !== own) {
      return;
    }
    node.source = other;
    table.changed(node);
  }

  async flush(): Promise<void> {
    await this.#options.backing.syncNames();
    await this.#options.table.journal.flush();
  }

  /** Only makes everything durable: the drive outlives the pairs that use it and is closed by its owner. */
  close(): Promise<void> {
    return this.flush();
  }

  #observation(node: DriveNode, path: SyncPath): Observation {
    const entry = entryOf(node, path);
    if (entry.kind !== 'file' || node.kind !== 'file') return { type: 'entry', entry };
    const closed = this.#options.contents.openFile(node)?.closed;
    if (closed === undefined) return { type: 'entry', entry };
    if (closed === 'never') {
      const error = new FerryError(
        'LOCAL_BUSY',
        `${path} is being written; it is taken up when it is closed`,
        { path },
      );
      return { type: 'problem', path, error };
    }
    return { type: 'entry', entry: { ...entry, ...closed } };
  }

  async #write(item: WriteItem, signal: AbortSignal | undefined): Promise<WriteResult> {
    const { path } = item;
    try {
      const { table } = this.#options;
      const look = (): { node: FileNode | null; parent: DirectoryNode } => {
        const parent = this.#parentOf(path);
        if (item.expected === 'absent') {
          if (table.find(path) !== undefined) throw changed(path, 'the name is taken');
          return { node: null, parent };
        }
        const node = this.#expectFile(path, item.expected);
        this.#mustBeClosed(node, path);
        return { node, parent };
      };
      return {
        item,
        entry: entryOf(await this.#writer.write(item, look, signal), path) as FileEntry,
      };
    } catch (error) {
      return { item, error: toFerryError(error, path) };
    }
  }

  #blank(path: SyncPath, mode: number) {
    const { table, clock } = this.#options;
    return blankRow(table.journal.nextId(), nameOf(path), mode, clock.now());
  }

  #parentOf(path: SyncPath): DirectoryNode {
    const parent = this.#options.table.find(parentPath(path));
    if (parent?.kind !== 'directory') throw changed(path, 'its directory is not there');
    return parent;
  }

  #expect(path: SyncPath, expected: Version | 'directory'): DriveNode {
    const node = this.#options.table.find(path);
    if (node === undefined) throw changed(path, 'it is gone');
    const found = node.kind === 'directory' ? 'directory' : versionOf(node);
    if (found !== expected) throw changed(path, 'something else is there');
    return node;
  }

  #expectFile(path: SyncPath, expected: Version): FileNode {
    const node = this.#expect(path, expected);
    if (node.kind !== 'file') throw changed(path, `a ${node.kind} is there`);
    return node;
  }

  #mustBeClosed(node: DriveNode, path: SyncPath): void {
    if (node.kind !== 'file') return;
    const open = this.#options.contents.openFile(node);
    if (open === undefined || open.writers === 0) return;
    throw new FerryError(
      'LOCAL_BUSY',
      `${path} is open for writing; it is synced when it is closed`,
      {
        path,
      },
    );
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
