import { isPrivateName } from '../../core/model/path.ts';
import {
  type DirectoryItem,
  type DirectoryListing,
  type NodeStat,
  surveyAhead,
} from '../../native/index.ts';
import { type DavError, toDavError } from '../dav-error.ts';
import { etagOf, fileIdOf } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import type { Change, ChangesSince } from '../feed/changes-since.ts';
import { HIDDEN_NAMES, type ResourcePath } from '../request-path.ts';

/** So many changes are looked up at once. */
const CHANGES_AT_ONCE = 64;
/** From so many names in one directory on, one look at all of it is cheaper. */
const MANY_NAMES = 16;

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

/** Takes the lines of an answer; `breathe` waits while its reader is slower than the disk. */
export interface LineSink {
  add(line: object): void;
  breathe(): Promise<void>;
}

/** Returns the path of a resource below the collection that a request is about. */
export function placeBelow({ path }: Pick<Exchange, 'path'>, below: string): ResourcePath {
  const joined = path === '' ? below : below === '' ? path : `${path}/${below}`;
  return joined as ResourcePath;
}

/** Looks up what is there now, in groups, and writes a line for each thing; parents come first. */
export async function lookUpChanges(
  exchange: Exchange,
  since: ChangesSince,
  lines: LineSink,
): Promise<void> {
  const { changes, isKnown } = since;
  const fresh: string[] = [];
  for (let at = 0; at < changes.length; at += CHANGES_AT_ONCE) {
    for (const looked of await lookAt(exchange, changes.slice(at, at + CHANGES_AT_ONCE)))
      say(exchange, looked, { lines, isKnown, fresh });
    await lines.breathe();
  }
  const surveys = surveyAhead(
    exchange.site.root,
    fresh,
    (below) => ({ path: placeBelow(exchange, below) }),
    { hidden: HIDDEN_NAMES },
  );
  for await (const found of surveys) {
    for (const [below, listing] of found)
      sayListing(exchange, below, listing, { lines, isKnown: () => false, fresh });
    await lines.breathe();
  }
}

interface Looked {
  readonly change: Change;
  /** Of the directory, where all of it was looked at. */
  readonly listing: DirectoryListing | null;
  /** Of each name, or of the new directory itself. */
  readonly stats: readonly (NodeStat | null)[];
}

interface Saying {
  readonly lines: LineSink;
  readonly isKnown: ChangesSince['isKnown'];
  /** Takes directories that are new to whoever asks, for their listings to follow. */
  readonly fresh: string[];
}

async function lookAt(exchange: Exchange, changes: readonly Change[]): Promise<readonly Looked[]> {
  const { root } = exchange.site;
  const listed = changes.filter((change) => needsListing(change));
  const [listings, stats] = await Promise.all([
    listed.length === 0
      ? []
      : root.survey(
          listed.map(({ path }) => ({ path: placeBelow(exchange, path) })),
          { hidden: HIDDEN_NAMES },
        ),
    Promise.all(
      changes.map((change) =>
        Promise.all(pathsToStat(change).map((path) => statOf(exchange, path))),
      ),
    ),
  ]);
  const byChange = new Map(listed.map((change, index) => [change, listings[index] ?? null]));
  return changes.map((change, index) => ({
    change,
    listing: byChange.get(change) ?? null,
    stats: stats[index] ?? [],
  }));
}

function needsListing(change: Change): boolean {
  return change.type !== 'names' || change.names.length >= MANY_NAMES;
}

function pathsToStat(change: Change): readonly string[] {
  if (change.type === 'tree') return [change.path];
  if (change.type === 'listing' || needsListing(change)) return [];
  return change.names.map((name) => childOf(change.path, name));
}

/** Returns what a client can see there. */
export async function statOf(exchange: Exchange, below: string): Promise<NodeStat | null> {
  return await exchange.site.look(placeBelow(exchange, below));
}

function say(exchange: Exchange, looked: Looked, saying: Saying): void {
  const { change, listing, stats } = looked;
  const { lines } = saying;
  if (change.type === 'names') {
    const found = listing === null ? null : byName(exchange, change.path, listing);
    for (const [index, name] of change.names.entries()) {
      const stat = (found === null ? stats[index] : found.get(name)) ?? null;
      const path = childOf(change.path, name);
      lines.add(lineOf(path, stat));
      // It came after the question was asked, and is told with all that is in it all the same.
      if (stat?.kind === 'directory' && !saying.isKnown(path)) saying.fresh.push(path);
    }
    return;
  }
  const [top = null] = stats;
  const isTree = change.type === 'tree';
  if (isTree) lines.add(lineOf(change.path, top));
  if (listing === null || (isTree && top?.kind !== 'directory')) return;
  const isKnown = isTree ? () => false : saying.isKnown;
  sayListing(exchange, change.path, listing, { ...saying, isKnown });
}

function byName(
  exchange: Exchange,
  below: string,
  listing: DirectoryListing,
): ReadonlyMap<string, NodeStat> {
  if (!('errno' in listing))
    return new Map(membersOf(exchange, below, listing.items).map(({ name, stat }) => [name, stat]));
  if (GONE.has(listing.errno)) return new Map();
  throw failure(exchange, below, listing.errno);
}

function sayListing(
  exchange: Exchange,
  below: string,
  listing: DirectoryListing,
  { lines, isKnown, fresh }: Saying,
): void {
  if ('errno' in listing) {
    sayFailure(exchange, below, listing.errno, lines);
    return;
  }
  const members = membersOf(exchange, below, listing.items);
  lines.add({ path: below, kind: 'listing', members: members.length });
  for (const { name, stat } of members) {
    const path = childOf(below, name);
    lines.add(lineOf(path, stat));
    if (stat.kind === 'directory' && !isKnown(path)) fresh.push(path);
  }
}

function sayFailure(exchange: Exchange, below: string, errno: string, lines: LineSink): void {
  if (below !== '' && GONE.has(errno)) lines.add({ path: below, kind: 'gone' });
  else if (below !== '' && FORBIDDEN.has(errno))
    lines.add({ path: below, kind: 'unknown', status: 403 });
  else throw failure(exchange, below, errno);
}

/** Ends the answer: what is only in the way for a moment must not be taken for what is there. */
function failure(exchange: Exchange, below: string, errno: string): DavError {
  const error = Object.assign(new Error(errno), { code: errno });
  return toDavError(error, placeBelow(exchange, below), 'listing');
}

function membersOf(
  exchange: Exchange,
  below: string,
  items: readonly DirectoryItem[],
): readonly { readonly name: string; readonly stat: NodeStat }[] {
  return items.flatMap(({ name, stat, errno }) => {
    if (name === null || isPrivateName(name) || errno === 'ENOENT') return [];
    if (stat === null) throw failure(exchange, childOf(below, name), errno ?? 'EIO');
    return stat.kind === 'file' || stat.kind === 'directory' ? [{ name, stat }] : [];
  });
}

function lineOf(path: string, stat: NodeStat | null): object {
  if (stat === null) return { path, kind: 'gone' };
  const mode = `0${(stat.mode & 0o777).toString(8).padStart(3, '0')}`;
  const id = fileIdOf(stat);
  if (stat.kind === 'directory') return { path, kind: 'collection', mode, id };
  const { sizeBytes: bytes, mtimeNs } = stat;
  return { path, kind: 'file', etag: etagOf(stat), bytes, mtime: `${mtimeNs}`, mode, id };
}

function childOf(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
