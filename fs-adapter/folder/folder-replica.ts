import { NEVER, type Observable } from 'rxjs';
import type { ChunkList, ChunkOptions } from '../../core/chunks.ts';
import type { ContentHash, Entry, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { KeepVersions } from '../../core/model/keep-versions.ts';
import { parentPath, type SyncPath, TEMPORARY_PREFIX } from '../../core/model/path.ts';
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
  Space,
  VersionShelf,
  WriteItem,
  WriteOptions,
  WriteResult,
} from '../../core/ports.ts';
import { codeOf, isNativeAvailable, type NodeStat, type SafeRoot } from '../../native/index.ts';
import { watchFolder } from '../watch/folder-watcher.ts';
import { chunksOfFile } from './chunk-file.ts';
import { Durability } from './durability.ts';
import { changed, folderError, translated } from './errno.ts';
import { FolderRoot } from './folder-root.ts';
import { entryOf, versionAfterChange } from './node-version.ts';
import { FolderScan } from './observe-folder.ts';
import { sweepPartials } from './partial-files.ts';
import { removeIfThere } from './private-files.ts';
import { type PublishContext, requireVersion } from './publish.ts';
import {
  type FolderReadRequest,
  hashFolderFiles,
  readFolderFile,
  readFolderFiles,
} from './read-file.ts';
import { RealNames } from './real-names.ts';
import { removeEntries, requireExpected } from './remove-entries.ts';
import { Stage, sweepStage, writtenMode } from './stage.ts';
import { FolderVersions } from './version-shelf.ts';
import { VersionStore } from './version-store.ts';
import { writeFiles } from './write-files.ts';

export interface FolderReplicaOptions {
  readonly absolutePath: string;
  /** Names conflict copies of edits that slipped in. */
  readonly deviceName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backend?: 'native' | 'javascript';
  /** Lets `changes$` report what the system's watcher sees. */
  readonly watch?: boolean;
  /** Absent: 30 days, and a tenth of the room or 10 GiB. */
  readonly keepVersions?: KeepVersions;
}

/**
 * Opens a local folder as a replica. The folder itself may be missing until `identify({ create: true })`.
 * @throws CONFIG_INVALID for a folder inside a `.ferry` one
 */
export async function openFolderReplica(options: FolderReplicaOptions): Promise<Replica> {
  return new FolderReplica(options);
}

type Expected = MutationOptions & { readonly expected: Version | 'directory' };

class FolderReplica implements Replica {
  readonly capabilities: ReplicaCapabilities;
  readonly observesParts = true;
  readonly changes$: Observable<SyncPath>;
  readonly versions: VersionShelf;
  readonly #options: FolderReplicaOptions;
  readonly #root: FolderRoot;
  readonly #names = new RealNames();
  readonly #store: VersionStore;
  readonly #stage = new Stage();
  readonly #durability = new Durability();
  /** What was changed since the last flush, on the disk. */
  #touchedFiles = new Set<string>();
  #touchedDirectories = new Set<string>();

  constructor(options: FolderReplicaOptions) {
    const { absolutePath, clock, deviceName, logger, watch } = options;
    this.#options = options;
    this.#root = new FolderRoot(options);
    this.#store = new VersionStore({ names: this.#names, deviceName, clock, logger });
    this.versions = new FolderVersions({
      root: () => this.#root.get(),
      store: this.#store,
      stage: this.#stage,
      names: this.#names,
      keep: options.keepVersions ?? {},
      clock,
      logger,
    });
    const isNative = options.backend !== 'javascript' && isNativeAvailable();
    this.capabilities = {
      contentHashes: false,
      identities: true,
      symlinks: true,
      modes: true,
      mtimePrecisionNs: isNative ? 1n : 1000n,
      conditionalWrites: isNative ? 'atomic' : 'window',
      placeholders: false,
      caseSensitive: true,
      maxNameBytes: 255,
    };
    this.changes$ = watch ? watchFolder({ ...options, absolutePath, logger }) : NEVER;
  }

