import { randomBytes } from 'node:crypto';
import { conflictCopyName } from '../../core/model/conflict-name.ts';
import { childPath, nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import { runFolderName } from '../../core/model/version-folder.ts';
import type { Clock, Displacement, Logger } from '../../core/ports.ts';
import { codeOf, type NodeStat, type SafeRoot } from '../../native/index.ts';
import {
  appendLines,
  makeDirectories,
  privatePath,
  readLines,
  removeIfThere,
} from './private-files.ts';
import type { RealNames } from './real-names.ts';
import { notesFile, VERSIONS, type VersionNote } from './version-folders.ts';

const DISPLACED = privatePath('displaced.ndjson');
const MAX_FOLDERS_A_RUN = 1000;
/** Linux takes 4096; what is kept must also be found by programs that name it from the root of the file system. */
const MAX_PATH_BYTES = 4000;
const TAKEN = ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'];

/** A version that was put away: where it is now and what it was when it came there. */
export interface PutAway {
  readonly path: SyncPath;
  readonly stored: string;
  readonly ino: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  /** Why; absent where the caller did not say. */
  readonly displacement?: Displacement;
}

/** Returns the run's folder that a version is in: its name among those of its path. */
export function folderOf(stored: string): string {
  return stored.slice(VERSIONS.length + 1).split('/', 1)[0] ?? '';
}

export interface VersionStoreOptions {
  readonly names: RealNames;
  readonly deviceName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Returns the local time as conflict copies carry it. */
function localTimestamp(nowMs: number): string {
  const date = new Date(nowMs);
  const local = new Date(nowMs - date.getTimezoneOffset() * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 19).replaceAll(':', '-')}`;
}

function isPutAway(line: unknown): line is PutAway {
  const { path, stored } = line as Partial<PutAway>;
  return typeof path === 'string' && typeof stored === 'string';
}

function isUntouched(kept: PutAway, stat: NodeStat): boolean {
  return (
    `${stat.ino}` === kept.ino &&
    stat.sizeBytes === kept.sizeBytes &&
    `${stat.mtimeNs}` === kept.mtimeNs
  );
}

/**
 * Keeps what a sync replaced or removed: plain files under `.ferry/versions/TIME OF THE RUN/` and their own paths, so
 * that they can be found without Ferry.
 */
export class VersionStore {
  readonly #options: VersionStoreOptions;
  #beganMs: number;
  #run: number | null = null;
  readonly #made = new Set<string>();
  /** Bytes that were put away since somebody asked. */
  #bytes = 0;

  constructor(options: VersionStoreOptions) {
    this.#options = options;
    this.#beganMs = options.clock.now();
  }

  /** Begins a run: what is put away from now on is kept together. */
  beginRun(): void {
    this.#beganMs = this.#options.clock.now();
    this.#made.clear();
  }

  /** Moves what is at `from` (a path on the disk) into the store, and returns where it is. */
  async keep(
    root: SafeRoot,
    from: string,
    path: SyncPath,
    displacement?: Pick<Displacement, 'run' | 'isOnlyCopy'>,
  ): Promise<string> {
    // What is put away between two runs, as by a restore, is not the earlier one's.
    if (displacement !== undefined && this.#run !== null && displacement.run !== this.#run)
      this.beginRun();
    this.#run = displacement?.run ?? this.#run;
    const name = runFolderName(this.#beganMs, displacement?.isOnlyCopy ?? false);
    for (let count = 1; count <= MAX_FOLDERS_A_RUN; count++) {
      const folder = `${VERSIONS}/${name}${count === 1 ? '' : `-${count}`}`;
      const own = `${folder}/${path}`;
      const isTooLong = Buffer.byteLength(own) > MAX_PATH_BYTES;
      try {
        const target = isTooLong ? `${folder}/long-path-${randomBytes(6).toString('hex')}` : own;
        return await this.#moveTo(root, from, target);
      } catch (error) {
        const code = codeOf(error) ?? '';
        if (!TAKEN.includes(code)) throw error;
      }
    }
    throw new Error(`${path}: too many versions of it in one run`);
  }

  async #moveTo(root: SafeRoot, from: string, target: string): Promise<string> {
    const directory = target.slice(0, target.lastIndexOf('/'));
    const wasMade = this.#made.has(directory);
    if (!wasMade) await makeDirectories(root, directory);
    this.#made.add(directory);
    try {
      await root.rename(from, target, 'no-replace');
    } catch (error) {
      this.#made.delete(directory);
      // Someone may have cleared the store away since its directory was made.
      if (!wasMade || codeOf(error) !== 'ENOENT') throw error;
      return this.#moveTo(root, from, target);
    }
    return target;
  }

  /**
   * Remembers versions that are to be looked at once more, as a program may still write to them, and notes why they
   * were put away.
   */
  async remember(root: SafeRoot, put: readonly PutAway[]): Promise<void> {
    if (put.length === 0) return;
    const lines = put.map(({ displacement: _, ...line }) => line);
    await appendLines(root, DISPLACED, lines);
    await this.note(root, put);
    for (const { displacement, sizeBytes, stored } of put) {
      this.#bytes += sizeBytes;
      displacement?.onKept?.(folderOf(stored));
    }
  }

  /** Notes beside the versions why they were put away. */
  async note(
    root: SafeRoot,
    put: readonly Pick<PutAway, 'path' | 'stored' | 'displacement'>[],
  ): Promise<void> {
    const notes = new Map<string, VersionNote[]>();
    for (const { path, stored, displacement } of put) {
      if (!displacement) continue;
      const { cause, run } = displacement;
      const folder = folderOf(stored);
      const own = stored === `${VERSIONS}/${folder}/${path}`;
      const note = { path, cause, run, ...(own ? {} : { stored }) };
      const others = notes.get(folder);
      if (others) others.push(note);
      else notes.set(folder, [note]);
    }
    try {
      for (const [folder, lines] of notes) await appendLines(root, notesFile(folder), lines);
    } catch (error) {
      // The versions are kept all the same; without room for the note, only the reason is missing from the list.
      this.#options.logger.warn('why a version was put away could not be noted', {
        reason: String(error),
      });
    }
  }

  /** Returns how many bytes were put away since the last call. */
  takeBytes(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  }

  /** Gives what was written to a version after it was put away back to the user, as a conflict copy. */
  async lookAgain(root: SafeRoot): Promise<void> {
    const displaced = await readLines(root, DISPLACED);
    if (displaced.length === 0) return;
    for (const kept of displaced.filter(isPutAway)) {
      const stat = await root.stat(kept.stored);
      if (!stat || isUntouched(kept, stat)) continue;
      const copy = await this.giveBack(root, kept.stored, kept.path);
      this.#options.logger.warn('a replaced file was still being written to; kept as a copy', {
        copy,
      });
    }
    await removeIfThere(root, DISPLACED);
  }

  /** Moves a version that is the user's to a conflict name beside `path`, and returns that name's path. */
  async giveBack(root: SafeRoot, from: string, path: SyncPath): Promise<SyncPath> {
    const { clock, deviceName, names } = this.#options;
    const parent = await root.stat(names.realPath(parentPath(path)));
    const directory = parent?.kind === 'directory' ? parentPath(path) : ('' as SyncPath);
    const taken = new Set<string>();
    for (;;) {
      const name = conflictCopyName(nameOf(path), {
        device: deviceName,
        timestamp: localTimestamp(clock.now()),
        isTaken: (candidate) => taken.has(candidate),
      });
      const copy = childPath(directory, name);
      try {
        await root.rename(from, names.realPath(copy), 'no-replace');
        return copy;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        taken.add(name);
      }
    }
  }
}
