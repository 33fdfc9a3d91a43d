import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom, merge, NEVER, type Observable } from 'rxjs';
import type { PairEngine } from '../core/engine/pair-engine.ts';
import { FerryError } from '../core/model/errors.ts';
import type { Replica } from '../core/ports.ts';
import { type Config, type DriveConfig, PAIR_DEFAULTS } from './config.ts';
import { deviceNameOf } from './config-file.ts';
import { boundsOf, cacheOptionsOf, tendCache } from './drive-cache.ts';
import { holderOf, noteHolder } from './drive-holder.ts';
import { followEngine } from './drive-marks.ts';
import { addressText, noteDrive } from './drive-names.ts';
import { pairDirectory, recordsDirectory } from './home.ts';
import { LateRemote } from './late-remote.ts';
import { looksWhileUsed } from './looks-while-used.ts';
import { makeFolder, settingsOf } from './open-pair.ts';
import { openRemote, type Workshop } from './open-replicas.ts';
import { OpenedOnce } from './opened-once.ts';
import type { OpenedSession } from './pair-session.ts';
import type { DriveOptions, HostedDrive } from './parts.ts';
import { checkMountPoint, checkRootsApart } from './places.ts';
import { type RemoteAddress, storedRemote } from './remote-address.ts';
import { LOOK_AT_SERVER_MS, NO_SCHEDULE, type Schedule } from './schedule.ts';
import type { SessionState } from './session-state.ts';
import { passthroughOf, type ShownDrive } from './shown-drive.ts';
import { type MountKind, wantedBackend } from './wanted-backend.ts';

/** When a drive syncs, beside when something changed in it. */
export const DRIVE_SCHEDULE: Schedule = { ...NO_SCHEDULE, everyMs: LOOK_AT_SERVER_MS, watch: true };

interface LocalSide {
  readonly replica: Replica;
  readonly drive: HostedDrive | null;
  readonly recordsDirectory: string;
  readonly mount: SessionState['mount'];
}

interface Surroundings {
  readonly workshop: Workshop;
  readonly name: string;
  readonly config: DriveConfig;
  readonly deviceName: string;
  readonly remote: LateRemote;
}

/** How a drive is to be shown; `reason` says why as a folder. */
type Showing =
  | { readonly as: 'mount'; readonly backend?: MountKind }
  | { readonly as: 'folder'; readonly reason: string };

/** @throws CONFIG_INVALID; MOUNT_UNAVAILABLE when one way was asked for and is not to be had */
async function showingOf({ workshop, config }: Surroundings): Promise<Showing> {
  const wanted = wantedBackend(workshop.environment);
  if (config.fallback) return { as: 'folder', reason: 'a folder was asked for (--fallback)' };
  if (wanted === 'folder')
    return { as: 'folder', reason: 'a folder was asked for (FERRY_MOUNT_BACKEND=folder)' };
  const availability = await workshop.parts.isMountAvailable(wanted ?? undefined);
  if (availability.available) return { as: 'mount', ...(wanted ? { backend: wanted } : {}) };
  if (wanted === null) return { as: 'folder', reason: availability.reason };
  throw new FerryError(
    'MOUNT_UNAVAILABLE',
    `${config.mountPoint} cannot be shown as FERRY_MOUNT_BACKEND=${wanted} asks: ${availability.reason}`,
    { path: config.mountPoint },
  );
}

/** @throws RECORD_LOCKED with the process that has it open */
async function openState(
  { workshop, name, config }: Surroundings,
  options: DriveOptions,
): Promise<HostedDrive> {
  const { home, parts } = workshop;
  try {
    const drive = await parts.openDrive(options);
    noteHolder(home, name);
    return drive;
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'RECORD_LOCKED') throw error;
    const { mountPoint } = config;
    throw new FerryError(
      'RECORD_LOCKED',
      `${mountPoint} is shown by another process already (pid ${holderOf(home, name) ?? 'unknown'}): end it first`,
      { path: mountPoint, cause: error },
    );
  }
}

async function openMounted(
  surroundings: Surroundings,
  address: RemoteAddress,
  backend: MountKind | undefined,
): Promise<LocalSide> {
  const { workshop, name, config, remote } = surroundings;
  const drive = await openState(surroundings, {
    mountPoint: config.mountPoint,
    stateDirectory: join(pairDirectory(workshop.home, name), 'drive'),
    name,
    ...(backend === undefined ? {} : { backend }),
    readOnly: config.direction === 'remote-to-local',
    allowOthers: config.allowOthers ?? false,
    // Known without asking: servers keep none, folders do.
    allowSymlinks: address.kind === 'folder' && process.platform !== 'win32',
    clock: workshop.clock,
    logger: workshop.logger,
    ...cacheOptionsOf(config, remote),
  });
  let putAside: string | null;
  try {
    putAside = await drive.mount();
  } catch (error) {
    await drive.close();
    throw error;
  }
  return {
    replica: drive.replica,
    drive,
    recordsDirectory: recordsDirectory(workshop.home, name),
    mount: { mountBackend: drive.stats.backend, ...(putAside === null ? {} : { putAside }) },
  };
}

/** Somebody's files would be uploaded, when all that was asked for is to see what the remote has. */
async function refuseForeignFolder(mountPoint: string, records: string): Promise<void> {
  await makeFolder(mountPoint);
  if (existsSync(records)) return;
  const { translated } = await import('../fs-adapter/folder/errno.ts');
  const names = await translated(mountPoint, 'look into', () => readdir(mountPoint));
  if (names.length === 0) return;
  throw new FerryError(
    'MOUNT_BUSY',
    `${mountPoint} is not empty; a drive needs an empty directory (ferry pair add keeps a folder in step)`,
    { path: mountPoint },
  );
}

