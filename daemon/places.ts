import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FerryError } from '../core/model/errors.ts';
import { PRIVATE_FOLDER } from '../core/model/path.ts';
import type { Config, PairConfig } from './config.ts';
import { parseRemote, type RemoteAddress } from './remote-address.ts';

function holds(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

function overlap(one: string, other: string): boolean {
  return holds(one, other) || holds(other, one);
}

/** Throws CONFIG_INVALID where both roots are one folder, or one is inside the other. */
export function checkRootsApart(local: string, remote: RemoteAddress): void {
  if (remote.kind !== 'folder' || !overlap(local, remote.absolutePath)) return;
  throw new FerryError(
    'CONFIG_INVALID',
    `the two sides overlap (${remote.absolutePath}): choose folders that do not hold each other`,
    { path: local },
  );
}

function foldersOf(pair: PairConfig, config: Config, cwd: string): readonly string[] {
  const remote = parseRemote(pair.remote, config, cwd);
  return remote.kind === 'folder' ? [pair.local, remote.absolutePath] : [pair.local];
}

/**
 * Throws CONFIG_INVALID where a drive would stand in a pair's folder, which would then sync the whole remote into
 * itself, or in another drive.
 */
export function checkMountPoint(mountPoint: string, config: Config, cwd: string): void {
  const refuse = (what: string, place: string) => {
    throw new FerryError(
      'CONFIG_INVALID',
      `${place === mountPoint ? 'is' : 'overlaps with'} ${what}: choose another mount point`,
      { path: mountPoint },
    );
  };
  for (const [name, pair] of config.pairs)
    for (const folder of foldersOf(pair, config, cwd))
      if (overlap(folder, mountPoint)) refuse(`the folder of the pair ${name}`, folder);
  for (const [name, drive] of config.drives)
    if (drive.mountPoint !== mountPoint && overlap(drive.mountPoint, mountPoint))
      refuse(`the drive ${name}`, drive.mountPoint);
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Throws CONFIG_INVALID where a drive would stand in a folder that `ferry serve` serves, and shows a server of this
 * machine: if it is the same one, the drive shows itself, deeper and deeper, until the disk is full of its records.
 */
export function checkOutsideServed(mountPoint: string, remote: RemoteAddress): void {
  if (remote.kind !== 'webdav' || !LOOPBACK.test(new URL(remote.url).hostname)) return;
  for (let at = mountPoint; at !== dirname(at); at = dirname(at))
    if (existsSync(join(dirname(at), PRIVATE_FOLDER, 'server.json')))
      throw new FerryError(
        'CONFIG_INVALID',
        `is inside ${dirname(at)}, which ferry serve serves, and would show itself in itself: choose a mount point outside of it`,
        { path: mountPoint },
      );
}

/** Throws CONFIG_INVALID where a folder of a pair is on a drive: the process that shows it cannot wait for itself. */
export function checkOutsideDrives(pair: PairConfig, config: Config, cwd: string): void {
  for (const [name, { mountPoint, remote }] of config.drives)
    for (const folder of foldersOf(pair, config, cwd))
      if (overlap(mountPoint, folder))
        throw new FerryError(
          'CONFIG_INVALID',
          `overlaps with the drive ${name}: name its remote instead (${remote})`,
          { path: folder },
        );
}
