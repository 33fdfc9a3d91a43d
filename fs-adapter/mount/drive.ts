import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Observable, Subject } from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import { isPrivateName, type SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger, Replica } from '../../core/ports.ts';
import { BackingFiles } from '../cache/backing-files.ts';
import { DriveFiles } from '../cache/drive-files.ts';
import { DriveLog } from '../cache/drive-log.ts';
import type { DriveNode, FileNode } from '../cache/drive-node.ts';
import { DriveReplica } from '../cache/drive-replica.ts';
import { openDriveStore } from '../cache/drive-store.ts';
import type { DriveTable } from '../cache/drive-table.ts';
import { FileContents } from '../cache/file-contents.ts';
import { type Hydrate, Hydrations } from '../cache/hydrations.ts';
import { loadTable } from '../cache/script-load.ts';
import { createFuseNativeBackend } from './fuse-native-backend.ts';
import type {
  MountBackend,
  MountCapabilities,
  Mounted,
  MountedFiles,
  SpaceOnDrive,
} from './mount-backend.ts';
import { prepareMountPoint, unmount } from './mount-point.ts';

export interface DriveOptions {
  readonly mountPoint: string;
  /** Holds the table, the content that is on this machine, and kept versions. One process at a time. */
  readonly stateDirectory: string;
  /** Shown in the list of mounts. */
  readonly name: string;
  readonly backend?: 'fuse-native';
  readonly readOnly?: boolean;
  /** Other users may use the mount too; whoever is not root needs `user_allow_other` in /etc/fuse.conf for it. */
  readonly allowOthers?: boolean;
  /** False where the other side cannot keep symbolic links: making one fails with EPERM. */
  readonly allowSymlinks?: boolean;
  /** False: sync brings every file's content at once (`placeholders` of the replica is false then). */
  readonly onDemand?: boolean;
  /** A fetch that brings nothing for so long fails; 30 s if absent. */
  readonly hydrateStallMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Fetches one version from the other side; offline it rejects at once with REMOTE_UNREACHABLE. */
  readonly hydrate: Hydrate;
  /** Room on the other side; null: unknown. It is asked on each `df`, so it answers from memory. */
  readonly quota?: () => Promise<SpaceOnDrive | null>;
}

export interface DriveStats {
  readonly mounted: boolean;
  readonly backend: string;
  readonly capabilities: MountCapabilities;
  readonly entries: number;
  /** Files with changes that the other side is not known to have. */
  readonly pending: number;
  readonly openHandles: number;
  readonly hydrating: number;
  /** Calls of programs answered since it was mounted. */
  readonly operations: number;
}

/** What became of one file that was to give its space back. */
export interface FreeResult {
  readonly path: SyncPath;
  readonly freed: boolean;
  /** Why the content was kept. */
  readonly reason?: 'dirty' | 'open';
}

/** A mounted drive, or one that is about to be: a replica with placeholders, shown as a file system. */
export interface Drive {
  /** The local side of the drive's pair; usable whether it is mounted or not. */
  readonly replica: Replica;
  /** What a mount answers with; for backends and tests. */
  readonly files: MountedFiles;
  /** How many files are changed and not known to be on the other side; the present number first. */
  readonly pending$: Observable<number>;
  readonly stats: DriveStats;
  /**
   * Shows the drive. What programs wrote into its mount point while it was gone, since a crash or a restart, is put
   * aside first; the answer is where, or null.
   * @throws MOUNT_UNAVAILABLE, MOUNT_BUSY, LOCAL_PERMISSION
   */
  mount(): Promise<string | null>;
  /**
   * Takes the drive off its mount point; what is pending stays and is taken up again after the next start.
   * @throws MOUNT_BUSY while programs use it; not with `lazy`
   */
  unmount(options?: { readonly lazy?: boolean }): Promise<void>;
  /** Fetches the content of a file, or of all files below a directory. */
  hydrate(path: SyncPath): Promise<void>;
  /** Gives the space of a file, or of all files below a directory, back; never of what is dirty or open. */
  free(path: SyncPath): Promise<readonly FreeResult[]>;
  /** Unmounts (lazily if programs still use it) and releases the state directory. */
  close(): Promise<void>;
}

const STALL_MS = 30_000;
const STATE_MODE = 0o700;
const HASH_DIGITS = 8;

/**
 * Opens a drive's state, without mounting it yet; offline too.
 * @throws RECORD_LOCKED when another process has it, RECORD_CORRUPT, RECORD_SCHEMA_NEWER, LOCAL_NO_SPACE
 */
