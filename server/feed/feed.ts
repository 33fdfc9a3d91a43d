import { setMaxListeners } from 'node:events';
import type { Logger } from '../../core/ports.ts';
import { type SafeRoot, TreeWatch } from '../../native/index.ts';
import type { ResourcePath } from '../request-path.ts';
import { placeIn } from '../storage/scoped-root.ts';
import { ChangeTree } from './change-tree.ts';
import { type ChangesSince, changesSince } from './changes-since.ts';
import { type Asker, cursorOf, type Point, pointOf, type Refusal } from './cursors.ts';
import { FeedLog } from './feed-log.ts';
import { type HintListener, Hints } from './hints.ts';
import { TreeObserver } from './tree-observer.ts';
import { Upkeep } from './upkeep.ts';

/** What has changed since a cursor, to be looked up before `end`. */
export interface FeedAnswer extends ChangesSince {
  /** The cursor for the next question. */
  readonly cursor: string;
  /** The number of the latest change that the answer is about. */
  readonly seq: number;
  /** Called when everything was looked up. */
  end(): Promise<void>;
}

/** How a feed hears of changes, and how much it remembers. */
export interface FeedSettings {
  /** False: each question looks through the whole tree, as where the kernel cannot be asked. */
  readonly watch?: boolean;
  readonly limits?: { readonly maxNames?: number; readonly maxMoves?: number };
}

/** What a sync report is about; it tells nothing of moves. */
export interface FeedSync {
  /** Null: everything is asked for. */
  readonly changes: ChangesSince['changes'] | null;
  /** Up to this path, it was told already. */
  readonly after: string | null;
  readonly from: number;
  readonly until: number;
}

/** The change feed as one user sees it: paths are relative to the user's root. */
export interface SiteFeed {
  readonly epoch: string;
  /** The number of the latest change in the whole tree; for metrics, not for clients. */
  readonly seq: number;
  /** Hears of changes that the server has made; to be called before the request is answered. */
  changed(...paths: readonly string[]): void;
  /** Returns a cursor for now: of everything finished before the call, nothing will be told to its holder. */
  now(principal: string, path: string): Promise<string>;
  /** Returns what has changed at and below `path` since the cursor; null: it cannot be followed. */
  since(principal: string, path: string, cursor: string): Promise<FeedAnswer | null>;
  /** Returns what has changed below `path` since the cursor, or since the beginning; null: it cannot be followed. */
  sync(principal: string, path: string, cursor: string | null): Promise<FeedSync | null>;
  /** Returns the cursor of a point that was answered. */
  cursorOf(principal: string, path: string, point: Point): string;
  /** Returns a cursor that has left the server before, for a question that has to be answered at once. */
  latest(principal: string, path: string): string;
  /** Hears of changes at and below `path`; returns what ends it, null: the user listens too often already. */
  listen(principal: string, path: string, listener: HintListener): (() => void) | null;
  /** Is aborted when the server is about to close. */
  readonly closing: AbortSignal;
  within(prefix: ResourcePath): SiteFeed;
}

/** Knows what has changed in the served directory, also across restarts. */
export class Feed implements SiteFeed {
  readonly #tree: ChangeTree;
  readonly #log: FeedLog;
  readonly #observer: TreeObserver;
  readonly #upkeep: Upkeep;
  readonly #hints: Hints;
  readonly #logger: Logger;
  readonly #closing = new AbortController();

