import { close } from 'node:fs';
import { promisify } from 'node:util';
import type { Addon } from './addon.ts';
import { NativeRoot } from './native-root.ts';
import type { DirectoryListing, PrivateNames, SafeRoot } from './safe-root.ts';
import { codeOf, errnoName } from './system-error.ts';
import { type TreeEvent, TreeEvents } from './tree-events.ts';
import { rawEvents } from './watch-events.ts';
import { WatchedDirectories } from './watched-directories.ts';

export interface TreeWatchOptions {
  /** Says which paths do not exist for the watch; an ignored directory is not entered. */
  readonly ignores: (path: string, isDirectory: boolean) => boolean;
  /** Hears of events in the order in which they happened, as they are read. */
  readonly onEvents: (events: readonly TreeEvent[]) => void;
  /**
   * Hears of each directory that is watched from now on, with a listing of its directories that was made after that;
   * parents come first.
   */
  readonly onDirectory?: (path: string, listing: DirectoryListing) => void;
  /** Names that the fingerprints of these listings leave out. */
  readonly hidden?: PrivateNames;
}

const DIRECTORIES_AT_ONCE = 64;
const GROUPS_AT_ONCE = 3;
/** A directory that has gone, or is something else by now: the event that says so is on its way. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);
const closeAsync = promisify(close);

/**
 * Hears from the kernel (inotify) what changes in a whole tree; Linux with the addon only. The kernel queues an event
 * before the call that caused it returns, so whoever reads the queue (`drain`) knows of everything that had been done
 * by then. It says nothing of writes through a memory map, of a file's other hard links outside the directory in which
 * it was written, nor of what other machines do on a network file system.
 */
export class TreeWatch {
  readonly #root: NativeRoot;
  readonly #addon: Addon;
  readonly #inotify: number;
  readonly #options: TreeWatchOptions;
  readonly #directories = new WatchedDirectories();
  readonly #events: TreeEvents;
  readonly #unread: Buffer[] = [];
  #stopPolling: () => void = () => undefined;
  #settling: Promise<void> | null = null;
  /** How many reads were made, and how many of them are dealt with. */
  #taken = 0;
  #dealtWith = 0;
  #isClosed = false;

  private constructor(root: NativeRoot, addon: Addon, inotify: number, options: TreeWatchOptions) {
    this.#root = root;
    this.#addon = addon;
    this.#inotify = inotify;
    this.#options = options;
    this.#events = new TreeEvents(this.#directories, options.ignores);
  }

  /**
   * Returns a watch on the tree, which hears nothing until `start`; null where there is none: without the addon, or when
   * the user has too many already. The root is closed by the caller, after the watch.
   */
  static async open(root: SafeRoot, options: TreeWatchOptions): Promise<TreeWatch | null> {
    if (!(root instanceof NativeRoot)) return null;
    const addon = await root.withAddon(async (found) => found);
    const inotify = addon.watchOpen();
    if (inotify < 0) return null;
    const watch = new TreeWatch(root, addon, inotify, options);
    const stop = addon.watchPoll(inotify, () => watch.#take());
    if (typeof stop === 'function') {
      watch.#stopPolling = stop;
      return watch;
    }
    await closeAsync(inotify);
    return null;
  }

  /** How many directories are watched. */
  get size(): number {
    return this.#directories.size;
  }

  /** Watches the whole tree; resolves when it does. Also to look through all of it once more. */
  async start(): Promise<void> {
    this.#events.lookAt('');
    this.#taken++;
    this.#deal();
    await this.#until(this.#taken);
  }

  /** Resolves when `onEvents` has heard of everything that had happened before the call. */
  async drain(): Promise<void> {
    this.#take();
    await this.#until(this.#taken);
  }

  /** Stops listening, and waits for what is under way. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopPolling();
    await this.#settling;
    await closeAsync(this.#inotify);
  }

  /** Reads at once, also while directories are being added: the kernel's queue is short. */
  #take(): void {
    if (this.#isClosed) return;
    const bytes = this.#addon.watchRead(this.#inotify);
    if (typeof bytes === 'number') return;
    this.#unread.push(bytes);
    this.#taken++;
    this.#deal();
  }

  async #until(taken: number): Promise<void> {
    while (this.#dealtWith < taken && this.#settling !== null) await this.#settling;
  }

  #deal(): void {
    if (this.#settling !== null) return;
    const taken = this.#taken;
    const bytes = this.#unread.splice(0);
    for (const [index, part] of bytes.entries()) {
      // The other half of a rename may be in the next read, which is there already.
      for (const raw of rawEvents(part)) this.#events.apply(raw);
      if (index === bytes.length - 1 && this.#events.hasHalf) this.#takeOther();
    }
    this.#unwatch(this.#events.endOfRead());
    this.#tell();
    if (!this.#events.isSettled) {
      this.#settling = this.#settle(taken);
    } else this.#dealtWith = taken;
  }

  /** A rename is two events; the first may have been read in the very moment in which the second was queued. */
  #takeOther(): void {
    const bytes = this.#addon.watchRead(this.#inotify);
    if (typeof bytes === 'number') return;
    for (const raw of rawEvents(bytes)) this.#events.apply(raw);
  }

  #tell(): void {
    const events = this.#events.take();
    if (events.length > 0) this.#options.onEvents(events);
  }

