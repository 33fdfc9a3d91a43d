import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { firstValueFrom, merge } from 'rxjs';
import { FerryError } from '../core/model/errors.ts';
import type { Replica } from '../core/ports.ts';
import { type Config, type DriveConfig, PAIR_DEFAULTS } from './config.ts';
import { deviceNameOf } from './config-file.ts';
import { addressText, noteDrive } from './drive-names.ts';
import { pairDirectory, recordsDirectory } from './home.ts';
import { settingsOf } from './open-pair.ts';
import { openRemote, type Workshop } from './open-replicas.ts';
import type { OpenedSession } from './pair-session.ts';
import type { HostedDrive } from './parts.ts';
import { checkMountPoint, checkRootsApart } from './places.ts';
import { storedRemote } from './remote-address.ts';
import { LOOK_AT_SERVER_MS, NO_SCHEDULE, type Schedule } from './schedule.ts';
import type { SessionState } from './session-state.ts';

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
  readonly remote: Replica;
}

async function reasonAgainstMount(surroundings: Surroundings): Promise<string | null> {
  if (surroundings.config.fallback) return 'a folder was asked for (--fallback)';
  const availability = await surroundings.workshop.parts.isMountAvailable();
  return availability.available ? null : availability.reason;
}

async function openMounted(surroundings: Surroundings): Promise<LocalSide> {
  const { workshop, name, config, remote } = surroundings;
  const drive = await workshop.parts.openDrive({
    mountPoint: config.mountPoint,
    stateDirectory: join(pairDirectory(workshop.home, name), 'drive'),
    name,
    readOnly: config.direction === 'remote-to-local',
    allowSymlinks: remote.capabilities.symlinks,
    clock: workshop.clock,
    logger: workshop.logger,
    hydrate: (path, version, signal) => remote.read(path, { expected: version, signal }),
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
    mount: { mountBackend: 'fuse-native', ...(putAside === null ? {} : { putAside }) },
  };
}

/** Somebody's files would be uploaded, when all that was asked for is to see what the remote has. */
async function refuseForeignFolder(mountPoint: string, records: string): Promise<void> {
  await mkdir(mountPoint, { recursive: true });
  if (existsSync(records) || (await readdir(mountPoint)).length === 0) return;
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

/**
 * Shows a remote at a mount point: as a drive where that is possible, else as a watched folder, with the reason.
 * @throws MOUNT_BUSY, RECORD_LOCKED, REMOTE_*, CONFIG_INVALID
 */
export async function openDriveSession(
  workshop: Workshop,
  config: Config,
  name: string,
  drive: DriveConfig,
): Promise<OpenedSession> {
  const address = storedRemote(drive.remote, config);
  checkRootsApart(drive.mountPoint, address);
  checkMountPoint(drive.mountPoint, config, workshop.cwd);
  const logger = workshop.logger.child({ pair: name });
  const deviceName = deviceNameOf(config, workshop.environment);
  const remote = await openRemote({ ...workshop, logger }, config, drive.remote, {
    name,
    direction: drive.direction,
    watch: true,
  });
  const surroundings = {
    workshop: { ...workshop, logger },
    name,
    config: drive,
    deviceName,
    remote,
  };
  let side: LocalSide | undefined;
  try {
    const reason = await reasonAgainstMount(surroundings);
    const local =
      reason === null ? await openMounted(surroundings) : await openFolder(surroundings, reason);
    side = local;
    if (reason !== null) logger.warn('drive shown as a folder', { reason });
    const pair = {
      ...PAIR_DEFAULTS,
      local: drive.mountPoint,
      remote: drive.remote,
      direction: drive.direction,
      schedule: DRIVE_SCHEDULE,
    };
    const engine = await workshop.parts.createPairEngine({
      settings: settingsOf(name, pair, deviceName),
      local: local.replica,
      remote,
      recordsDirectory: local.recordsDirectory,
      clock: workshop.clock,
      logger,
    });
    const kept = { mountPoint: drive.mountPoint, remote: addressText(address) };
    await noteDrive(workshop.home, name, { ...kept, pendingUploads: 0 });
    const pending$ = local.drive?.pending$;
    return {
      engine,
      hints$: merge(local.replica.changes$, remote.changes$),
      ...(pending$ === undefined ? {} : { pending$ }),
      mount: local.mount,
      async release(options) {
        await local.drive?.unmount(options);
      },
      async close() {
        await engine.close();
        const pendingUploads = pending$ === undefined ? 0 : await firstValueFrom(pending$);
        await closeLocal(local);
        await noteDrive(workshop.home, name, { ...kept, pendingUploads });
        await remote.close();
      },
    };
  } catch (error) {
    if (side !== undefined) await closeLocal(side).catch(() => undefined);
    await remote.close();
    throw error;
  }
}

function closeLocal({ drive, replica }: LocalSide): Promise<void> {
  return drive === null ? replica.close() : drive.close();
}