  private constructor(parts: {
    readonly tree: ChangeTree;
    readonly log: FeedLog;
    readonly observer: TreeObserver;
    readonly upkeep: Upkeep;
    readonly hints: Hints;
    readonly logger: Logger;
  }) {
    this.#tree = parts.tree;
    this.#log = parts.log;
    this.#observer = parts.observer;
    this.#upkeep = parts.upkeep;
    this.#hints = parts.hints;
    this.#logger = parts.logger;
    setMaxListeners(0, this.#closing.signal); // one for each answer that has no end
  }

  /** Returns the feed of a directory that may be written; null: without the addon, or when it cannot be kept. */
  static async open(
    options: FeedSettings & { readonly root: SafeRoot; readonly logger: Logger },
  ): Promise<Feed | null> {
    const { root, logger } = options;
    // Without the addon, a look through the tree costs more than the listings that the feed spares.
    if (root.backend !== 'native') return null;
    const tree = new ChangeTree(options.limits);
    const log = await FeedLog.open(root, tree, logger);
    if (log === null) return null;
    const hints = new Hints();
    const openWatch = options.watch === false ? null : TreeWatch.open;
    const onNoted = (path: string): void => hints.add(path);
    const observer = new TreeObserver({ root, tree, logger, onNoted, openWatch });
    const upkeep = new Upkeep({ root, tree, log, observer, logger });
    await observer.open();
    upkeep.start();
    return new Feed({ tree, log, observer, upkeep, hints, logger });
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get seq(): number {
    return this.#tree.seq;
  }

  changed(...paths: readonly string[]): void {
    // The kernel has told of it before the call that did it returned: a second note would be a second change. Where
    // the kernel is not asked, each question finds it by a look at everything, and only those who listen are told.
    if (this.#observer.isExact) return;
    for (const path of paths) this.#hints.add(path);
  }

  async now(principal: string, path: string): Promise<string> {
    await this.#observer.upToDate();
    const { seq } = this.#tree;
    await this.#log.give(this.#tree, seq);
    return cursorOf(this.#log, { principal, path }, { seq });
  }

  async since(principal: string, path: string, cursor: string): Promise<FeedAnswer | null> {
    const asker = { principal, path };
    await this.#observer.upToDate();
    const point = await this.#follow(asker, cursor);
    // A point in the middle of a sync report is none in the sequence.
    if (point === null || point.partial !== undefined) return null;
    const found = changesSince(this.#tree, path, point.seq);
    if (found === null) return null;
    const { seq } = this.#tree;
    const isEmpty = found.changes.length === 0;
    const end = isEmpty ? () => undefined : this.#tree.beginAnswer();
    try {
      await this.#log.give(this.#tree, seq);
    } catch (error) {
      end();
      throw error;
    }
    return {
      ...found,
      seq,
      cursor: cursorOf(this.#log, asker, { seq }),
      end: async () => {
        // What was moved while the answer was looked up is heard of while that counts.
        if (!isEmpty) await this.#observer.watch?.drain();
        end();
      },
    };
  }

  cursorOf(principal: string, path: string, point: Point): string {
    return cursorOf(this.#log, { principal, path }, point);
  }

  latest(principal: string, path: string): string {
    return this.cursorOf(principal, path, { seq: this.#log.run.given });
  }

  async sync(principal: string, path: string, cursor: string | null): Promise<FeedSync | null> {
    await this.#observer.upToDate();
    const start: Point = { seq: 0 };
    const point = cursor === null ? start : await this.#follow({ principal, path }, cursor);
    if (point === null) return null;
    const { partial, seq: from } = point;
    const since = from === 0 ? null : changesSince(this.#tree, path, from, { withMoves: false });
    if (from !== 0 && since === null) return null;
    const until = partial?.until ?? this.#tree.seq;
    await this.#log.give(this.#tree, until);
    return { changes: since?.changes ?? null, after: partial?.after ?? null, from, until };
  }

  listen(principal: string, path: string, listener: HintListener): (() => void) | null {
    return this.#hints.listen(principal, path, listener);
  }

  within(prefix: ResourcePath): SiteFeed {
    return viewOf(this, prefix);
  }

  /** Ends what waits for hints, so that the server can close. */
  stop(): void {
    this.#closing.abort();
  }

  async close(): Promise<void> {
    this.stop();
    this.#hints.close();
    await this.#upkeep.close();
    await this.#observer.close();
    await this.#log.give(this.#tree, 0);
    await this.#log.close();
  }

  async #follow(asker: Asker, cursor: string): Promise<Point | null> {
    const point: Point | Refusal = pointOf(this.#log, asker, cursor);
    if (typeof point !== 'string') return point;
    if (point === 'ahead') {
      this.#logger.warn(
        'a client has seen changes that this server knows nothing of: it was put back to an earlier state; a new epoch begins',
      );
      await this.#log.renew(this.#tree);
    }
    return null;
  }
}

function viewOf(feed: Feed, prefix: ResourcePath): SiteFeed {
  const at = (path: string): ResourcePath => placeIn(prefix, path);
  return {
    get epoch() {
      return feed.epoch;
    },
    get seq() {
      return feed.seq;
    },
    closing: feed.closing,
    changed: (...paths) => feed.changed(...paths.map(at)),
    now: (principal, path) => feed.now(principal, at(path)),
    since: (principal, path, cursor) => feed.since(principal, at(path), cursor),
    cursorOf: (principal, path, point) => feed.cursorOf(principal, at(path), point),
    latest: (principal, path) => feed.latest(principal, at(path)),
    sync: (principal, path, cursor) => feed.sync(principal, at(path), cursor),
    listen: (principal, path, listener) => feed.listen(principal, at(path), listener),
    within: (inner) => viewOf(feed, at(inner)),
  };
}
