import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { KEPT_VERSIONS } from './backing-files.ts';
import { backingOfRow } from './drive-row.ts';
import type { DriveStore } from './drive-store.ts';

export interface UnknownContentsOptions {
  readonly store: Pick<DriveStore, 'rows'>;
  readonly stateDirectory: string;
  readonly nowMs: number;
  readonly logger: Logger;
}

const NUMBER = /^\d+$/;
const DIRECTORY_MODE = 0o700;

/**
 * Puts the contents that no row speaks of among the kept versions, where they can be found without Ferry. To be called
 * where rows were lost, before what belongs to none is removed: they may be all that there is of files that were never
 * uploaded.
 * @throws LOCAL_IO
 */
export async function keepUnknownContents(options: UnknownContentsOptions): Promise<void> {
  const { store, stateDirectory, nowMs, logger } = options;
  const cache = join(stateDirectory, 'cache');
  const known = new Set<number>();
  for await (const rows of store.rows()) for (const row of rows) known.add(backingOfRow(row));
  const day = new Date(nowMs).toISOString().replaceAll(':', '-');
  const directory = join(stateDirectory, KEPT_VERSIONS, `without a record ${day}`);
  let files = 0;
  try {
    for (const name of await namesIn(cache)) {
      const path = join(cache, name);
      if (!NUMBER.test(name) || known.has(Number(name)) || (await fs.stat(path)).size === 0)
        continue;
      if (files === 0) await fs.mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
      await fs.rename(path, join(directory, name));
      files += 1;
    }
  } catch (error) {
    throw new FerryError(
      'LOCAL_IO',
      `${cache} holds contents whose records were lost, and they cannot be put aside to ${directory}: copy what is in it to another place, and try again`,
      { path: cache, cause: error },
    );
  }
  if (files > 0)
    logger.error(
      'contents whose records were lost are kept for 30 days; look there for what was not uploaded',
      {
        directory,
        files,
      },
    );
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await fs.readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
