import type { Cursor, Feed, FeedChange } from '../../core/feed.ts';
import type { Entry } from '../../core/model/entry.ts';
import { childPath, isAtOrBelow, rebasePath, type SyncPath } from '../../core/model/path.ts';

interface Move {
  readonly number: number;
  readonly from: SyncPath;
  readonly path: SyncPath;
  readonly identity?: string;
}

/** How the present state of what was touched is found out. */
export interface JournalledTree {
  entryAt(path: SyncPath): Entry | null;
  namesIn(directory: SyncPath): readonly string[];
}

/** What has happened to a tree, in order; answers as a server with a change feed does. */
export class TreeJournal {
  readonly #tree: JournalledTree;
  #touched = new Map<SyncPath, number>();
  #moves: Move[] = [];
  #last = 0;
  #oldest = 0;
  #epoch = 1;

  constructor(tree: JournalledTree) {
    this.#tree = tree;
  }

  /** Something was made, changed or removed at the path. */
  touch(path: SyncPath): void {
    this.#last++;
    this.#touched.set(path, this.#last);
  }

  /** A directory was renamed with all that is in it; what is known of paths below it is about the new ones now. */
  move(from: SyncPath, path: SyncPath, identity: string | undefined): void {
    this.#last++;
    const named = identity === undefined ? {} : { identity };
    this.#moves.push({ number: this.#last, from, path, ...named });
    const touched = new Map<SyncPath, number>();
    for (const [at, number] of this.#touched)
      touched.set(at !== from && isAtOrBelow(at, from) ? rebasePath(at, from, path) : at, number);
    this.#touched = touched;
  }

  /** Refuses all cursors given so far. */
  expire(): void {
    this.#last++;
    this.#oldest = this.#last;
  }

  /** Begins to count anew, as after a backup was restored. */
  beginAnew(): void {
    this.#epoch++;
    this.expire();
  }

  /** Says what has changed since, as it is now. */
  since(cursor: Cursor | null): Feed {
    const epoch = `epoch ${this.#epoch}`;
    const here = `${this.#epoch}.${this.#last}` as Cursor;
    const [of, number = 0] = (cursor ?? '').split('.').map(Number);
    const isFollowed = of === this.#epoch && number >= this.#oldest && number <= this.#last;
    return { cursor: here, epoch, changes: isFollowed ? this.#changesSince(number) : null };
  }

  #changesSince(number: number): readonly FeedChange[] {
    const changes: FeedChange[] = [];
    for (const move of this.#moves)
      if (move.number > number) {
        const { number: _number, ...said } = move;
        changes.push({ type: 'moved', ...said });
      }
    const paths = [...this.#touched].filter(([, last]) => last > number).map(([path]) => path);
    for (const path of paths.sort()) {
      const entry = this.#tree.entryAt(path);
      if (entry === null) changes.push({ type: 'gone', path });
      else changes.push({ type: 'entry', entry });
      if (entry?.kind === 'directory') changes.push(this.#listing(path));
    }
    return changes;
  }

  #listing(directory: SyncPath): FeedChange {
    const entries = this.#tree
      .namesIn(directory)
      .flatMap((name) => this.#tree.entryAt(childPath(directory, name)) ?? []);
    return { type: 'listing', directory, entries };
  }
}
