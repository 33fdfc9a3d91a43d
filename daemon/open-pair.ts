import { access, stat } from 'node:fs/promises';
import type { PairEngine } from '../core/engine/pair-engine.ts';
import type { PairSettings } from '../core/engine/pair-settings.ts';
import { FerryError } from '../core/model/errors.ts';
import type { Replica } from '../core/ports.ts';
import { makeMissing } from '../fs-adapter/folder/make-missing.ts';
import { makeStateDirectory } from './atomic-file.ts';
import type { Config, PairConfig } from './config.ts';
import { deviceNameOf } from './config-file.ts';
import { recordsDirectory } from './home.ts';
import { openRemote, type Workshop } from './open-replicas.ts';
import { checkRootsApart } from './places.ts';
import { type RemoteAddress, storedRemote } from './remote-address.ts';

/** A pair whose two sides and records are open. */
export interface OpenPair {
  readonly engine: PairEngine;
  readonly local: Replica;
  readonly remote: Replica;
  close(): Promise<void>;
}

/** Returns what the engine must know of a pair. */
export function settingsOf(name: string, pair: PairConfig, deviceName: string): PairSettings {
  return {
    name,
    deviceName,
    direction: pair.direction,
    deletes: pair.deletes,
    mirror: pair.mirror,
    ignore: pair.ignore,
    maxDeleteFraction: pair.maxDeleteFraction,
    trustTimes: pair.trustTimes,
    ...(pair.guardFile === undefined ? {} : { guardFile: pair.guardFile }),
    ...(pair.bandwidthBytesPerS === undefined
      ? {}
      : { bandwidthBytesPerS: pair.bandwidthBytesPerS }),
  };
}

async function exists(absolutePath: string): Promise<boolean> {
  return access(absolutePath).then(
    () => true,
    () => false,
  );
}

/** Makes a missing folder; what else has its name is left to the caller's look at it. @throws LOCAL_PERMISSION, LOCAL_NOT_FOUND, LOCAL_IO */
export async function makeFolder(absolutePath: string): Promise<void> {
  try {
    await makeMissing(absolutePath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    const { folderError } = await import('../fs-adapter/folder/errno.ts');
    throw folderError(error, absolutePath, 'make the folder');
  }
}

/**
 * Makes a missing destination folder of a pair that never ran; a missing folder of one that did is left to the
 * engine's guard, since its content is not deleted but somewhere else.
 * @throws LOCAL_ROOT_MISSING for a source that is not there, or is not a folder
 */
async function prepareFolder(absolutePath: string, isSource: boolean, isNew: boolean) {
  if (isNew && !isSource) await makeFolder(absolutePath);
  const found = await stat(absolutePath).catch(() => null);
  if (found?.isDirectory() || (found === null && !isNew)) return;
  throw new FerryError(
    'LOCAL_ROOT_MISSING',
    found === null
      ? 'there is no such folder: check the name, or that its disk is mounted'
      : 'is not a folder: name the folder to keep in step',
    { path: absolutePath },
  );
}

/** Makes or checks the folders of a pair. @throws LOCAL_ROOT_MISSING */
export async function prepareRoots(
  pair: Pick<PairConfig, 'local' | 'direction'>,
  remote: RemoteAddress,
  isNew: boolean,
): Promise<void> {
  await prepareFolder(pair.local, pair.direction === 'local-to-remote', isNew);
  if (remote.kind === 'folder')
    await prepareFolder(remote.absolutePath, pair.direction === 'remote-to-local', isNew);
}

export interface OpenPairOptions {
  /** Only dry runs will be made: a destination folder that is not there yet is not made. */
  readonly dryRun?: boolean;
}

/**
 * Opens both sides and the records of a pair.
 * @throws RECORD_LOCKED when another process has it open, LOCAL_ROOT_MISSING, REMOTE_*, CONFIG_INVALID
 */
export async function openPair(
  workshop: Workshop,
  config: Config,
  name: string,
  pair: PairConfig,
  options: OpenPairOptions = {},
): Promise<OpenPair> {
  const records = recordsDirectory(workshop.home, name);
  await makeStateDirectory(workshop.home.stateDirectory);
  const deviceName = deviceNameOf(config, workshop.environment);
  const logger = workshop.logger.child({ pair: name });
  const address = storedRemote(pair.remote, config);
  checkRootsApart(pair.local, address);
  if (!options.dryRun) await prepareRoots(pair, address, !(await exists(records)));
  const keepVersions = pair.keepVersions === undefined ? {} : { keepVersions: pair.keepVersions };
  const local = await workshop.parts.openFolderReplica({
    absolutePath: pair.local,
    deviceName,
    clock: workshop.clock,
    logger,
    watch: pair.schedule.watch,
    ...keepVersions,
  });
  const opened: Replica[] = [local];
  try {
    const remote = await openRemote({ ...workshop, logger }, config, pair.remote, {
      name,
      direction: pair.direction,
      watch: pair.schedule.watch,
      ...keepVersions,
    });
    opened.push(remote);
    const engine = await workshop.parts.createPairEngine({
      settings: settingsOf(name, pair, deviceName),
      local,
      remote,
      recordsDirectory: records,
      clock: workshop.clock,
      logger,
    });
    const close = async () => {
      await engine.close();
      await Promise.all(opened.map((replica) => replica.close()));
    };
    return { engine, local, remote, close };
  } catch (error) {
    await Promise.allSettled(opened.map((replica) => replica.close()));
    throw error;
  }
}
