import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

async function isDirectory(absolutePath: string): Promise<boolean> {
  return stat(absolutePath).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Makes a directory that somebody has named, and those above it that are missing; one that is there is left alone.
 *
 * Takes the place of `mkdir` with `recursive`, which never returns where a directory exists and none can be made in it
 * with ENOENT, as below `/proc` (Node 20 makes the parent again and again).
 * @throws the system's error: EEXIST where something else has the name
 */
export async function makeMissing(absolutePath: string): Promise<void> {
  try {
    await mkdir(absolutePath);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isDirectory(absolutePath))) return;
    const parent = dirname(absolutePath);
    if (code !== 'ENOENT' || parent === absolutePath || (await isDirectory(parent))) throw error;
    await makeMissing(parent);
    await makeMissing(absolutePath);
  }
}