  #unwatch(watches: readonly number[]): void {
    if (watches.length > 0) this.#addon.watchRemove(this.#inotify, Int32Array.from(watches));
  }

  /** Looks at the disk where the events alone leave open what is there now. */
  async #settle(taken: number): Promise<void> {
    try {
      await this.#lookAround();
    } catch (error) {
      this.#events.tell({ type: 'unwatched', path: '', errno: codeOf(error) ?? 'EIO' });
    }
    this.#tell();
    this.#dealtWith = taken;
    this.#settling = null;
    if (this.#taken > taken) this.#deal();
  }

  async #lookAround(): Promise<void> {
    await this.#verifyMoves();
    const isWhole = this.#events.toLookAt.has('');
    const seen = new Set<number>();
    for (let paths = this.#events.takeToLookAt(); paths.length > 0 && !this.#isClosed; ) {
      const groups: (readonly string[])[] = [];
      while (paths.length > 0 && groups.length < GROUPS_AT_ONCE)
        groups.push(paths.splice(0, DIRECTORIES_AT_ONCE));
      const below = await Promise.all(groups.map((group) => this.#add(group, seen)));
      for (const found of below) for (const path of found) paths.push(path);
      this.#tell();
    }
    if (isWhole && !this.#isClosed) this.#forgetAllBut(seen);
  }

  /** Watches directories, then lists them, and returns the directories in them. */
  async #add(paths: readonly string[], seen: Set<number>): Promise<readonly string[]> {
    const watches = await this.#watch(paths);
    const added: string[] = [];
    for (const [index, path] of paths.entries()) {
      const watch = watches[index] ?? 0;
      if (watch < 0) {
        const errno = errnoName(-watch);
        if (!GONE.has(errno)) this.#events.tell({ type: 'unwatched', path, errno });
        continue;
      }
      const stale = this.#directories.put(path, watch);
      if (stale === null) continue; // what is above it has gone or moved meanwhile; an event is on its way
      this.#unwatch(stale);
      seen.add(watch);
      added.push(path);
    }
    if (added.length === 0) return [];
    const { hidden, onDirectory, ignores } = this.#options;
    const listings = await this.#root.survey(
      added.map((path) => ({ path })),
      { onlyDirectories: true, ...(hidden === undefined ? {} : { hidden }) },
    );
    return listings.flatMap((listing) => {
      onDirectory?.(listing.path, listing);
      if ('errno' in listing) return [];
      return listing.items.flatMap(({ name, stat }) => {
        if (name === null || stat?.kind !== 'directory') return [];
        const path = listing.path === '' ? name : `${listing.path}/${name}`;
        return ignores(path, true) ? [] : [path];
      });
    });
  }

  async #watch(paths: readonly string[]): Promise<readonly number[]> {
    const words = await this.#root.withAddon((addon, root) =>
      addon.watchAdd(this.#inotify, root, paths),
    );
    return typeof words === 'number'
      ? paths.map(() => words)
      : [...new BigInt64Array(words)].map(Number);
  }

  /**
   * A rename may have been one of an exchange, or what has the name now came later: a directory whose watch is found
   * at its new path is the one that moved. Where nothing is found, it has gone on, and another event says where.
   */
  async #verifyMoves(): Promise<void> {
    const moves = this.#events.takeMoves();
    if (moves.length === 0) return;
    const paths = moves.flatMap(({ directory, from }) => [directory.path, from]);
    const watches = await this.#watch(paths);
    for (const [index, { directory, from }] of moves.entries()) {
      const [there = -1, before = -1] = watches.slice(2 * index, 2 * index + 2);
      if (there >= 0 && there !== directory.watch) {
        const { path } = directory;
        this.#unwatch(this.#directories.forget(directory));
        this.#events.lookAt(path);
        this.#events.tell({ type: 'appeared', path });
      }
      if (before < 0 || this.#directories.of(before) !== undefined) continue;
      this.#events.lookAt(from);
      this.#events.tell({ type: 'appeared', path: from });
    }
  }

  #forgetAllBut(seen: ReadonlySet<number>): void {
    const gone = [...this.#directories.all()].filter(
      ({ watch, parent }) => !seen.has(watch) && (parent === null || seen.has(parent.watch)),
    );
    for (const directory of gone) {
      const { path } = directory;
      this.#unwatch(this.#directories.forget(directory));
      this.#events.tell({ type: 'changed', path, isDirectory: true, how: 'gone' });
    }
  }
}