async function openFolder(surroundings: Surroundings, reason: string): Promise<LocalSide> {
  const { workshop, name, config, deviceName } = surroundings;
  // Records of its own: what the mounted drive showed was never in this folder, and must not look deleted.
  const records = join(pairDirectory(workshop.home, name), 'folder-records');
  await refuseForeignFolder(config.mountPoint, records);
  const replica = await workshop.parts.openFolderReplica({
    absolutePath: config.mountPoint,
    deviceName,
    clock: workshop.clock,
    logger: workshop.logger,
    watch: true,
  });
  return {
    replica,
    drive: null,
    recordsDirectory: records,
    mount: { mountBackend: 'folder', mountNote: reason },
  };
}

/** A drive of the configuration: shown from its records first, and kept in step as soon as the server answers. */
export class DriveParts {
  readonly #surroundings: Surroundings;
  readonly #fullConfig: Config;
  readonly #local = new OpenedOnce(() => this.#openLocal());

  constructor(workshop: Workshop, config: Config, name: string, drive: DriveConfig) {
    const local = { ...workshop, logger: workshop.logger.child({ pair: name }) };
    const use = { name, direction: drive.direction, watch: true };
    this.#fullConfig = config;
    this.#surroundings = {
      workshop: local,
      name,
      config: drive,
      deviceName: deviceNameOf(config, workshop.environment),
      remote: new LateRemote((signal) =>
        openRemote(local, config, drive.remote, { ...use, signal }),
      ),
    };
  }

  /**
   * Shows the drive at its mount point, as a mount where that is possible, else as a watched folder with the reason.
   * Nobody else is asked: what was known before is there, also offline.
   * @throws MOUNT_BUSY, MOUNT_UNAVAILABLE, RECORD_LOCKED, CONFIG_INVALID
   */
  async show(): Promise<ShownDrive> {
    const side = await this.#local.get();
    const pending$ = side.drive?.pending$;
    return {
      ...(pending$ === undefined ? {} : { pending$ }),
      mount: side.mount,
      passthrough: () => passthroughOf(side.drive?.stats.passthrough),
      ...(side.drive === null ? {} : { cache: side.drive.cache }),
      async release(options) {
        await side.drive?.unmount(options);
      },
      close: () => this.#close(side),
    };
  }

  /** Shows the drive, opens the remote, and the engine between both. @throws what `show` throws, REMOTE_* */
  async open(): Promise<OpenedSession> {
    const { workshop, name, config, deviceName } = this.#surroundings;
    const local = await this.#local.get();
    const remote = await this.#surroundings.remote.opened();
    const pair = {
      ...PAIR_DEFAULTS,
      local: config.mountPoint,
      remote: config.remote,
      direction: config.direction,
      schedule: DRIVE_SCHEDULE,
    };
    const engine = await workshop.parts.createPairEngine({
      settings: settingsOf(name, pair, deviceName),
      local: local.replica,
      remote,
      recordsDirectory: local.recordsDirectory,
      clock: workshop.clock,
      logger: workshop.logger,
    });
    const marks = local.drive?.marks;
    const marking = marks && followEngine(engine, marks, workshop.logger);
    const tended = local.drive === null ? null : tendCache(local.drive.cache, engine);
    return {
      engine,
      hints$: merge(local.replica.changes$, remote.changes$),
      ...(local.drive === null || remote.changes$ !== NEVER
        ? {}
        : { looks$: looksAt(local.drive, engine) }),
      async close() {
        marking?.unsubscribe();
        tended?.unsubscribe();
        await engine.close();
      },
    };
  }

  /** Ends an opening that waits for the server; what is open stays so until it is closed. */
  abandon(): void {
    this.#surroundings.remote.abandon();
  }

  async #openLocal(): Promise<LocalSide> {
    const { workshop, config } = this.#surroundings;
    const address = storedRemote(config.remote, this.#fullConfig);
    checkRootsApart(config.mountPoint, address);
    checkMountPoint(config.mountPoint, this.#fullConfig, workshop.cwd);
    const showing = await showingOf(this.#surroundings);
    const side =
      showing.as === 'mount'
        ? await openMounted(this.#surroundings, address, showing.backend)
        : await openFolder(this.#surroundings, showing.reason);
    if (showing.as === 'folder')
      workshop.logger.warn('drive shown as a folder', { reason: showing.reason });
    try {
      await this.#note(side, address);
      return side;
    } catch (error) {
      await closeLocal(side).catch(() => undefined);
      throw error;
    }
  }

  async #note(side: LocalSide, address: RemoteAddress): Promise<void> {
    const { workshop, name, config } = this.#surroundings;
    const pendingUploads = side.drive === null ? 0 : await firstValueFrom(side.drive.pending$);
    const { mountPoint } = config;
    await noteDrive(workshop.home, name, {
      mountPoint,
      remote: addressText(address),
      pendingUploads,
      bounds: boundsOf(config),
    });
  }

  async #close(side: LocalSide): Promise<void> {
    const { config, remote } = this.#surroundings;
    try {
      // While it can still be asked.
      await this.#note(side, storedRemote(config.remote, this.#fullConfig));
    } finally {
      await closeLocal(side);
      await remote.close();
    }
  }
}

/** Looks for changes that the remote does not tell of. */
function looksAt(drive: HostedDrive, engine: PairEngine): Observable<void> {
  return looksWhileUsed({
    operations: () => drive.stats.operations,
    lastLook: () => {
      const { lastRun, lastRunAtMs } = engine.state;
      return lastRun && lastRunAtMs ? { atMs: lastRunAtMs, durationMs: lastRun.durationMs } : null;
    },
  });
}

function closeLocal({ drive, replica }: LocalSide): Promise<void> {
  return drive === null ? replica.close() : drive.close();
}
