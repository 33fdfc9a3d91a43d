import { promises as fs } from 'node:fs';
import { join } from 'node:path';

/** A process that has something of a mount open, or is in it. */
export interface MountUser {
  readonly pid: number;
  /** As the kernel names it; at most 15 characters. */
  readonly name: string;
}

const PROC = '/proc';
const AT_ONCE = 32;

/**
 * Returns who uses a mount: by an open file, a working directory, a program or a mapping from it. Of other users'
 * processes only root learns. Nothing on the mount itself is asked, so one that hangs does not matter.
 */
export async function usersOf(mountPoint: string): Promise<readonly MountUser[]> {
  const all = await fs.readdir(PROC).catch(() => []);
  const pids = all.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const users: MountUser[] = [];
  for (let at = 0; at < pids.length; at += AT_ONCE) {
    const some = pids.slice(at, at + AT_ONCE).map((pid) => userOf(pid, mountPoint));
    users.push(...(await Promise.all(some)).flatMap((user) => user ?? []));
  }
  return users;
}

async function userOf(pid: string, mountPoint: string): Promise<MountUser | null> {
  const directory = join(PROC, pid);
  const isInside = (target: string) => target === mountPoint || target.startsWith(`${mountPoint}/`);
  const points = async (link: string) => isInside(await fs.readlink(link).catch(() => ''));
  const isUser =
    (await points(join(directory, 'cwd'))) ||
    (await points(join(directory, 'root'))) ||
    (await anyLink(join(directory, 'fd'), points)) ||
    // Programs and libraries that run from there, and what was mapped and closed.
    (await mapsFrom(directory, mountPoint));
  if (!isUser) return null;
  const name = await fs.readFile(join(directory, 'comm'), 'utf8').catch(() => '?');
  return { pid: Number(pid), name: name.trim() };
}

async function anyLink(
  directory: string,
  points: (link: string) => Promise<boolean>,
): Promise<boolean> {
  for (const name of await fs.readdir(directory).catch(() => []))
    if (await points(join(directory, name))) return true;
  return false;
}

async function mapsFrom(directory: string, mountPoint: string): Promise<boolean> {
  const maps = await fs.readFile(join(directory, 'maps'), 'utf8').catch(() => '');
  return maps.includes(` ${mountPoint}/`);
}
