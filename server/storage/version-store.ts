import { randomBytes } from 'node:crypto';
import {
  bytesOf,
  type Keepable,
  type KeepVersions,
  keptSince,
  roomFor,
  versionsDue,
} from '../../core/model/keep-versions.ts';
import {
  holdsOnlyCopies,
  inOrder,
  runFolderName,
  runFolderTime,
} from '../../core/model/version-folder.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';

/** The same place and layout as that of a folder that is synced. */
const VERSIONS = '.ferry/versions';
const MAX_FOLDERS = 1000;
/** Linux takes 4096; programs that name a version from the root of the file system need some of it. */
const MAX_PATH_BYTES = 4000;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_EVERY_BYTES = 64 * 1024 * 1024;
const TAKEN = new Set(['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY']);

export interface ServerVersionsOptions {
  readonly root: SafeRoot;
  readonly keep: KeepVersions;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

interface Version extends Keepable {
  /** Where it is, below the root. */
  readonly place: string;
  readonly folder: string;
}

/**
 * Keeps what requests replace or remove: whole files under their own paths, in a folder for each second in which
 * something was displaced. Old ones are removed in the background.
 */
export class ServerVersions {
  readonly #options: ServerVersionsOptions;
  readonly #made = new Set<string>();
  #madeIn = '';
  #keptBytes = 0;
  #prunedMs = Number.NEGATIVE_INFINITY;
  #pruning: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: ServerVersionsOptions) {
    this.#options = options;
  }

  /**
   * Moves the file or directory at `from` into the store, as what was at `path`, and returns the directories that have
   * new names in them, for the caller to make durable. Null when it could not be kept: the request goes on without.
   */
  async keep(from: string, path: string): Promise<readonly string[] | null> {
    const { clock, logger, root } = this.#options;
    const name = runFolderName(clock.now());
    try {
      const stat = await root.stat(from);
      const changed = await this.#moveIn(from, name, path);
      this.#keptBytes += stat?.sizeBytes ?? 0;
      this.#pruneWhenDue();
      return changed;
    } catch (error) {
      logger.warn('what was replaced or removed could not be kept', {
        reason: errnoOf(error) ?? String(error),
      });
      return null;
    }
  }

  async #moveIn(from: string, name: string, path: string): Promise<readonly string[]> {
    for (let count = 1; count <= MAX_FOLDERS; count++) {
      const folder = `${VERSIONS}/${name}${count === 1 ? '' : `-${count}`}`;
      const own = `${folder}/${path}`;
      const isTooLong = Buffer.byteLength(own) > MAX_PATH_BYTES;
      const target = isTooLong ? `${folder}/long-path-${randomBytes(6).toString('hex')}` : own;
      try {
        const made = await this.#makeDirectories(parentOf(target), name);
        await this.#options.root.rename(from, target, 'no-replace');
        return [...made, parentOf(target)];
      } catch (error) {
        // Somebody cleared the store away since its directories were made, or something has the name.
        const isGone = errnoOf(error) === 'ENOENT' && this.#made.size > 0;
        if (isGone) this.#made.clear();
        else if (!TAKEN.has(errnoOf(error) ?? '')) throw error;
      }
    }
    throw new Error(`${path}: too many versions of it in one second`);
  }

  /** Makes a directory and those above it, and returns those that they were made in. */
  async #makeDirectories(path: string, name: string): Promise<readonly string[]> {
    if (this.#madeIn !== name) this.#made.clear();
    this.#madeIn = name;
    const segments = path.split('/');
    const changed: string[] = [];
    for (let depth = 1; depth <= segments.length; depth++) {
      const directory = segments.slice(0, depth).join('/');
      if (this.#made.has(directory)) continue;
      try {
        await this.#options.root.makeDirectory(directory, 0o700);
        changed.push(parentOf(directory));
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      this.#made.add(directory);
    }
    return changed;
  }

  #pruneWhenDue(): void {
    const now = this.#options.clock.now();
    const isDue = now - this.#prunedMs >= PRUNE_EVERY_MS || this.#keptBytes >= PRUNE_EVERY_BYTES;
    if (!isDue || this.#isClosed) return;
    this.#prunedMs = now;
    this.#keptBytes = 0;
    this.#pruning = this.#pruning.then(() => this.#prune());
  }

  /** Removes what is past its time or has no room. A failure is logged, and tried again. */
  async #prune(): Promise<void> {
    const { clock, keep, logger, root } = this.#options;
    try {
      const versions = await this.#all();
      const { freeBytes } = await root.space();
      const due = versionsDue(versions, {
        sinceMs: keptSince(keep, clock.now()),
        roomBytes: roomFor(keep, { keptBytes: bytesOf(versions), freeBytes }),
        released: new Set(),
      });
      for (const { place } of due) {
        if (this.#isClosed) return;
        await removeFile(root, place);
      }
      if (due.length > 0) logger.info('removed old versions', { versions: due.length });
      const gone = new Set(due);
      const left = new Set(versions.filter((one) => !gone.has(one)).map(({ folder }) => folder));
      for (const { folder } of due) if (!left.has(folder)) await removeFolder(root, folder);
      this.#made.clear();
    } catch (error) {
      logger.warn('old versions could not be removed', { reason: String(error) });
    }
  }

  async #all(): Promise<readonly Version[]> {
    const { root } = this.#options;
    const items = await root.list(VERSIONS);
    const names = items.flatMap(({ name, stat }) =>
      name !== null && stat?.kind === 'directory' && !Number.isNaN(runFolderTime(name))
        ? [name]
        : [],
    );
    const versions: Version[] = [];
    for (const folder of inOrder(names)) {
      const about = {
        folder,
        keptAtMs: runFolderTime(folder),
        isOnlyCopy: holdsOnlyCopies(folder),
      };
      const top = `${VERSIONS}/${folder}`;
      for await (const [place, sizeBytes] of filesBelow(root, top))
        versions.push({ ...about, place, sizeBytes, path: place.slice(top.length + 1) });
    }
    return versions;
  }

  /** Resolves when nothing is being removed any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pruning;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

async function* filesBelow(
  root: SafeRoot,
  directory: string,
): AsyncIterable<readonly [string, number]> {
  for (const { name, stat } of await root.list(directory)) {
    if (name === null || stat === null) continue;
    const place = `${directory}/${name}`;
    if (stat.kind === 'directory') yield* filesBelow(root, place);
    else yield [place, stat.sizeBytes];
  }
}

/** A client that syncs the same folder may have been faster. */
async function removeFile(root: SafeRoot, place: string): Promise<void> {
  try {
    await root.removeFile(place);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function removeFolder(root: SafeRoot, folder: string): Promise<void> {
  await removeEmpty(root, `${VERSIONS}/${folder}`);
  await removeFile(root, `${VERSIONS}/${folder}.ndjson`);
}

async function removeEmpty(root: SafeRoot, directory: string): Promise<void> {
  try {
    for (const { name, stat } of await root.list(directory))
      if (name !== null && stat?.kind === 'directory')
        await removeEmpty(root, `${directory}/${name}`);
    await root.removeDirectory(directory);
  } catch (error) {
    // Gone already, or something came into it meanwhile.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error;
  }
}