export async function openDrive(options: DriveOptions): Promise<Drive> {
  const { clock, logger, readOnly = false, allowSymlinks = true, quota } = options;
  const stateDirectory = resolve(options.stateDirectory);
  await fs.mkdir(stateDirectory, { recursive: true, mode: STATE_MODE });
  const store = await openDriveStore(stateDirectory);
  try {
    const backing = new BackingFiles(stateDirectory);
    const log = await DriveLog.open(stateDirectory);
    const { table, identity } = await loadTable({ store, log, backing, clock, logger });
    const changes = new Subject<SyncPath>();
    const onChanged = (path: SyncPath): void => changes.next(path);
    const hydrations = new Hydrations({
      table,
      backing,
      hydrate: options.hydrate,
      clock,
      logger,
      stallMs: options.hydrateStallMs ?? STALL_MS,
      onOutdated: onChanged,
    });
    const contents = new FileContents({
      table,
      backing,
      hydrations,
      clock,
      logger,
      onChanged: (node) => {
        if (!isPrivateName(node.name)) onChanged(table.pathOf(node));
      },
    });
    const shared = { table, contents, backing, hydrations, clock, logger };
    return new OpenedDrive({
      ...shared,
      mountPoint: resolve(options.mountPoint),
      source: sourceOf(options.name, stateDirectory),
      readOnly,
      allowOthers: options.allowOthers ?? false,
      shownFile: join(stateDirectory, 'shown-at'),
      backend: createFuseNativeBackend(logger),
      replica: new DriveReplica({
        ...shared,
        identity,
        changes$: changes.asObservable(),
        symlinks: allowSymlinks,
        placeholders: options.onDemand ?? true,
      }),
      files: new DriveFiles({
        ...shared,
        stateDirectory,
        readOnly,
        allowSymlinks,
        quota,
        onChanged,
      }),
      release: async () => {
        changes.complete();
        await store.close();
      },
    });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Returns the device name that the mount shows; the same drive has the same one each time, another drive never. */
function sourceOf(name: string, stateDirectory: string): string {
  const hash = createHash('sha256').update(stateDirectory).digest('hex').slice(0, HASH_DIGITS);
  return `ferry:${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}-${hash}`;
}

interface Parts {
  readonly mountPoint: string;
  readonly source: string;
  readonly readOnly: boolean;
  readonly allowOthers: boolean;
  readonly backend: MountBackend;
  readonly table: DriveTable;
  readonly contents: FileContents;
  readonly hydrations: Hydrations;
  readonly replica: Replica;
  readonly files: DriveFiles;
  /** Holds the mount point from the first mount until somebody takes the drive away on purpose. */
  readonly shownFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly release: () => Promise<void>;
}

class OpenedDrive implements Drive {
  readonly replica: Replica;
  readonly files: MountedFiles;
  readonly pending$: Observable<number>;
  readonly #parts: Parts;
  #mounted: Mounted | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.replica = parts.replica;
    this.files = parts.files;
    this.pending$ = parts.table.pending$;
  }

  get stats(): DriveStats {
    const { backend, table, contents, hydrations } = this.#parts;
    return {
      mounted: this.#mounted !== null,
      backend: backend.name,
      capabilities: backend.capabilities,
      entries: table.entries,
      pending: table.pending,
      openHandles: contents.openHandles,
      hydrating: hydrations.active,
      operations: this.#mounted?.operations ?? 0,
    };
  }

  async mount(): Promise<string | null> {
    if (this.#mounted !== null) return null;
    const { backend, mountPoint, source, files, shownFile, clock, logger } = this.#parts;
    const { readOnly, allowOthers } = this.#parts;
    const wasShown = (await fs.readFile(shownFile, 'utf8').catch(() => null)) === mountPoint;
    const aside = await prepareMountPoint({ mountPoint, source, wasShown, nowMs: clock.now() });
    if (aside !== null) logger.warn('written while not mounted', { mountPoint, putAside: aside });
    this.#mounted = await backend.mount({ mountPoint, source, readOnly, allowOthers, files });
    await fs.writeFile(shownFile, mountPoint);
    return aside;
  }

  async unmount(options: { readonly lazy?: boolean } = {}): Promise<void> {
    if (this.#mounted === null) return;
    await this.#takeOff(options);
    // From now on the directory is the user's own again.
    await fs.rm(this.#parts.shownFile, { force: true });
  }

  async #takeOff(options: { readonly lazy?: boolean }): Promise<void> {
    if (this.#mounted === null) return;
    const { mountPoint, table } = this.#parts;
    await table.journal.flush();
    await unmount(mountPoint, { lazy: options.lazy ?? false });
    const mounted = this.#mounted;
    this.#mounted = null;
    await mounted.detached();
    await table.journal.flush();
  }

  async hydrate(path: SyncPath): Promise<void> {
    for (const file of this.#filesAt(path)) await this.#parts.hydrations.fill(file);
  }

  async free(path: SyncPath): Promise<readonly FreeResult[]> {
    const { table, contents } = this.#parts;
    const results: FreeResult[] = [];
    for (const file of this.#filesAt(path)) {
      const at = table.pathOf(file);
      if (file.state === 'dirty') results.push({ path: at, freed: false, reason: 'dirty' });
      else if (contents.openFile(file)) results.push({ path: at, freed: false, reason: 'open' });
      else if (file.state === 'hydrated' && file.source !== null) {
        file.state = 'placeholder';
        contents.displace(file);
        table.changed(file);
        results.push({ path: at, freed: true });
      }
    }
    await table.journal.flush();
    return results;
  }

  async close(): Promise<void> {
    const { hydrations, table, release } = this.#parts;
    try {
      await this.#takeOff({});
    } catch (error) {
      if (!(error instanceof FerryError && error.code === 'MOUNT_BUSY')) throw error;
      await this.#takeOff({ lazy: true });
    }
    hydrations.close();
    await table.journal.close();
    await release();
  }

  #filesAt(path: SyncPath): readonly FileNode[] {
    const { table } = this.#parts;
    const node = table.find(path);
    if (node === undefined)
      throw new FerryError('LOCAL_NOT_FOUND', `${path} is not on the drive`, { path });
    const nodes: Iterable<DriveNode> = node.kind === 'directory' ? table.below(node) : [node];
    return [...nodes].filter((one) => one.kind === 'file');
  }
}
