import { type Observable, Subject } from 'rxjs';
import type {
  ContentHash,
  Entry,
  FileEntry,
  SymlinkEntry,
  Version,
} from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { isAtOrBelow, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/observation.ts';
import type {
  Content,
  Expectation,
  IdentifyOptions,
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
import { contentOfSize } from '../staged-content.ts';
import {
  type GroupMethods,
  groupMethods,
  type ReadItem,
  readBeforehand,
} from './group-by-singles.ts';
import { lookAtTree, wantedBy } from './look-at-tree.ts';
import { type MemoryOutside, outsideOf } from './memory-outside.ts';
import {
  type EntryShape,
  entryOfNode,
  type MemoryNode,
  MemoryTree,
  versionOfNode,
} from './memory-tree.ts';
import { type JournalledTree, TreeJournal } from './tree-journal.ts';

/** A mutation or observation that is about to be made, for tests that let it fail. */
export type MemoryOperation =
  | 'observe'
  | 'read'
  | 'write'
  | 'make-directory'
  | 'make-link'
  | 'move'
  | 'remove'
  | 'set-metadata';

export interface MemoryReplicaOptions {
  /** Time of files that are written without one; 0 by default, so that runs repeat. */
  readonly now?: () => number;
  readonly rootId?: string | null;
  readonly identities?: boolean;
  readonly modes?: boolean;
  readonly symlinks?: boolean;
  readonly caseSensitive?: boolean;
  /** Tells one state of a listing from another; true by default. */
  readonly fingerprints?: boolean;
  /** Tells what has changed since a cursor; false by default. */
  readonly feed?: boolean;
  readonly mtimePrecisionNs?: bigint | null;
  /** Has the methods for groups; true by default. */
  readonly groups?: boolean;
  /** Gives file entries a hash. */
  readonly hashOf?: (content: Uint8Array) => ContentHash;
  /** Runs before each step; what it throws is what the step fails with, and nothing has changed then. */
  readonly before?: (operation: MemoryOperation, path: SyncPath) => void;
}

export interface MemoryReplica extends Replica {
  readonly outside: MemoryOutside;
  /** Its change feed; null when it has none. */
  readonly journal: TreeJournal | null;
}

const OBSERVED_AT_ONCE = 256;
const WRITTEN_AT_ONCE = 64;
const MAX_NAME_BYTES = 255;

/** Makes an empty tree in memory. The same calls give the same versions and identities each time. */
export function createMemoryReplica(options: MemoryReplicaOptions = {}): MemoryReplica {
  return new TreeReplica(options);
}

class TreeReplica implements MemoryReplica {
  readonly capabilities: ReplicaCapabilities;
  readonly observesParts = true;
  readonly changes$: Observable<SyncPath>;
  readonly outside: MemoryOutside;
  readonly journal: TreeJournal | null;
  readonly readMany?: GroupMethods['readMany'];
  readonly hashMany?: GroupMethods['hashMany'];
  readonly makeDirectories?: GroupMethods['makeDirectories'];
  readonly removeMany?: GroupMethods['removeMany'];
  readonly #tree: MemoryTree;
  readonly #shape: EntryShape;
  readonly #options: MemoryReplicaOptions;
  readonly #changes = new Subject<SyncPath>();

  constructor(options: MemoryReplicaOptions) {
    const { caseSensitive = true, identities = true, modes = true, symlinks = true } = options;
    this.#options = options;
    this.#tree = new MemoryTree(caseSensitive);
    this.#shape = {
      identities,
      modes,
      ...(options.hashOf === undefined ? {} : { hashOf: options.hashOf }),
    };
    this.capabilities = {
      contentHashes: options.hashOf !== undefined,
      identities,
      symlinks,
      modes,
      mtimePrecisionNs: options.mtimePrecisionNs === undefined ? 1n : options.mtimePrecisionNs,
      conditionalWrites: 'atomic',
      placeholders: false,
      caseSensitive,
      maxNameBytes: MAX_NAME_BYTES,
    };
    this.journal = options.feed === true ? new TreeJournal(this.#journalled()) : null;
    this.#tree.journal = this.journal;
    this.changes$ = this.#changes.asObservable();
    if (options.groups !== false) Object.assign(this, groupMethods(this));
    this.outside = outsideOf(this.#tree, this.#changes, () => this.#timeOf(undefined));
  }

  async identify({ since }: IdentifyOptions = {}): Promise<RootIdentity> {
    const { rootId = 'memory' } = this.#options;
    if (since === undefined || this.journal === null) return { id: rootId };
    return { id: rootId, feed: this.journal.since(since) };
  }

  async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    const listings = this.#options.fingerprints === false ? undefined : options.listings;
    const seen = lookAtTree(this.#tree, options, (node) => this.#observation(node));
    const known = new Set<SyncPath>();
    const isWanted = wantedBy(options.part);
    for (const [directory, fingerprint] of seen.fingerprints) {
      if (!isWanted(directory)) known.add(directory);
      if (!isWanted(directory)) continue;
      if (listings?.known(directory) === fingerprint) known.add(directory);
      listings?.listed(directory, fingerprint);
    }
    const batch: Observation[] = [];
    for (const observation of seen.observations) {
      throwIfAborted(options.signal);
      if (observation.type === 'entry' && known.has(parentPath(observation.entry.path))) continue;
      batch.push(observation);
      if (batch.length >= OBSERVED_AT_ONCE) yield batch.splice(0);
    }
    throwIfAborted(options.signal);
    if (batch.length > 0) yield batch;
  }

  async stat(path: SyncPath, options?: MutationOptions): Promise<Entry | null> {
    throwIfAborted(options?.signal);
    if (path === '') return { path, kind: 'directory', version: 'd0' as Version };
    const node = this.#tree.get(path);
    return node === undefined ? null : entryOfNode(node, this.#shape);
  }

  async read(path: SyncPath, options: ReadOptions): Promise<Content> {
    this.#begin('read', path, options.signal);
    const node = this.#expectFile(path, options.expected);
    const { offset, length } = options.range ?? { offset: 0, length: node.content.length };
    const isStill = (): boolean => {
      const now = this.#tree.get(path);
      return now !== undefined && versionOfNode(now) === options.expected;
    };
    async function* stream(): AsyncIterable<Uint8Array> {
      const bytes = node.content.subarray(offset, offset + length);
      if (bytes.length > 0) yield bytes;
      throwIfAborted(options.signal);
      if (!isStill()) throw changed(path, 'it changed while it was read');
    }
    return { sizeBytes: node.content.length, stream: stream() };
  }

  async *writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: WriteOptions = {},
  ): AsyncIterable<readonly WriteResult[]> {
    const group: WriteItem[] = [];
    for await (const item of items) {
      throwIfAborted(options.signal);
      group.push(item);
      if (group.length >= WRITTEN_AT_ONCE) yield this.#writeGroup(group.splice(0), options);
    }
    if (group.length > 0) yield this.#writeGroup(group, options);
  }

  async #writeGroup(
    items: readonly WriteItem[],
    options: WriteOptions,
  ): Promise<readonly WriteResult[]> {
    const results: WriteResult[] = [];
    for (const one of await readBeforehand(items, options)) {
      throwIfAborted(options.signal);
      results.push(await this.#write(one, options.signal));
    }
    return results;
  }

  async makeDirectory(
    path: SyncPath,
    options: MutationOptions & { readonly mode?: number } = {},
  ): Promise<Entry> {
    this.#begin('make-directory', path, options.signal);
    const existing = this.#tree.get(path);
    if (existing !== undefined && existing.kind !== 'directory')
      throw changed(path, `a ${existing.kind} is there`);
    this.#expectParent(path);
    const { mode = 0o755 } = options;
    const node = existing ?? this.#tree.set(path, { kind: 'directory', mode });
    return entryOfNode(node, this.#shape);
  }

  async makeLink(path: SyncPath, target: string, options?: MutationOptions): Promise<SymlinkEntry> {
    this.#begin('make-link', path, options?.signal);
    if (!this.capabilities.symlinks)
      throw new FerryError('KIND_NOT_SUPPORTED', `${path}: this side keeps no links`, { path });
    this.#expect(path, 'absent');
    this.#expectParent(path);
    const node = this.#tree.set(path, { kind: 'symlink', target });
    return entryOfNode(node, this.#shape) as SymlinkEntry;
  }

  async move(
    from: SyncPath,
    to: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<Entry> {
    this.#begin('move', from, options.signal);
    this.#expectSource(from, options.expected);
    if (this.#tree.get(to) !== this.#tree.get(from)) this.#expect(to, 'absent');
    this.#expectParent(to);
    if (from !== to && isAtOrBelow(to, from))
      throw new FerryError('NAME_NOT_ALLOWED', `${from} cannot be moved into itself`, { path: to });
    this.#tree.rename(from, to);
    const moved = this.#tree.get(to);
    if (moved === undefined) throw changed(to, 'it is gone');
    return entryOfNode(moved, this.#shape);
  }

  async remove(
    path: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<void> {
    this.#begin('remove', path, options.signal);
    this.#expectSource(path, options.expected);
    if (options.expected === 'directory' && this.#tree.below(path).length > 1)
      throw new FerryError('NOT_EMPTY', `${path} is not empty`, { path });
    this.#tree.delete(path);
  }

  async setMetadata(
    path: SyncPath,
    metadata: Metadata,
    options: MutationOptions & { readonly expected: Version },
  ): Promise<Entry> {
    this.#begin('set-metadata', path, options.signal);
    const { mtimeNs, mode } = metadata;
    const node = this.#expectFile(path, options.expected);
    const changedNode = this.#tree.set(path, {
      ...node,
      mtimeNs: mtimeNs === undefined ? node.mtimeNs : this.#timeOf(mtimeNs, node.mtimeNs),
      mode: mode === undefined ? node.mode : mode & 0o777,
    });
    return entryOfNode(changedNode, this.#shape);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.#changes.complete();
  }

  async #write({ item, read }: ReadItem, signal: AbortSignal | undefined): Promise<WriteResult> {
    try {
      this.#begin('write', item.path, signal);
      this.#expect(item.path, item.expected);
      const chunks: Uint8Array[] = [];
      for await (const chunk of contentOfSize(read, signal)) chunks.push(chunk);
      const before = this.#expect(item.path, item.expected);
      this.#expectParent(item.path);
      const node = this.#tree.set(item.path, {
        kind: 'file',
        ...(before === undefined ? {} : { id: before.id }),
        content: Buffer.concat(chunks),
        mtimeNs: this.#timeOf(item.mtimeNs),
        mode: (item.mode ?? before?.mode ?? 0o644) & 0o777,
      });
      return { item, entry: entryOfNode(node, this.#shape) as FileEntry };
    } catch (error) {
      return { item, error: toFerryError(error, item.path) };
    }
  }

  #journalled(): JournalledTree {
    return {
      entryAt: (path) => {
        const node = this.#tree.get(path);
        return node === undefined ? null : entryOfNode(node, this.#shape);
      },
      namesIn: (directory) => this.#tree.names(directory),
    };
  }

  #begin(operation: MemoryOperation, path: SyncPath, signal: AbortSignal | undefined): void {
    throwIfAborted(signal);
    this.#options.before?.(operation, path);
  }

  #observation(node: MemoryNode): Observation {
    try {
      this.#options.before?.('observe', node.path);
      return { type: 'entry', entry: entryOfNode(node, this.#shape) };
    } catch (error) {
      return { type: 'problem', path: node.path, error: toFerryError(error, node.path) };
    }
  }

  #timeOf(mtimeNs: bigint | undefined, otherwise?: bigint): bigint {
    const precision = this.capabilities.mtimePrecisionNs;
    const nowNs = BigInt(Math.trunc(this.#options.now?.() ?? 0)) * 1_000_000n;
    if (mtimeNs === undefined || precision === null) return otherwise ?? nowNs;
    return mtimeNs - (((mtimeNs % precision) + precision) % precision);
  }

  #expect(path: SyncPath, expected: Expectation): MemoryNode | undefined {
    const node = this.#tree.get(path);
    if (expected === 'absent') {
      if (node !== undefined) throw changed(path, `a ${node.kind} is there by now`);
      return undefined;
    }
    return this.#expectFile(path, expected);
  }

  #expectFile(path: SyncPath, expected: Version): MemoryNode {
    const node = this.#tree.get(path);
    if (node === undefined) throw changed(path, 'it is gone');
    if (node.kind === 'directory') throw changed(path, 'it is a directory by now');
    if (versionOfNode(node) !== expected) throw changed(path, 'it is another version by now');
    return node;
  }

  #expectSource(path: SyncPath, expected: Version | 'directory'): void {
    if (expected !== 'directory') {
      this.#expectFile(path, expected);
      return;
    }
    if (this.#tree.get(path)?.kind !== 'directory') throw changed(path, 'no directory is there');
  }

  #expectParent(path: SyncPath): void {
    if (!this.#tree.hasParent(path))
      throw changed(path, `its directory ${parentPath(path)} is not there`);
  }
}

function changed(path: SyncPath, what: string): FerryError {
  return new FerryError('CHANGED', `${path}: ${what}`, { path });
}
