import { statfs } from 'node:fs/promises';
import { isPrivateName } from '../../core/model/path.ts';
import type { Logger } from '../../core/ports.ts';
import {
  type DirectoryListing,
  type SafeRoot,
  surveyAhead,
  type TreeEvent,
  type TreeWatch,
} from '../../native/index.ts';
import { HIDDEN_NAMES } from '../request-path.ts';
import { type ChangeTree, nameOf } from './change-tree.ts';
import type { ChangedDirectory } from './changed-directory.ts';

/** File systems of which other machines change what is in them: NFS, SMB, CIFS, FUSE, 9P, Ceph, AFS, GFS2, OCFS2, Lustre. */
const SHARED_FILE_SYSTEMS = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400, 0x5346414f,
  0x01161970, 0x7461636f, 0x0bd00bd0,
]);
/** The system refuses to watch more. */
const LIMITS = new Set(['ENOSPC', 'ENOMEM', 'EMFILE', 'EIO']);

export interface TreeObserverOptions {
  readonly root: SafeRoot;
  readonly tree: ChangeTree;
  readonly logger: Logger;
  /** Hears of what is noted, for those who wait for hints. */
  readonly onNoted: (path: string) => void;
  /** Null: there is no watch, and each question looks through the whole tree. */
  readonly openWatch: typeof TreeWatch.open | null;
}

/**
 * Notes in the change tree what happens in the served directory: as the kernel tells it, and where that cannot be had
 * (on a network file system, beyond the limit of watches) by a look through the whole tree for each question.
 */
