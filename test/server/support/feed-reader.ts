import * as fs from 'node:fs';
import { join } from 'node:path';
import type { NodeStat } from '../../../native/index.ts';
import { etagOf, fileIdOf } from '../../../server/etag.ts';
import { hrefOf } from '../../../server/request-path.ts';
import type { Answer, Fixture } from './running-server.ts';

/** One line of an answer of the feed. */
export interface FeedLine {
  readonly path: string;
  readonly kind: 'moved' | 'file' | 'collection' | 'listing' | 'gone' | 'unknown';
  readonly from?: string;
  readonly etag?: string;
  readonly id?: string;
  readonly members?: number;
  readonly status?: number;
}

/** What is at each path: `collection ID` or the etag of a file. */
export type SeenTree = Map<string, string>;

/** A client that knows of a collection only what the feed tells it, as docs/protocol.md says. */
export class FeedReader {
  readonly tree: SeenTree = new Map();
  #fixture: Pick<Fixture, 'ask' | 'at'>;
  readonly #collection: string;
  readonly #headers: Readonly<Record<string, string>>;
  cursor: string | null = null;
  epoch = '';
  /** How often everything had to be listed. */
  listings = 0;

  constructor(
    fixture: Pick<Fixture, 'ask' | 'at'>,
    options: { readonly collection?: string; readonly headers?: Record<string, string> } = {},
  ) {
    this.#fixture = fixture;
    this.#collection = options.collection ?? '';
    this.#headers = options.headers ?? {};
  }

  /** Asks another server from now on. */
  turnTo(fixture: Pick<Fixture, 'ask' | 'at'>): void {
    this.#fixture = fixture;
  }

  ask(cursor: string | null = this.cursor): Promise<Answer> {
    return this.#fixture.ask('GET', hrefOf(this.#collection, true), {
      accept: 'application/vnd.ferry.changes',
      ...this.#headers,
      ...(cursor === null ? {} : { 'ferry-cursor': cursor }),
    });
  }

  /** Asks, applies what is answered, and returns the lines; null: everything was listed, as the cursor was refused. */
  async follow(): Promise<readonly FeedLine[] | null> {
    const answer = this.cursor === null ? null : await this.ask();
    if (answer?.status === 404) return null;
    if (answer === null || answer.status === 410) {
      const fresh = await this.ask(null);
      if (fresh.status === 404) return null;
      this.#end(fresh);
      this.listings++;
      this.tree.clear();
      for (const [path, seen] of actualTree(this.#fixture.at(this.#collection)))
        this.tree.set(path, seen);
      return null;
    }
    const lines = this.#end(answer);
    applyLines(this.tree, lines);
    return lines;
  }

  /** Takes the last line, and returns those before it. */
  #end(answer: Answer): readonly FeedLine[] {
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
    const lines = answer.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const last = lines.pop();
    if (last.changes !== lines.length) throw new Error('an answer was cut off');
    this.cursor = last.cursor;
    this.epoch = last.epoch;
    return lines;
  }
}

function applyLines(tree: SeenTree, lines: readonly FeedLine[]): void {
  const waiting = [...lines];
  const needed = new Set<string>();
  for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
    const { path } = line;
    if (line.kind === 'moved') moveTree(tree, line.from ?? '', path);
    else if (line.kind === 'gone') removeTree(tree, path);
    else if (line.kind === 'listing') {
      needed.delete(path);
      applyListing(tree, path, waiting.splice(0, line.members ?? 0), needed);
    } else put(tree, line, needed);
  }
  if (needed.size > 0) throw new Error(`new collections without a listing: ${[...needed]}`);
}

function applyListing(
  tree: SeenTree,
  path: string,
  members: readonly FeedLine[],
  needed: Set<string>,
): void {
  const names = new Set(members.map((member) => member.path));
  for (const known of [...tree.keys()])
    if (parentOf(known) === path && !names.has(known)) removeTree(tree, known);
  for (const member of members) put(tree, member, needed);
}

function put(tree: SeenTree, line: FeedLine, needed: Set<string>): void {
  const { path, kind } = line;
  const before = tree.get(path);
  if (kind === 'file') {
    if (before?.startsWith('collection')) removeTree(tree, path);
    tree.set(path, `${line.etag}`);
  } else {
    if (before === undefined || !before.startsWith('collection')) {
      tree.delete(path);
      needed.add(path);
    }
    tree.set(path, `collection ${line.id}`);
  }
}

function within(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}

function removeTree(tree: SeenTree, top: string): void {
  for (const path of [...tree.keys()]) if (within(path, top)) tree.delete(path);
}

function moveTree(tree: SeenTree, from: string, to: string): void {
  const moved = [...tree].filter(([path]) => within(path, from));
  if (moved.length === 0) throw new Error(`${to} came from ${from}, of which nothing is known`);
  removeTree(tree, from);
  removeTree(tree, to);
  for (const [path, seen] of moved) tree.set(to + path.slice(from.length), seen);
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Returns what is in a directory now, without asking the server. */
export function actualTree(directory: string, below = ''): SeenTree {
  const tree: SeenTree = new Map();
  for (const name of fs.readdirSync(join(directory, below))) {
    if (name === '.ferry') continue;
    const path = below === '' ? name : `${below}/${name}`;
    const stats = fs.lstatSync(join(directory, path), { bigint: true });
    const stat: NodeStat = {
      kind: stats.isDirectory() ? 'directory' : 'file',
      dev: stats.dev,
      ino: stats.ino,
      sizeBytes: Number(stats.size),
      mtimeNs: stats.mtimeNs,
      ctimeNs: stats.ctimeNs,
      birthtimeNs: stats.birthtimeNs,
      mode: Number(stats.mode) & 0o7777,
      links: Number(stats.nlink),
    };
    tree.set(path, stats.isDirectory() ? `collection ${fileIdOf(stat)}` : etagOf(stat));
    if (stats.isDirectory())
      for (const [inner, seen] of actualTree(directory, path)) tree.set(inner, seen);
  }
  return tree;
}

/** The tree in one text, for comparisons whose difference can be read. */
export function shown(tree: SeenTree): string {
  return [...tree]
    .map(([path, seen]) => `${path} ${seen}`)
    .sort()
    .join('\n');
}
