import { NEVER, type Observable } from 'rxjs';
import type { Entry, FileEntry, Side, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { childPath, isPrivateName, nameOf, type SyncPath } from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/observation.ts';
import type {
  Content,
  Expectation,
  Metadata,
  MutationOptions,
  ReadOptions,
  Replica,
  ReplicaCapabilities,
  RootIdentity,
  WriteItem,
  WriteOptions,
  WriteResult,
} from '../../core/ports.ts';
import {
  type GroupMethods,
  groupMethods,
  readBeforehand,
} from '../../remotes/memory/group-by-singles.ts';
import { contentOfSize } from '../../remotes/staged-content.ts';
import type { Audit } from './audit.ts';
import { bytesOf, textHash, textOf } from './contents.ts';
import type { Scheduler } from './scheduler.ts';
import { type Inode, namesIn, type Tree } from './tree.ts';

export type Expected = MutationOptions & { readonly expected: Version | 'directory' };

/** What a replica and its side have in common, whichever side it is. */
export interface SimReplicaOptions {
  readonly side: Side;
  readonly tree: Tree;
  readonly scheduler: Scheduler;
  readonly audit: Audit;
  readonly capabilities: ReplicaCapabilities;
  /** Files written at the same time; with more than one, the side has groups of everything. */
  readonly lanes: number;
}

/** Problems of one directory's listing; any other ends the observation. */
const ONE_DIRECTORY = new Set(['LOCAL_PERMISSION', 'LOCAL_IO', 'REMOTE_FORBIDDEN']);
const DIRECTORY = 'directory' as Version;

/** Says that something else is at the path than was expected. */
export function changed(path: string, what: string): FerryError {
  return new FerryError('CHANGED', `${path}: ${what}`, { path });
}

/** One side of a simulated pair: every call waits for its turn, so anything can happen between any two. */
export abstract class SimReplica implements Replica {
  readonly capabilities: ReplicaCapabilities;
  readonly changes$: Observable<SyncPath> = NEVER;
  protected readonly side: Side;
  protected readonly tree: Tree;
  protected readonly audit: Audit;
  protected readonly lanes: number;
  readonly readMany?: GroupMethods['readMany'];
  readonly hashMany?: GroupMethods['hashMany'];
  readonly makeDirectories?: GroupMethods['makeDirectories'];
  readonly removeMany?: GroupMethods['removeMany'];
  readonly #scheduler: Scheduler;

  constructor({ side, tree, scheduler, audit, capabilities, lanes }: SimReplicaOptions) {
    this.side = side;
    this.tree = tree;
    this.audit = audit;
    this.capabilities = capabilities;
    this.lanes = lanes;
    this.#scheduler = scheduler;
    if (lanes > 1) Object.assign(this, groupMethods(this));
  }

  abstract identify(options?: { readonly create?: boolean }): Promise<RootIdentity>;
  abstract move(from: SyncPath, to: SyncPath, options: Expected): Promise<Entry>;
  abstract remove(path: SyncPath, options: Expected): Promise<void>;
  abstract flush(): Promise<void>;
  /** Writes one group of items whose contents have all come, and returns what became of them. */
  protected abstract commit(
    group: readonly { readonly item: WriteItem; readonly text: string }[],
  ): Promise<readonly WriteResult[]>;
  /** Names a state of a file or link. */
  protected abstract versionOf(node: Inode): Version;
  /** The directory at whose root the side begins, as it shows itself now. */
  protected abstract get root(): Inode;

  protected step<T>(label: string, perform: () => T): Promise<T> {
    return this.#scheduler.call(this.side, `${this.side} ${label}`, perform);
  }

  async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    for (const directory of options.part?.directories ?? ['' as SyncPath])
      yield* this.#list(directory, options);
  }

  /** Says of a complete listing what it was; no two look the same. */
  protected hearOf(_directory: SyncPath, _options: ObserveOptions): void {}

  async *#list(
    directory: SyncPath,
    options: ObserveOptions,
  ): AsyncIterable<readonly Observation[]> {
    throwIfAborted(options.signal);
    const below: SyncPath[] = [];
    let batch: readonly Observation[];
    try {
      batch = await this.step(`list ${directory}`, () => this.#listNow(directory, options, below));
    } catch (caught) {
      const error = toFerryError(caught, directory);
      if (directory === '' || !ONE_DIRECTORY.has(error.code)) throw error;
      yield [{ type: 'problem', path: directory, error }];
      return;
    }
    this.hearOf(directory, options);
    if (batch.length > 0) yield batch;
    for (const path of below) if (!options.part?.isKnown(path)) yield* this.#list(path, options);
  }

  #listNow(directory: SyncPath, options: ObserveOptions, below: SyncPath[]): Observation[] {
    const batch: Observation[] = [];
    const node = directory === '' ? this.root : this.nodeAt(directory);
    if (node?.kind !== 'directory') return batch;
    for (const name of namesIn(node)) {
      if (isPrivateName(name)) continue;
      const path = childPath(directory, name);
      const child = node.children.get(name) as Inode;
      const isDirectory = child.kind === 'directory';
      if (options.isIgnored?.(path, isDirectory) === true) {
        options.onIgnored?.(path);
        continue;
      }
      batch.push({ type: 'entry', entry: this.entryOf(path, child) });
      if (isDirectory) below.push(path);
    }
    return batch;
  }

  async stat(path: SyncPath, options: MutationOptions = {}): Promise<Entry | null> {
    throwIfAborted(options.signal);
    return this.step(`stat ${path}`, () => {
      const node = this.nodeAt(path);
      return node === undefined ? null : this.entryOf(path, node);
    });
  }

  async read(path: SyncPath, options: ReadOptions): Promise<Content> {
    const { expected, range, signal } = options;
    throwIfAborted(signal);
    const readNow = (): string => {
      const node = this.expectNode(path, expected);
      if (node.kind !== 'file') throw changed(path, 'it is no file');
      return node.text;
    };
    const first = await this.step(`read ${path}`, readNow);
    this.audit.reads[this.side]++;
    const start = range?.offset ?? 0;
    const end = start + (range?.length ?? first.length - start);
    const middle = (start + Math.min(end, first.length)) >> 1;
    const onward = (): Promise<string> => this.step(`read on ${path}`, readNow);
    async function* stream(): AsyncIterable<Uint8Array> {
      if (middle > start) yield bytesOf(first).subarray(start, middle);
      throwIfAborted(signal);
      const rest = bytesOf(await onward()).subarray(middle, end);
      if (rest.length > 0) yield rest;
    }
    return { sizeBytes: first.length, stream: stream() };
  }

  async *writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: WriteOptions = {},
  ): AsyncIterable<readonly WriteResult[]> {
    const { signal } = options;
    let waiting: WriteItem[] = [];
    for await (const item of items) {
      throwIfAborted(signal);
      waiting.push(item);
      if (waiting.length < this.lanes) continue;
      yield* this.#writeGroup(waiting, options);
      waiting = [];
    }
    throwIfAborted(signal);
    if (waiting.length > 0) yield* this.#writeGroup(waiting, options);
  }

  async *#writeGroup(
    items: readonly WriteItem[],
    options: WriteOptions,
  ): AsyncIterable<readonly WriteResult[]> {
    const { signal } = options;
    const failed: WriteResult[] = [];
    const group: { item: WriteItem; text: string }[] = [];
    await Promise.all(
      (await readBeforehand(items, options)).map(async ({ item, read }) => {
        try {
          const pieces: Uint8Array[] = [];
          for await (const piece of contentOfSize(read, signal)) pieces.push(piece);
          this.audit.change(this.side, 'write', item.path, item.expected);
          group.push({ item, text: textOf(pieces) });
        } catch (error) {
          failed.push({ item, error: toFerryError(error, item.path) });
        }
      }),
    );
    throwIfAborted(signal);
    if (failed.length > 0) yield failed;
    if (group.length > 0) yield await this.commit(group);
  }

  async makeDirectory(path: SyncPath, options: MutationOptions = {}): Promise<Entry> {
    throwIfAborted(options.signal);
    this.audit.change(this.side, 'make-directory', path);
    return this.step(`mkdir ${path}`, () => {
      const existing = this.nodeAt(path);
      if (existing !== undefined && existing.kind !== 'directory')
        throw changed(path, `a ${existing.kind} is there`);
      const made = existing ?? this.place(path, this.tree.make('directory'));
      return this.entryOf(path, made);
    });
  }

  async makeLink(
    path: SyncPath,
    target: string,
    options: MutationOptions = {},
  ): Promise<SymlinkEntry> {
    throwIfAborted(options.signal);
    this.audit.change(this.side, 'make-link', path);
    if (!this.capabilities.symlinks)
      throw new FerryError('KIND_NOT_SUPPORTED', `${path}: this side keeps no links`, { path });
    return this.step(`link ${path}`, () => {
      const made = this.place(path, this.tree.make('symlink', target));
      return this.entryOf(path, made) as SymlinkEntry;
    });
  }

  async setMetadata(path: SyncPath, metadata: Metadata, options: Expected): Promise<Entry> {
    throwIfAborted(options.signal);
    this.audit.change(this.side, 'set-metadata', path, options.expected);
    return this.step(`set times ${path}`, () => {
      const node = this.expectNode(path, options.expected);
      this.tree.touchData(node);
      if (metadata.mtimeNs !== undefined && this.capabilities.mtimePrecisionNs !== null)
        node.mtimeNs = this.cut(metadata.mtimeNs);
      if (metadata.mode !== undefined && this.capabilities.modes) node.mode = metadata.mode & 0o777;
      this.tree.bump(node);
      return this.entryOf(path, node);
    });
  }

  async close(): Promise<void> {}

  // --- for the sides

  protected nodeAt(path: string): Inode | undefined {
    return this.root === this.tree.root ? this.tree.at(path) : undefined;
  }

  /** Returns what is at the path when it is that version. @throws CHANGED */
  protected expectNode(path: string, expected: Version | 'directory'): Inode {
    const node = this.nodeAt(path);
    if (node === undefined) throw changed(path, 'it is gone');
    const isDirectory = node.kind === 'directory';
    if (isDirectory !== (expected === 'directory')) throw changed(path, `a ${node.kind} is there`);
    if (!isDirectory && this.versionOf(node) !== expected)
      throw changed(path, 'it is another version by now');
    return node;
  }

  protected expectAbsent(path: string): Inode {
    if (this.nodeAt(path) !== undefined) throw changed(path, 'something is there by now');
    const directory = this.tree.directoryOf(path);
    if (directory === undefined) throw changed(path, 'its directory is not there');
    return directory;
  }

  protected check(path: string, expected: Expectation): void {
    if (expected === 'absent') this.expectAbsent(path);
    else this.expectNode(path, expected);
  }

  /** Gives a new inode its name. @throws CHANGED when that is taken or its directory is gone */
  protected place(path: string, node: Inode): Inode {
    this.tree.link(this.expectAbsent(path), nameOf(path as SyncPath), node);
    return node;
  }

  protected cut(timeNs: bigint): bigint {
    const precision = this.capabilities.mtimePrecisionNs ?? 1_000_000_000n;
    return precision === 1n ? timeNs : timeNs - (timeNs % precision);
  }

  protected entryOf(path: SyncPath | string, node: Inode): Entry {
    const { identities, modes, contentHashes } = this.capabilities;
    const version = node.kind === 'directory' ? DIRECTORY : this.versionOf(node);
    this.audit.report(this.side, version);
    // Millions of these are made: no copies on the way.
    const entry: Record<string, unknown> = { path, kind: node.kind, version };
    if (identities) entry['identity'] = `${node.ino}:${node.bornMs}`;
    if (node.kind === 'symlink') entry['target'] = node.text;
    else if (modes) entry['mode'] = node.mode;
    if (node.kind === 'file') {
      entry['sizeBytes'] = node.text.length;
      entry['mtimeNs'] = this.cut(node.mtimeNs);
      if (contentHashes) entry['hash'] = textHash(node.text);
    }
    return entry as unknown as Entry;
  }

  protected fileEntryOf(path: SyncPath, node: Inode): FileEntry {
    return this.entryOf(path, node) as FileEntry;
  }
}
