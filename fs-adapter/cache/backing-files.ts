import {
  closeSync,
  constants,
  promises as fs,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { SyncPath } from '../../core/model/path.ts';

/** The directory of what is kept of replaced and removed files, in a drive's state. */
export const KEPT_VERSIONS = 'versions';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const KEPT_VERSIONS_MS = 30 * 24 * 3600 * 1000;

/** What is known of a backing file without opening it. */
export interface BackingStat {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

/**
 * The files that hold the content of the drive's hydrated and dirty files, one each, named by number. Opening,
 * removing and renaming are synchronous: they are local, take microseconds, and so happen in one step with the
 * change of the table.
 */
export class BackingFiles {
  readonly #directory: string;
  readonly #versions: string;
  #hasNewNames = false;

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, 'cache');
    this.#versions = join(stateDirectory, KEPT_VERSIONS);
  }

  /** Makes the directories, removes files whose number is not in `used`, and versions older than 30 days. */
  async prepare(used: ReadonlySet<number>, nowMs: number): Promise<void> {
    await fs.mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
    await fs.chmod(this.#directory, DIRECTORY_MODE);
    for (const name of await fs.readdir(this.#directory))
      if (!used.has(Number(name))) await fs.rm(join(this.#directory, name), { force: true });
    await this.pruneVersions(nowMs);
  }

  /** Removes kept versions older than 30 days. */
  async pruneVersions(nowMs: number): Promise<void> {
    await pruneOlder(this.#versions, nowMs - KEPT_VERSIONS_MS);
  }

  /** Returns the absolute path of a file, whether it is there or not. */
  path(id: number): string {
    return join(this.#directory, String(id));
  }

  /** Opens a new, empty file for reading and writing. */
  create(id: number): number {
    this.#hasNewNames = true;
    return openSync(this.path(id), 'wx+', FILE_MODE);
  }

  /** Makes a new file of that size that takes no space yet. */
  createSized(id: number, sizeBytes: number): void {
    const fd = this.create(id);
    try {
      ftruncateSync(fd, sizeBytes);
    } finally {
      closeSync(fd);
    }
  }

  /** Says that somebody else makes a file here, whose name is to be made durable. */
  expectNew(): void {
    this.#hasNewNames = true;
  }

  /** Makes the names of new files durable; their content is its writer's to sync. */
  async syncNames(): Promise<void> {
    if (!this.#hasNewNames) return;
    this.#hasNewNames = false;
    const directory = await fs.open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  open(id: number): number {
    return openSync(this.path(id), constants.O_RDWR);
  }

  /** Returns the time by which a change that the journal missed is found after a crash. */
  stampOf(fd: number): bigint {
    return fstatSync(fd, { bigint: true }).mtimeNs;
  }

  close(fd: number): void {
    closeSync(fd);
  }

  truncate(fd: number, sizeBytes: number): void {
    ftruncateSync(fd, sizeBytes);
  }

  /** Removes the name; whoever has the file open keeps it. */
  remove(id: number): void {
    try {
      unlinkSync(this.path(id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Null when there is no such file. */
  async stat(id: number): Promise<BackingStat | null> {
    try {
      const { size, mtimeNs } = await fs.stat(this.path(id), { bigint: true });
      return { sizeBytes: Number(size), mtimeNs };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** Keeps the content under `versions/` too, where it can be found without Ferry for 30 days. */
  async keepVersion(id: number, path: SyncPath, nowMs: number): Promise<string> {
    const suffix = `~${new Date(nowMs).toISOString().replaceAll(':', '-')}-${id}`;
    let target = join(this.#versions, `${path}${suffix}`);
    try {
      await fs.mkdir(dirname(target), { recursive: true, mode: DIRECTORY_MODE });
      linkSync(this.path(id), target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The name and its suffix are too long together, or a directory is where an older version was a file.
      if (code !== 'ENAMETOOLONG' && code !== 'ENOTDIR' && code !== 'EEXIST') throw error;
      target = join(this.#versions, `content${suffix}`);
      linkSync(this.path(id), target);
    }
    return target;
  }
}

async function pruneOlder(directory: string, oldestMs: number): Promise<void> {
  let names: string[];
  try {
    names = await fs.readdir(directory, { recursive: true });
  } catch {
    return; // No version was ever kept.
  }
  for (const name of names) {
    const stat = await fs.lstat(join(directory, name)).catch(() => null);
    if (stat?.isFile() && stat.ctimeMs < oldestMs) await fs.rm(join(directory, name));
  }
}
