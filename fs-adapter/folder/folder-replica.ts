import { NEVER, type Observable } from 'rxjs';
import type { Entry, SymlinkEntry, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { KeepVersions } from '../../core/model/keep-versions.ts';
import { parentPath, type SyncPath, TEMPORARY_PREFIX } from '../../core/model/path.ts';
import type {
  Clock,
  Content,
  Displacement,
  Logger,
  Metadata,
  MutationOptions,
  Observation,
  ObserveOptions,
  ReadOptions,
  Replica,
  ReplicaCapabilities,
  RootIdentity,
  VersionShelf,
  WriteItem,
  WriteResult,
} from '../../core/ports.ts';
import { codeOf, isNativeAvailable, type NodeStat, type SafeRoot } from '../../native/index.ts';
import { watchFolder } from '../watch/folder-watcher.ts';
import { Durability } from './durability.ts';
import { changed, folderError, translated } from './errno.ts';
import { FolderRoot } from './folder-root.ts';
import { DIRECTORY_VERSION, entryOf, isSameContent, versionAfterChange } from './node-version.ts';
import { FolderScan } from './observe-folder.ts';
import { removeIfThere } from './private-files.ts';
import { keepDisplaced, type PublishContext, requireVersion } from './publish.ts';
import { readFolderFile } from './read-file.ts';
import { RealNames } from './real-names.ts';
import { Stage, sweepStage, writtenMode } from './stage.ts';
import { FolderVersions } from './version-shelf.ts';
import { VersionStore } from './version-store.ts';
import { writeFiles } from './write-files.ts';
import { addAncestors } from './write-group.ts';

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
type Removal = Expected & { readonly displacement?: Displacement };

class FolderReplica implements Replica {
  readonly capabilities: ReplicaCapabilities;
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
    this.changes$ = watch ? watchFolder({ absolutePath, logger }) : NEVER;
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

  async *writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options: MutationOptions = {},
  ): AsyncIterable<readonly WriteResult[]> {
    throwIfAborted(options.signal);
    const context = {
      ...(await this.#context()),
      stage: this.#stage,
      durability: this.#durability,
    };
    yield* writeFiles(items, context, options.signal);
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
      const before = await this.#require(root, from, options.expected);
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

  /** Returns what is at the path when it is what was expected. @throws CHANGED */
  async #require(
    root: SafeRoot,
    path: SyncPath,
    expected: Version | 'directory',
  ): Promise<NodeStat> {
    const real = this.#names.realPath(path);
    if (expected !== DIRECTORY_VERSION)
      return requireVersion(root, path, real, expected as Version);
    const stat = await root.stat(real);
    if (stat?.kind !== 'directory') throw changed(path, 'it is no longer a directory');
    return stat;
  }

  async remove(path: SyncPath, options: Removal): Promise<void> {
    throwIfAborted(options.signal);
    const context = await this.#context();
    const { root } = context;
    await translated(path, 'remove', async () => {
      const before = await this.#require(root, path, options.expected);
      this.#touch(path);
      if (before.kind === 'directory') await root.removeDirectory(this.#names.realPath(path));
      else await this.#putAway(path, options, before, context);
      this.#names.forget(path);
    });
  }

  /** Moves a file into the version store, and back if it was not the expected one after all. */
  async #putAway(
    path: SyncPath,
    { expected, displacement }: Removal,
    before: NodeStat,
    context: PublishContext,
  ): Promise<void> {
    const { root, versions } = context;
    const real = this.#names.realPath(path);
    const kept = await keepDisplaced(real, { path, stat: before, displacement }, context);
    addAncestors(kept.stored, this.#touchedDirectories);
    const stat = await root.stat(kept.stored);
    if (stat && isSameContent(stat, expected as Version)) return versions.remember(root, [kept]);
    try {
      await root.rename(kept.stored, real, 'no-replace');
    } catch {
      await versions.giveBack(root, kept.stored, path); // another file has the name by now
    }
    throw changed(path, 'it was changed in the moment it was to be removed');
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
