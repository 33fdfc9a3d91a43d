import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Observable, Subject } from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { FetchContent } from '../cache/content-hydrations.ts';
import { DriveCache, type DriveCacheOptions } from '../cache/drive-cache.ts';
import { DriveReplica } from '../cache/drive-replica.ts';
import type { DriveTree } from '../cache/drive-tree.ts';
import { FileMarks } from '../cache/file-marks.ts';
import { TemporaryNames } from '../cache/temporary-names.ts';
import { chooseKind } from './choose-kind.ts';
import type { MountCapabilities, Mounted, MountedFiles } from './mount-backend.ts';
import { unmount } from './mount-point.ts';
import type { KindName, ShownTree } from './shown-tree.ts';
import { takePlace } from './take-place.ts';

export interface DriveOptions
  extends Partial<
    Pick<DriveCacheOptions, 'fetchGroup' | 'limits' | 'restrictedPrograms' | 'askSpace'>
  > {
  readonly mountPoint: string;
  /** Holds the table, the content that is on this machine, and kept versions. One process at a time. */
  readonly stateDirectory: string;
  /** Shown in the list of mounts. */
  readonly name: string;
  /** Absent: the best that there is. */
  readonly backend?: KindName;
  readonly readOnly?: boolean;
  /** Other users may use the mount too; whoever is not root needs `user_allow_other` in /etc/fuse.conf for it. */
  readonly allowOthers?: boolean;
  /** False: the kernel never reads files by itself, as if this process had not the privilege to allow it. */
  readonly passthrough?: boolean;
  /** False where the other side cannot keep symbolic links: making one fails with EPERM. */
  readonly allowSymlinks?: boolean;
  /** False: sync brings every file's content at once (`placeholders` of the replica is false then). */
  readonly onDemand?: boolean;
  /** A fetch that brings nothing for so long fails; 30 s if absent. */
  readonly hydrateStallMs?: number;
  /** Patterns of names that stay on this device, as TemporaryNames takes them, beside the known ones. */
  readonly temporaryNames?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Fetches one version, or a part of it; offline it rejects at once with REMOTE_UNREACHABLE. */
  readonly hydrate: FetchContent;
}

export interface DriveStats {
  readonly mounted: boolean;
  readonly backend: KindName;
  readonly capabilities: MountCapabilities;
  /** As of the tree that is shown (shown-tree.ts). */
  readonly passthrough?: number;
  readonly entries: number;
  /** Files with changes that the other side is not known to have. */
  readonly pending: number;
  readonly openHandles: number;
  readonly hydrating: number;
  /** Calls of programs answered since it was mounted. */
  readonly operations: number;
}

/** A mounted drive, or one that is about to be: a replica with placeholders, shown as a file system. */
export interface Drive {
  /** The local side of the drive's pair; usable whether it is mounted or not. */
  readonly replica: DriveReplica;
  readonly tree: DriveTree;
  /** What of it is on this device. */
  readonly cache: DriveCache;
  /** What a mount's calls are answered with, for tests; null where JavaScript answers none. */
  readonly files: MountedFiles | null;
  /** Files that are being uploaded or in conflict, as programs see it. */
  readonly marks: FileMarks;
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
  const { clock, logger, readOnly = false, allowSymlinks = true, onDemand = true } = options;
  const temporaryNames = new TemporaryNames(options.temporaryNames);
  const stateDirectory = resolve(options.stateDirectory);
  const stallMs = options.hydrateStallMs ?? STALL_MS;
  await fs.mkdir(stateDirectory, { recursive: true, mode: STATE_MODE });
  const kind = await chooseKind(options.backend, logger);
  const shown = await kind.open({
    stateDirectory,
    readOnly,
    allowSymlinks,
    stallMs,
    need: (request) => cache.need(request),
    clock,
    logger,
  });
  const { tree } = shown;
  const outdated = new Subject<SyncPath>();
  const { fetchGroup, limits = {}, restrictedPrograms, askSpace } = options;
  const marks = new FileMarks(tree);
  const cache = new DriveCache({
    tree,
    fetch: options.hydrate,
    ...(fetchGroup === undefined ? {} : { fetchGroup }),
    limits,
    directory: stateDirectory,
    stallMs,
    ...(restrictedPrograms === undefined ? {} : { restrictedPrograms }),
    ...(askSpace === undefined ? {} : { askSpace }),
    isInConflict: (id) => marks.isInConflict(id),
    onOutdated: (path) => outdated.next(path),
    clock,
    logger,
  });
  try {
    await cache.start();
  } catch (error) {
    await tree.close();
    throw error;
  }
  const replica = new DriveReplica({
    tree,
    outdated$: outdated.asObservable(),
    marks,
    temporaryNames,
    clock,
    logger,
    fetchWhole: (id, signal) => cache.fill(id, signal),
    symlinks: allowSymlinks,
    placeholders: onDemand,
  });
  return new OpenedDrive({
    backend: kind.name,
    shown,
    cache,
    replica,
    mountPoint: resolve(options.mountPoint),
    source: sourceOf(options.name, stateDirectory),
    allowOthers: options.allowOthers ?? false,
    passthrough: options.passthrough ?? true,
    shownFile: join(stateDirectory, 'shown-at'),
    clock,
    logger,
  });
}