  async identify(options: { create?: boolean; signal?: AbortSignal } = {}): Promise<RootIdentity> {
    throwIfAborted(options.signal);
    return { id: await this.#root.identify(options.create ?? false) };
  }

  async *observe(options: ObserveOptions = {}): AsyncIterable<readonly Observation[]> {
    throwIfAborted(options.signal);
    const root = await this.#root.get();
    await translated('', 'prepare', () => this.#tidy(root));
    const temporary: [string, NodeStat][] = [];
    const scan = new FolderScan(root, this.#names, options, (real, stat) => {
      temporary.push([real, stat]);
    });
    yield* scan.batches();
    for (const [real, stat] of temporary) await this.#sweepName(root, real, stat);
  }

  /** Clears away what an interrupted run left, and looks once more at what was put away. */
  async #tidy(root: SafeRoot): Promise<void> {
    const { clock, logger } = this.#options;
    const versions = this.#store;
    versions.beginRun();
    await sweepStage(root, { own: this.#stage.folder, versions, clock, logger });
    await sweepPartials(root, clock);
    await versions.lookAgain(root);
  }

  /**
   * A second name that an interrupted rename left is removed. What has no other name is someone's content (the engine
   * brings back what it parked itself) and stays.
   */
  async #sweepName(root: SafeRoot, real: string, stat: NodeStat): Promise<void> {
    if (stat.kind === 'file' && stat.links > 1) await removeIfThere(root, real);
    else
      this.#options.logger.warn('something is kept under a temporary name', {
        prefix: TEMPORARY_PREFIX,
        kind: stat.kind,
      });
  }

  async stat(path: SyncPath, options: MutationOptions = {}): Promise<Entry | null> {
    throwIfAborted(options.signal);
    const root = await this.#root.get();
    return translated(path, 'look at', async () => {
      const stat = await root.stat(this.#names.realPath(path));
      return stat && this.#entry(root, path, stat);
    });
  }

  async #entry(root: SafeRoot, path: SyncPath, stat: NodeStat): Promise<Entry> {
    if (stat.kind === 'other')
      throw new FerryError('KIND_NOT_SUPPORTED', `${path}: a FIFO, socket or device`, { path });
    const { timePrecisionNs } = root;
    if (stat.kind !== 'symlink') return entryOf(path, stat, { timePrecisionNs });
    const target = await root.readLink(this.#names.realPath(path));
    return entryOf(path, stat, { timePrecisionNs, target });
  }

  async read(path: SyncPath, options: ReadOptions): Promise<Content> {
    return readFolderFile(await this.#root.get(), path, this.#names.realPath(path), options);
  }

  async chunksOf(path: SyncPath, options: ChunkOptions): Promise<ChunkList> {
    return chunksOfFile(await this.#root.get(), path, this.#names.realPath(path), options);
  }

  async *writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: WriteOptions = {},
  ): AsyncIterable<readonly WriteResult[]> {
    throwIfAborted(options.signal);
    const context = {
      ...(await this.#context()),
      stage: this.#stage,
      durability: this.#durability,
    };
    yield* writeFiles(items, context, options);
  }

  async readMany(
    requests: readonly ReadRequest[],
    { signal }: MutationOptions = {},
  ): Promise<readonly ReadResult[]> {
    return readFolderFiles(await this.#root.get(), this.#onDisk(requests), signal);
  }

  async hashMany(
    requests: readonly HashRequest[],
    options: MutationOptions & { readonly onBytes?: (count: number) => void } = {},
  ): Promise<readonly (ContentHash | FerryError)[]> {
    return hashFolderFiles(await this.#root.get(), this.#onDisk(requests), options);
  }

  #onDisk(requests: readonly ReadRequest[]): readonly FolderReadRequest[] {
    return requests.map((request) => ({ ...request, real: this.#names.realPath(request.path) }));
  }

  async #context(): Promise<PublishContext> {
    return { root: await this.#root.get(), names: this.#names, versions: this.#store };
  }

  async makeDirectory(
    path: SyncPath,
    options: MutationOptions & { readonly mode?: number } = {},
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const root = await this.#root.get();
    const real = this.#names.realPath(path);
    return translated(path, 'make the directory', async () => {
      try {
        await root.makeDirectory(real, options.mode === undefined ? 0o777 : options.mode & 0o777);
        this.#touch(path);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const stat = await root.stat(real);
      if (stat?.kind !== 'directory') throw changed(path, 'something else is there');
      return this.#entry(root, path, stat);
    });
  }

  async makeDirectories(
    items: readonly NewDirectory[],
    { signal }: MutationOptions = {},
  ): Promise<readonly (Entry | FerryError)[]> {
    throwIfAborted(signal);
    const root = await this.#root.get();
    const made = await root.makeDirectories(
      items.map(({ path, mode }) => ({
        path: this.#names.realPath(path),
        mode: (mode ?? 0o777) & 0o777,
      })),
    );
    const answers: (Entry | FerryError)[] = [];
    for (const [index, { path, mode }] of items.entries()) {
      const stat = made[index] ?? { errno: 'EIO' };
      if (!('errno' in stat)) this.#touch(path);
      // One that is there already, or fails, is looked at by itself.
      answers.push(
        'errno' in stat
          ? await this.makeDirectory(path, mode === undefined ? {} : { mode }).catch(toFerryError)
          : entryOf(path, stat, root),
      );
    }
    return answers;
  }

  async makeLink(
    path: SyncPath,
    target: string,
    options: MutationOptions = {},
  ): Promise<SymlinkEntry> {
    throwIfAborted(options.signal);
    const root = await this.#root.get();
    const real = this.#names.realPath(path);
    return translated(path, 'make the link', async () => {
      await root.makeLink(real, target);
      this.#touch(path);
      const stat = await root.stat(real);
      if (stat?.kind !== 'symlink') throw changed(path, 'it was replaced at once');
      const entry = entryOf(path, stat, { timePrecisionNs: root.timePrecisionNs, target });
      return entry as SymlinkEntry;
    });
  }

  async move(from: SyncPath, to: SyncPath, options: Expected): Promise<Entry> {
    throwIfAborted(options.signal);
    const root = await this.#root.get();
    const real = this.#names.realPath(from);
    return translated(from, `move to ${to}`, async () => {
      const before = await requireExpected(root, from, real, options.expected);
      try {
        await root.rename(real, this.#names.realPath(to), 'no-replace');
      } catch (error) {
        const isRefused = ['EEXIST', 'ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
        throw isRefused ? changed(from, `it cannot become ${to} as things are now`) : error;
      }
      this.#touch(from);
      this.#touch(to);
      this.#names.move(from, to);
      const after = await root.stat(this.#names.realPath(to));
      const entry = await this.#entry(root, to, { ...before, ctimeNs: after?.ctimeNs ?? 0n });
      return entry;
    });
  }

  async remove(path: SyncPath, options: Expected & Pick<Removal, 'displacement'>): Promise<void> {
    const { signal, ...removal } = options;
    const [refused] = await this.removeMany([{ path, ...removal }], signal ? { signal } : {});
    if (refused) throw refused;
  }

  async removeMany(
    items: readonly Removal[],
    { signal }: MutationOptions = {},
  ): Promise<readonly (null | FerryError)[]> {
    throwIfAborted(signal);
    const context = await this.#context();
    return removeEntries(items, { ...context, touched: this.#touchedDirectories });
  }

  async setMetadata(
    path: SyncPath,
    metadata: Metadata,
    options: MutationOptions & { readonly expected: Version },
  ): Promise<Entry> {
    throwIfAborted(options.signal);
    const root = await this.#root.get();
    const real = this.#names.realPath(path);
    return translated(path, 'set time and mode of', async () => {
      const before = await requireVersion(root, path, real, options.expected);
      const isFile = before.kind === 'file';
      if (isFile) this.#touchedFiles.add(real);
      if (isFile && metadata.mode !== undefined)
        await root.setMode(real, writtenMode(metadata.mode));
      if (metadata.mtimeNs !== undefined) await root.setTimes(real, metadata.mtimeNs);
      const after = await root.stat(real);
      if (after?.ino !== before.ino) throw changed(path, 'it was replaced meanwhile');
      const entry = await this.#entry(root, path, after);
      // The size from before: an edit that slipped in must not pass for what was expected.
      const version = versionAfterChange({ ...after, sizeBytes: before.sizeBytes }, after);
      return { ...entry, version } as Entry;
    });
  }

  async space(): Promise<Space> {
    const { freeBytes, totalBytes } = await (await this.#root.get()).space();
    return { freeBytes, usedBytes: totalBytes - freeBytes };
  }

  async flush(): Promise<void> {
    const [files, directories] = [this.#touchedFiles, this.#touchedDirectories];
    if (files.size + directories.size === 0) return;
    this.#touchedFiles = new Set();
    this.#touchedDirectories = new Set();
    try {
      await this.#durability.sync(await this.#root.get(), [...files], directories);
    } catch (error) {
      for (const file of files) this.#touchedFiles.add(file);
      for (const directory of directories) this.#touchedDirectories.add(directory);
      throw folderError(error, '', 'make durable');
    }
  }

  /** Notes that the name at `path` is to be made durable. */
  #touch(path: SyncPath): void {
    this.#touchedDirectories.add(this.#names.realPath(parentPath(path)));
  }

  async close(): Promise<void> {
    const root = await this.#root.get().catch(() => null);
    if (root) await this.#stage.close(root).catch(() => undefined); // the next run sweeps what is left
    await this.#root.close();
  }
}
