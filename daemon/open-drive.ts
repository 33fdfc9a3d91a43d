import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { merge } from 'rxjs';
import type { Replica } from '../core/ports.ts';
import { type Config, type DriveConfig, PAIR_DEFAULTS } from './config.ts';
import { deviceNameOf } from './config-file.ts';
import { pairDirectory, recordsDirectory } from './home.ts';
import { settingsOf } from './open-pair.ts';
import { openRemote, type Workshop } from './open-replicas.ts';
import type { OpenedSession } from './pair-session.ts';
import type { HostedDrive } from './parts.ts';
import { checkMountPoint, checkRootsApart } from './places.ts';
import { parseRemote } from './remote-address.ts';
import { NO_SCHEDULE, type Schedule } from './schedule.ts';
import type { SessionState } from './session-state.ts';

/** A drive looks at its remote this often. */
const POLL_MS = 30_000;

/** When a drive syncs, beside when something changed in it. */
export const DRIVE_SCHEDULE: Schedule = { ...NO_SCHEDULE, everyMs: POLL_MS, watch: true };

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

async function openFolder(surroundings: Surroundings, reason: string): Promise<LocalSide> {
  const { workshop, name, config, deviceName } = surroundings;
  await mkdir(config.mountPoint, { recursive: true });
  const replica = await workshop.parts.openFolderReplica({
    absolutePath: config.mountPoint,
    deviceName,
    clock: workshop.clock,
    logger: workshop.logger,
    watch: true,
  });
  // Records of its own: what the mounted drive showed was never in this folder, and must not look deleted.
  const records = join(pairDirectory(workshop.home, name), 'folder-records');
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
  checkRootsApart(drive.mountPoint, parseRemote(drive.remote, config, workshop.cwd));
  checkMountPoint(drive.mountPoint, config, workshop.cwd);
  const logger = workshop.logger.child({ pair: name });
  const deviceName = deviceNameOf(config, workshop.environment);
  const remote = await openRemote({ ...workshop, logger }, config, drive.remote, {
    name,
    direction: drive.direction,
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
    return {
      engine,
      hints$: merge(local.replica.changes$, remote.changes$),
      ...(local.drive === null ? {} : { pending$: local.drive.pending$ }),
      mount: local.mount,
      async release(options) {
        await local.drive?.unmount(options);
      },
      async close() {
        await engine.close();
        await closeLocal(local);
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

/** Returns the name of the drive at a mount point, made from its last folder; never one that is taken. */
export function driveNameFor(mountPoint: string, config: Config): string {
  for (const [name, drive] of config.drives) if (drive.mountPoint === mountPoint) return name;
  const last = mountPoint.split(/[\\/]/).findLast((part) => part !== '') ?? 'drive';
  const stem = last.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'drive';
  const isTaken = (name: string) => config.drives.has(name) || config.pairs.has(name);
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? stem.slice(0, 60) : `${stem.slice(0, 60)}-${n}`;
    if (!isTaken(name)) return name;
  }
}
