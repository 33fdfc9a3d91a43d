import { join } from 'node:path';
import { FerryError } from '../core/model/errors.ts';
import { openStore } from '../core/records/store.ts';
import type { Home } from './home.ts';

/**
 * Takes the place of this user's one daemon. The lock is the one that LevelDB keeps on an open store: the kernel
 * gives it up with the process that held it, so there is no stale lock to guess about.
 * @throws RECORD_LOCKED when a daemon runs already
 */
export async function becomeOnlyInstance(home: Home): Promise<{ release(): Promise<void> }> {
  const location = join(home.stateDirectory, 'daemon-lock');
  try {
    const store = await openStore(location);
    return { release: () => store.close() };
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'RECORD_LOCKED') throw error;
    throw new FerryError('RECORD_LOCKED', 'a daemon runs already: see ferry daemon status', {
      path: home.stateDirectory,
      cause: error,
    });
  }
}
