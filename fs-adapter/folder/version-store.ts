import { randomBytes } from 'node:crypto';
import { conflictCopyName } from '../../core/model/conflict-name.ts';
import { childPath, nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import { codeOf, type NodeStat, type SafeRoot } from '../../native/index.ts';
import {
  appendLines,
  makeDirectories,
  privatePath,
  readLines,
  removeIfThere,
  removeTree,
} from './private-files.ts';
import type { RealNames } from './real-names.ts';

/** Where replaced and removed files are kept, one folder for each run. */
export const VERSIONS = privatePath('versions');
const DISPLACED = privatePath('displaced.ndjson');
const KEEP_DAYS = 30;
const DAY_MS = 86_400_000;
const MAX_FOLDERS_A_RUN = 1000;
const TAKEN = ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'];

/** A version that was put away: where it is now and what it was when it came there. */
export interface KeptVersion {
  readonly path: SyncPath;
  readonly stored: string;
  readonly ino: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
}

export interface VersionStoreOptions {
  readonly names: RealNames;
  readonly deviceName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Returns the name of a run's folder: UTC, so that it sorts and no clock change makes two runs one. */
export function runFolderName(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
}

/** Returns when the run of a folder began, in ms since 1970; NaN for a name that is none of ours. */
export function runFolderTime(name: string): number {
  const match = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)Z/.exec(name);
  return match ? Date.parse(`${match[1]}${match[2]}:${match[3]}:${match[4]}Z`) : Number.NaN;
}

/** Returns the local time as conflict copies carry it. */
function localTimestamp(nowMs: number): string {
  const date = new Date(nowMs);
  const local = new Date(nowMs - date.getTimezoneOffset() * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 19).replaceAll(':', '-')}`;
}

function isKeptVersion(line: unknown): line is KeptVersion {
  const { path, stored } = line as Partial<KeptVersion>;
  return typeof path === 'string' && typeof stored === 'string';
}

function isUntouched(kept: KeptVersion, stat: NodeStat): boolean {
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
  #folder: string;
  #lastPruneMs = Number.NEGATIVE_INFINITY;
  readonly #made = new Set<string>();

  constructor(options: VersionStoreOptions) {
    this.#options = options;
    this.#folder = runFolderName(options.clock.now());
  }

  /** Begins a run: what is put away from now on is kept together. */
  async beginRun(root: SafeRoot): Promise<void> {
    const now = this.#options.clock.now();
    this.#folder = runFolderName(now);
    this.#made.clear();
    if (now - this.#lastPruneMs < DAY_MS) return;
    this.#lastPruneMs = now;
    await pruneVersions(root, now, this.#options.logger);
  }

  /** Moves what is at `from` (a path on the disk) into the store, and returns where it is. */
  async keep(root: SafeRoot, from: string, path: SyncPath): Promise<string> {
    for (let count = 1; count <= MAX_FOLDERS_A_RUN; count++) {
      const folder = `${VERSIONS}/${this.#folder}${count === 1 ? '' : `-${count}`}`;
      try {
        return await this.#moveTo(root, from, `${folder}/${path}`);
      } catch (error) {
        const code = codeOf(error) ?? '';
        if (code === 'ENAMETOOLONG')
          return this.#moveTo(root, from, `${folder}/long-path-${randomBytes(6).toString('hex')}`);
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

  /** Remembers versions that are to be looked at once more: a program may still write to them. */
  async remember(root: SafeRoot, kept: readonly KeptVersion[]): Promise<void> {
    if (kept.length > 0) await appendLines(root, DISPLACED, kept);
  }

  /** Gives what was written to a version after it was put away back to the user, as a conflict copy. */
  async lookAgain(root: SafeRoot): Promise<void> {
    const displaced = await readLines(root, DISPLACED);
    if (displaced.length === 0) return;
    for (const kept of displaced.filter(isKeptVersion)) {
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

/** Removes versions that are older than 30 days. */
export async function pruneVersions(root: SafeRoot, nowMs: number, logger: Logger): Promise<void> {
  if (!(await root.stat(VERSIONS))) return;
  for (const { name } of await root.list(VERSIONS)) {
    if (name === null || !(runFolderTime(name) < nowMs - KEEP_DAYS * DAY_MS)) continue;
    try {
      await removeTree(root, `${VERSIONS}/${name}`);
      logger.info('removed old versions', { folder: name });
    } catch (error) {
      logger.warn('cannot remove old versions', { folder: name, error: String(error) });
    }
  }
}
