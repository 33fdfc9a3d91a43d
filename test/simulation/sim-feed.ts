import type { Cursor, Feed } from '../../core/feed.ts';
import type { Entry } from '../../core/model/entry.ts';
import {
  isAtOrBelow,
  isPrivateName,
  nameOf,
  rebasePath,
  type SyncPath,
} from '../../core/model/path.ts';
import { TreeJournal } from '../../remotes/memory/tree-journal.ts';
import { type Inode, namesIn } from './tree.ts';

/** A forgetful server refuses each cursor of that many. */
const FORGETS_EVERY = 5;

/** What the feed goes by of what a server offers. */
export interface FeedTraits {
  readonly identities: boolean;
  /** A forgetful one refuses cursors now and then. */
  readonly feed: 'none' | 'sure' | 'forgetful';
}

/** The change feed of a simulated server: it looks before and after each request at what there is. */
export class SimFeed {
  /** How a node is shown. */
  entryOf: (path: SyncPath, node: Inode) => Entry = () => {
    throw new Error('nobody shows the tree');
  };
  readonly #traits: FeedTraits;
  readonly #journal: TreeJournal;
  #seen = new Map<SyncPath, Inode>();
  #states = new Map<SyncPath, string>();
  #questions = 0;

  constructor(traits: FeedTraits) {
    this.#traits = traits;
    this.#journal = new TreeJournal({
      entryAt: (path) => {
        const node = this.#seen.get(path);
        return node === undefined ? null : this.entryOf(path, node);
      },
      namesIn: (directory) => {
        const node = this.#seen.get(directory);
        return node === undefined ? [] : namesIn(node).filter((name) => !isPrivateName(name));
      },
    });
  }

  beginAnew(): void {
    this.#journal.beginAnew();
  }

  since(cursor: Cursor | null): Feed {
    this.#questions++;
    if (this.#traits.feed === 'forgetful' && this.#questions % FORGETS_EVERY === 0)
      this.#journal.expire();
    return this.#journal.since(cursor);
  }

  /** Journals what is otherwise than when it was looked at last. */
  notice(root: Inode): void {
    if (this.#traits.feed === 'none') return;
    const nodes = nodesBelow(root);
    const states = new Map([...nodes].map(([path, node]) => [path, stateOf(node)]));
    this.#noticeMove(nodes);
    const before = this.#states;
    this.#seen = nodes;
    this.#states = states;
    for (const [path, state] of states) if (before.get(path) !== state) this.#journal.touch(path);
    for (const path of before.keys()) if (!states.has(path)) this.#journal.touch(path);
  }

  /** One directory that went to a free place is a move; anything else is told as what came and what went. */
  #noticeMove(nodes: ReadonlyMap<SyncPath, Inode>): void {
    for (const [from, node] of this.#seen) {
      if (node.kind !== 'directory' || nodes.get(from) === node) continue;
      const path = [...nodes].find(([, other]) => other === node)?.[0];
      if (path === undefined || nodes.has(from) || this.#seen.has(path)) return;
      if (isPrivateName(nameOf(path)) || isPrivateName(nameOf(from))) return;
      const identity = this.#traits.identities ? `${node.ino}:${node.bornMs}` : undefined;
      this.#journal.move(from, path, identity);
      const rebased = [...this.#states].map(
        ([at, state]) => [isAtOrBelow(at, from) ? rebasePath(at, from, path) : at, state] as const,
      );
      this.#states = new Map(rebased);
      return;
    }
  }
}

function nodesBelow(root: Inode): Map<SyncPath, Inode> {
  const found = new Map<SyncPath, Inode>();
  const enter = (directory: Inode, prefix: string): void => {
    for (const name of namesIn(directory)) {
      const node = directory.children.get(name) as Inode;
      found.set(`${prefix}${name}` as SyncPath, node);
      if (node.kind === 'directory') enter(node, `${prefix}${name}/`);
    }
  };
  enter(root, '');
  return found;
}

function stateOf({ kind, ino, change, bornMs }: Inode): string {
  return kind === 'directory' ? `directory ${ino} ${bornMs}` : `${kind} ${ino} ${change}`;
}
