import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OutsideAccess } from '../../conformance/replica-conformance.ts';

/** Folders in which servers keep what is not the user's. */
const SERVER_PRIVATE = new Set(['.DAV']);
const PLANTED_AGE_MS = 3_600_000;
const PLANTED_STEP_MS = 2_000;
let planted = 0;

/**
 * Reaches a server's folder through the file system. Planted files are an hour old and each two seconds younger than
 * the one before, so their versions are settled and differ whatever the grain of the server's clock is.
 */
export function folderAccess(directory: string): OutsideAccess {
  const at = (path: string): string => join(directory, path);
  const makeDirectory = async (path: string): Promise<void> => {
    if (path === '' || path === '.') return;
    await makeDirectory(dirname(path));
    await mkdir(at(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    // The server may run as another user.
    await chmod(at(path), 0o777).catch(() => {});
  };
  return {
    makeDirectory,
    async write(path, content) {
      await makeDirectory(dirname(path));
      await writeFile(at(path), content);
      await chmod(at(path), 0o666);
      planted += 1;
      const time = new Date(Date.now() - PLANTED_AGE_MS + planted * PLANTED_STEP_MS);
      await utimes(at(path), time, time);
    },
    async read(path) {
      try {
        return await readFile(at(path));
      } catch {
        // Not there, or a directory: no file either way.
        return null;
      }
    },
    async list(path) {
      return (await readdir(at(path))).filter((name) => !SERVER_PRIVATE.has(name));
    },
    remove: (path) => rm(at(path), { recursive: true, force: true }),
  };
}
