import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/index.ts';
import { HIDDEN_NAMES } from '../request-path.ts';
import type { ChangeTree } from './change-tree.ts';
import type { ChangedDirectory } from './changed-directory.ts';
import type { FeedLog } from './feed-log.ts';
import type { TreeObserver } from './tree-observer.ts';

/** A directory in which nothing happened for one to two of these gets the fingerprint of its listing. */
const SETTLE_EVERY_MS = 10_000;
/** All listings are compared with their fingerprints so often: some changes are not heard of. */
const VERIFY_EVERY_MS = 15 * 60_000;
const VERIFY_PAUSE_MS = 10;
const DIRECTORIES_AT_ONCE = 32;
const MAX_AT_CLOSE = 1024;

/** In the background: keeps the fingerprints of listings fresh, so that a restart finds only what has changed. */
export class Upkeep {
  readonly #parts: {
    readonly root: SafeRoot;
    readonly tree: ChangeTree;
    readonly log: FeedLog;
    readonly observer: TreeObserver;
    readonly logger: Logger;
  };
  readonly #ending = new AbortController();
  readonly #quiet = new Map<ChangedDirectory, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly root: SafeRoot;
    readonly tree: ChangeTree;
    readonly log: FeedLog;
    readonly observer: TreeObserver;
    readonly logger: Logger;
  }) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      if (!this.#ending.signal.aborted)
        this.#parts.logger.error('the upkeep of the change feed failed', { error: String(error) });
    });
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const { tree, observer } = this.#parts;
    if (!observer.isReady || !observer.isExact) return;
    await this.#running;
    const some = [...tree.unsettled].slice(0, MAX_AT_CLOSE);
    await this.#compare(some).catch(() => undefined); // they are listed after the next start
  }

  async #run(): Promise<void> {
    const { observer, tree, log } = this.#parts;
    const { signal } = this.#ending;
    await observer.upToDate();
    if (signal.aborted) return;
    await log.give(tree, tree.seq);
    let verifiedAtMs = performance.now();
    for (;;) {
      await sleep(SETTLE_EVERY_MS, undefined, { signal, ref: false });
      await log.give(tree, 0);
      if (!observer.isExact) continue;
      await this.#settleQuiet();
      if (performance.now() - verifiedAtMs < VERIFY_EVERY_MS) continue;
      await this.verify();
      verifiedAtMs = performance.now();
    }
  }

  async #settleQuiet(): Promise<void> {
    const { tree, log } = this.#parts;
    const due: ChangedDirectory[] = [];
    for (const directory of tree.unsettled)
      if (this.#quiet.get(directory) === directory.own) due.push(directory);
      else this.#quiet.set(directory, directory.own);
    for (const directory of this.#quiet.keys())
      if (!tree.unsettled.has(directory)) this.#quiet.delete(directory);
    for (let at = 0; at < due.length; at += DIRECTORIES_AT_ONCE)
      await this.#compare(due.slice(at, at + DIRECTORIES_AT_ONCE));
    if (due.length > 0) await log.give(tree, 0);
  }

  /** Compares all listings with what is known of them, slowly. */
  async verify(): Promise<void> {
    const { tree, observer, logger } = this.#parts;
    const all: ChangedDirectory[] = [];
    tree.root.each((one) => all.push(one));
    let missed = 0;
    for (let at = 0; at < all.length; at += DIRECTORIES_AT_ONCE) {
      missed += await this.#compare(all.slice(at, at + DIRECTORIES_AT_ONCE));
      await sleep(VERIFY_PAUSE_MS, undefined, { signal: this.#ending.signal });
    }
    if (missed === 0) return;
    logger.warn('changes were found that nothing was heard of', { directories: missed });
    await observer.lookAgain();
  }

  /**
   * Lists directories and returns how many have changed unheard. Only those count in which nothing is heard of from
   * before the listing until after it: then the listing shows exactly what was noted.
   */
  async #compare(directories: readonly ChangedDirectory[]): Promise<number> {
    const { root, tree, observer } = this.#parts;
    await observer.watch?.drain();
    const before = directories
      .filter((one) => one.isWithin(tree.root))
      .map((directory) => ({ directory, path: directory.path, own: directory.own }));
    const listings = await root.survey(
      before.map(({ path }) => ({ path })),
      { hidden: HIDDEN_NAMES, onlyDirectories: true },
    );
    await observer.watch?.drain();
    let missed = 0;
    for (const [index, { directory, path, own }] of before.entries()) {
      const listing = listings[index];
      const isSame = directory.own === own && tree.at(path) === directory;
      if (listing === undefined || 'errno' in listing || !isSame) continue;
      if (directory.fingerprint !== null && directory.fingerprint !== listing.fingerprint) {
        tree.list(directory);
        missed++;
      }
      tree.settle(directory, listing.fingerprint);
    }
    return missed;
  }
}