/** Returns the device name that the mount shows; the same drive has the same one each time, another drive never. */
function sourceOf(name: string, stateDirectory: string): string {
  const hash = createHash('sha256').update(stateDirectory).digest('hex').slice(0, HASH_DIGITS);
  return `ferry:${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}-${hash}`;
}

interface Parts {
  readonly backend: KindName;
  readonly shown: ShownTree;
  readonly cache: DriveCache;
  readonly replica: DriveReplica;
  readonly mountPoint: string;
  readonly source: string;
  readonly allowOthers: boolean;
  readonly passthrough: boolean;
  /** Holds the mount point from the first mount until somebody takes the drive away on purpose. */
  readonly shownFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

class OpenedDrive implements Drive {
  readonly replica: DriveReplica;
  readonly tree: DriveTree;
  readonly cache: DriveCache;
  readonly files: MountedFiles | null;
  readonly marks: FileMarks;
  readonly pending$: Observable<number>;
  readonly #parts: Parts;
  #mounted: Mounted | null = null;
  #closed: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.replica = parts.replica;
    this.tree = parts.shown.tree;
    this.cache = parts.cache;
    this.files = parts.shown.files;
    this.marks = parts.replica.marks;
    this.pending$ = parts.replica.pending$;
  }

  get stats(): DriveStats {
    const { backend, shown } = this.#parts;
    return {
      mounted: this.#mounted !== null,
      backend,
      capabilities: shown.capabilities,
      ...(shown.passthrough === undefined ? {} : { passthrough: shown.passthrough }),
      entries: this.tree.entries,
      pending: this.replica.pending,
      openHandles: this.tree.openHandles,
      hydrating: this.cache.hydrating,
      operations: this.#mounted?.operations ?? 0,
    };
  }

  async mount(): Promise<string | null> {
    if (this.#mounted !== null) return null;
    const { shown, mountPoint, source, allowOthers, passthrough } = this.#parts;
    const { shownFile, clock, logger } = this.#parts;
    const wasShown = (await fs.readFile(shownFile, 'utf8').catch(() => null)) === mountPoint;
    // fusermount3 and libfuse look at what is there first, and would find it dead.
    const mountsOver = this.#parts.backend === 'native' && process.geteuid?.() === 0;
    const { mounted, putAside } = await takePlace(
      { mountPoint, source, wasShown, mountsOver, nowMs: clock.now() },
      () => shown.show({ mountPoint, source, allowOthers, passthrough }),
    );
    if (putAside !== null) logger.warn('written while not mounted', { mountPoint, putAside });
    this.#mounted = mounted;
    await fs.writeFile(shownFile, mountPoint);
    return putAside;
  }

  async unmount(options: { readonly lazy?: boolean } = {}): Promise<void> {
    if (this.#mounted === null) return;
    await this.#takeOff(options);
    // From now on the directory is the user's own again.
    await fs.rm(this.#parts.shownFile, { force: true });
  }

  async #takeOff(options: { readonly lazy?: boolean }): Promise<void> {
    if (this.#mounted === null) return;
    const { mountPoint } = this.#parts;
    await this.tree.flush();
    await unmount(mountPoint, { lazy: options.lazy ?? false });
    const mounted = this.#mounted;
    this.#mounted = null;
    await mounted.detached();
    await this.tree.flush();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#takeOff({});
    } catch (error) {
      if (!(error instanceof FerryError && error.code === 'MOUNT_BUSY')) throw error;
      await this.#takeOff({ lazy: true });
    }
    await this.cache.close();
    await this.replica.release();
    await this.tree.close();
  }
}