export class TreeObserver {
  readonly #options: TreeObserverOptions;
  #watch: TreeWatch | null = null;
  #isLimited = false;
  #isReady = false;
  #generation = 0;
  #started: Promise<void> = Promise.resolve();
  #scanning: Promise<void> | null = null;
  #nextScan: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: TreeObserverOptions) {
    this.#options = options;
  }

  /** Everything is heard of as it happens. */
  get isExact(): boolean {
    return this.#watch !== null && !this.#isLimited;
  }

  /** The whole tree is watched by now. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get watch(): TreeWatch | null {
    return this.#watch;
  }

  /** Begins to look through the tree; questions wait for the end of that. */
  async open(): Promise<void> {
    const { root, logger, openWatch } = this.#options;
    const { type } = await statfs(root.absolutePath);
    if (openWatch !== null && !SHARED_FILE_SYSTEMS.has(type >>> 0))
      this.#watch = await openWatch(root, {
        ignores: (path) => isPrivateName(nameOf(path)),
        onEvents: (events) => this.#note(events),
        onDirectory: (path, listing) => this.#compare(path, listing),
        hidden: HIDDEN_NAMES,
      });
    if (this.#watch === null)
      logger.warn('changes are not heard of here; each question looks through the whole tree', {
        fileSystem: `0x${type.toString(16)}`,
      });
    this.#started = this.#start();
    this.#started.catch((error: unknown) =>
      logger.error('the served tree could not be looked through', { error: String(error) }),
    );
  }

  /** Resolves when everything is noted that had been done before the call. */
  async upToDate(): Promise<void> {
    await this.#started;
    await this.#watch?.drain();
    if (this.#isLimited) await this.#fallBack();
    if (this.#watch === null) await this.#scanOnce();
  }

  /** Looks through the whole tree again; what has changed without being heard of is noted. */
  async lookAgain(): Promise<void> {
    if (this.#watch === null) await this.#scanOnce();
    else await this.#watch.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#watch?.close();
    await this.#started.catch(() => undefined); // it was logged
    await this.#scanning?.catch(() => undefined); // whoever asked has heard of it
  }

  async #start(): Promise<void> {
    const startedAtMs = performance.now();
    const { tree, logger } = this.#options;
    this.#generation++;
    if (this.#watch === null) return await this.#scanOnce();
    await this.#watch.start();
    if (this.#isClosed) return;
    if (this.#isLimited) return await this.#fallBack();
    this.#isReady = true;
    this.#removeUnseen();
    let directories = 0;
    tree.root.each(() => directories++);
    logger.info('watching the served tree', {
      directories,
      durationMs: Math.round(performance.now() - startedAtMs),
    });
  }

  /** The watches that there are would only take away from those of others. */
  async #fallBack(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    this.#isLimited = false;
    if (watch === null) return;
    this.#options.logger.warn(
      'not all directories can be watched; each question looks through the whole tree (sysctl fs.inotify.max_user_watches)',
      { watched: watch.size },
    );
    await watch.close();
    await this.#scanOnce();
  }

  #note(events: readonly TreeEvent[]): void {
    const { tree, logger } = this.#options;
    for (const event of events)
      switch (event.type) {
        case 'changed':
          if (event.how !== 'closed' && !isPrivateName(nameOf(event.path))) this.#noteChange(event);
          break;
        case 'appeared':
          tree.appear(event.path);
          this.#options.onNoted(event.path);
          break;
        case 'moved':
          tree.move(event.from, event.path);
          this.#options.onNoted(event.from);
          this.#options.onNoted(event.path);
          break;
        case 'overflow':
          logger.warn('the kernel lost track of changes; the served tree is looked through');
          break;
        default:
          this.#noteUnwatched(event.path, event.errno);
      }
  }

  #noteChange({ path, isDirectory, how }: Extract<TreeEvent, { type: 'changed' }>): void {
    if (isDirectory && how === 'gone') this.#options.tree.remove(path);
    else this.#options.tree.touch(path);
    this.#options.onNoted(path);
  }

  #noteUnwatched(path: string, errno: string): void {
    if (LIMITS.has(errno)) this.#isLimited = true;
    const directory = path === '' ? null : this.#options.tree.find(path);
    if (directory !== null) directory.seenIn = this.#generation;
  }

  /** A directory whose listing has another fingerprint than the one that is known has changed in a way not known. */
  #compare(path: string, listing: DirectoryListing): void {
    const { tree } = this.#options;
    const directory = tree.find(path);
    if (directory === null) return;
    directory.seenIn = this.#generation;
    const fingerprint = 'errno' in listing ? null : listing.fingerprint;
    if (directory.fingerprint !== null && directory.fingerprint === fingerprint) return;
    // What is new since this start has been noted as such; of one that is known from before, anything may have changed.
    const isNew =
      directory.fingerprint === null &&
      directory.appeared > tree.movesFloor &&
      directory.own === directory.appeared;
    if (!isNew) {
      tree.list(directory);
      this.#options.onNoted(path);
    }
    tree.settle(directory, fingerprint);
  }

  #removeUnseen(): void {
    const { tree } = this.#options;
    const unseen: ChangedDirectory[] = [];
    tree.root.each((one) => {
      const isTop = one.parent?.seenIn === this.#generation;
      if (isTop && one.seenIn !== this.#generation) unseen.push(one);
    });
    for (const { path } of unseen) {
      tree.remove(path);
      this.#options.onNoted(path);
    }
  }

  /** Questions that arrive while the tree is looked through share the next look. */
  async #scanOnce(): Promise<void> {
    this.#nextScan ??= (this.#scanning ?? Promise.resolve())
      .catch(() => undefined) // that one's failure is told to those who waited for it
      .then(() => {
        this.#nextScan = null;
        this.#scanning = this.#scan();
        return this.#scanning;
      });
    await this.#nextScan;
  }

  async #scan(): Promise<void> {
    this.#generation++;
    const waiting = [''];
    const surveys = surveyAhead(this.#options.root, waiting, (path) => ({ path }), {
      hidden: HIDDEN_NAMES,
      onlyDirectories: true,
    });
    for await (const found of surveys)
      for (const [path, listing] of found) {
        if (this.#isClosed) return;
        this.#compare(path, listing);
        waiting.push(...directoriesIn(listing));
      }
    this.#removeUnseen();
  }
}

function directoriesIn(listing: DirectoryListing): readonly string[] {
  if ('errno' in listing) return [];
  return listing.items.flatMap(({ name, stat }) => {
    if (name === null || stat?.kind !== 'directory' || isPrivateName(name)) return [];
    return [listing.path === '' ? name : `${listing.path}/${name}`];
  });
}
