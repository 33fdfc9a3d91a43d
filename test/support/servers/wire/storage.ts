import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes everything that is served, as a disk does that was replaced by a new one. */
export async function wipe(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (!name.startsWith('.ferry')) await rm(join(directory, name), { recursive: true });
}

/** Copies what is served, with its times, to be put back by `restore`. */
export async function backUp(directory: string, backup: string): Promise<void> {
  await cp(directory, backup, { recursive: true, preserveTimestamps: true });
}

/** Puts a backup in the place of what is served; the server goes on meanwhile. */
export async function restore(directory: string, backup: string): Promise<void> {
  await wipe(directory);
  for (const name of await readdir(backup))
    if (!name.startsWith('.ferry'))
      await cp(join(backup, name), join(directory, name), {
        recursive: true,
        preserveTimestamps: true,
      });
}

/** Takes the storage of one folder away: an empty folder stays, as where nothing is mounted. Returns how to bring it back. */
export async function unmount(
  directory: string,
  folder: string,
  aside: string,
): Promise<() => Promise<void>> {
  const mounted = join(directory, folder);
  await rename(mounted, aside);
  await mkdir(mounted);
  return async () => {
    await rm(mounted, { recursive: true });
    await rename(aside, mounted);
  };
}
