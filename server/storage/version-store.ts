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
import type { NodeStat, SafeRoot } from '../../native/safe-root.ts';
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

/** Something that was put away. */
export interface Kept {
  /** Names it among the versions of its path. */
  readonly id: string;
  /** The directories that have new names in them, for the caller to make durable. */
  readonly changed: readonly string[];
}

/** A kept file. */
export interface ServerVersion extends Keepable {
  readonly id: string;
  /** Where it is, below the root. */
  readonly place: string;
  readonly mtimeNs: bigint;
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
   * Moves the file or directory at `from` into the store, as what was at `path`. Null when it could not be kept: the
   * request goes on without. An only copy is one that, as the client says, is nowhere else; it is never removed.
   */
  async keep(from: string, path: string, isOnlyCopy = false): Promise<Kept | null> {
    const { clock, logger, root } = this.#options;
    const name = runFolderName(clock.now(), isOnlyCopy);
    try {
      const stat = await root.stat(from);
      const kept = await this.#moveIn(from, name, path);
      this.#keptBytes += stat?.sizeBytes ?? 0;
      this.#pruneWhenDue();
      return kept;
    } catch (error) {
      logger.warn('what was replaced or removed could not be kept', {
        reason: errnoOf(error) ?? String(error),
      });
      return null;
    }
  }

  async #moveIn(from: string, name: string, path: string): Promise<Kept> {
    for (let count = 1; count <= MAX_FOLDERS; count++) {
      const id = `${name}${count === 1 ? '' : `-${count}`}`;
      const folder = `${VERSIONS}/${id}`;
      const own = `${folder}/${path}`;
      const isTooLong = Buffer.byteLength(own) > MAX_PATH_BYTES;
      const target = isTooLong ? `${folder}/long-path-${randomBytes(6).toString('hex')}` : own;
      try {
        const made = await this.#makeDirectories(parentOf(target), name);
        await this.#options.root.rename(from, target, 'no-replace');
        return { id, changed: [...made, parentOf(target)] };
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
      const versions: ServerVersion[] = [];
      for await (const version of this.list('')) versions.push(version);
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
      const left = new Set(versions.filter((one) => !gone.has(one)).map(({ id }) => id));
      for (const id of new Set(due.map((one) => one.id)))
        if (!left.has(id)) await removeFolder(root, id);
      this.#made.clear();
    } catch (error) {
      logger.warn('old versions could not be removed', { reason: String(error) });
    }
  }

  /** Returns where a version of `path` would be, below the root; null for an id that is none. */
  placeOf(id: string, path: string): string | null {
    return Number.isNaN(runFolderTime(id)) || path === '' ? null : `${VERSIONS}/${id}/${path}`;
  }

  /** Yields what is kept of `path` and of what was below it, the latest first. */
  async *list(path: string): AsyncIterable<ServerVersion> {
    for (const id of await this.#folders()) yield* this.#versionsIn(id, path);
  }

  async #folders(): Promise<readonly string[]> {
    const { root } = this.#options;
    if ((await root.stat(VERSIONS)) === null) return [];
    const items = await root.list(VERSIONS);
    const names = items.flatMap(({ name, stat }) =>
      name !== null && stat?.kind === 'directory' && !Number.isNaN(runFolderTime(name))
        ? [name]
        : [],
    );
    return inOrder(names);
  }

  async *#versionsIn(id: string, path: string): AsyncIterable<ServerVersion> {
    const { root } = this.#options;
    const about = { id, keptAtMs: runFolderTime(id), isOnlyCopy: holdsOnlyCopies(id) };
    const folder = `${VERSIONS}/${id}`;
    for await (const [place, stat] of filesAt(root, path === '' ? folder : `${folder}/${path}`)) {
      const { mtimeNs, sizeBytes } = stat;
      yield { ...about, path: place.slice(folder.length + 1), place, sizeBytes, mtimeNs };
    }
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

/** Yields the file at `place`, or every file below it. */
async function* filesAt(
  root: SafeRoot,
  place: string,
  known?: NodeStat,
): AsyncIterable<readonly [string, NodeStat]> {
  const stat = known ?? (await root.stat(place).catch(() => null)); // longer than a path may be: not there
  if (stat?.kind === 'file') yield [place, stat];
  if (stat?.kind !== 'directory') return;
  for (const { name, stat: item } of await root.list(place))
    if (name !== null && item !== null) yield* filesAt(root, `${place}/${name}`, item);
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
