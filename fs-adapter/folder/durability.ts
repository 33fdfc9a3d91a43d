import { forEachLimited } from '../../core/transfer/pool.ts';
import { codeOf, type SafeRoot } from '../../native/index.ts';
import { syncFile } from './private-files.ts';

/** Below this many files, waiting for each is cheaper than for all that the file system has to write. */
const FEW_FILES = 4;
/** The first directory's sync commits the names of all on journalling file systems; the others' then cost little. */
const FEW_DIRECTORIES = 32;
const SLOW_SYNC_MS = 500;
const MAX_SLOW_SYNCS = 2;
/** So many groups are synced file by file before the whole file system is tried again. */
const GROUPS_WITHOUT = 16;
const SYNCS_AT_ONCE = 8;

/** What is gone by now has nothing to keep. */
async function unlessGone(syncing: Promise<void>): Promise<void> {
  try {
    await syncing;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
  }
}

/**
 * Makes groups of files durable: one sync of the file system for a group, or one for each file where the group is
 * small, or where other programs' unwritten data has made the whole sync slow twice.
 */
export class Durability {
  #slowSyncs = 0;
  #groupsWithout = 0;
  #isUnsupported = false;

  /** Makes the contents of `files` and the names in `directories` durable. */
  async sync(
    root: SafeRoot,
    files: readonly string[],
    directories: ReadonlySet<string>,
  ): Promise<void> {
    const isWorthIt = files.length >= FEW_FILES || directories.size >= FEW_DIRECTORIES;
    if (isWorthIt && this.#mayTryAll()) {
      const started = performance.now();
      if (await this.#syncAll(root)) {
        if (performance.now() - started > SLOW_SYNC_MS) this.#slowSyncs++;
        return;
      }
    }
    await forEachLimited(files, SYNCS_AT_ONCE, (file) => unlessGone(syncFile(root, file)));
    await forEachLimited(directories, SYNCS_AT_ONCE, (path) =>
      unlessGone(root.syncDirectory(path)),
    );
  }

  #mayTryAll(): boolean {
    if (this.#isUnsupported) return false;
    if (this.#slowSyncs < MAX_SLOW_SYNCS) return true;
    this.#groupsWithout++;
    if (this.#groupsWithout < GROUPS_WITHOUT) return false;
    this.#groupsWithout = 0;
    this.#slowSyncs = 0;
    return true;
  }

  async #syncAll(root: SafeRoot): Promise<boolean> {
    try {
      await root.syncFileSystem();
      return true;
    } catch (error) {
      if (codeOf(error) !== 'ENOSYS') throw error;
      this.#isUnsupported = true;
      return false;
    }
  }
}
