import { isPrivateName } from '../../core/model/path.ts';
import type { NodeStat } from '../../native/index.ts';
import { DavError, errnoOf, toDavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import type { Change } from '../feed/changes-since.ts';
import type { FeedSync, SiteFeed } from '../feed/feed.ts';
import { preferencesOf } from '../preferences.ts';
import { hrefOf } from '../request-path.ts';
import { TOKEN_PREFIX } from '../sync-token.ts';
import { elementsOf, findChild, textOf, type XmlElement } from '../xml/parse.ts';
import { DAV, escapeXml, NAMESPACES, statusResponse, XML_DECLARATION } from '../xml/write.ts';
import { placeBelow } from './look-up-changes.ts';
import { type PropertyRequest, propertiesNamedIn, propstats } from './property-request.ts';

const PIECE_CHARS = 64 * 1024;
const STATS_AT_ONCE = 64;

interface SyncRequest {
  /** Empty: everything is asked for. */
  readonly token: string;
  readonly isDeep: boolean;
  readonly limit: number;
  readonly properties: PropertyRequest;
}

/** One member of the collection, as it is now; null: it has gone. */
interface Member {
  readonly path: string;
  readonly stat: NodeStat | null;
}

/** Answers `DAV:sync-collection` (RFC 6578): what has changed since a token, or everything, at most so much at a time. */
export async function syncCollection(
  exchange: Exchange,
  feed: SiteFeed,
  root: XmlElement,
): Promise<void> {
  const { path, principal, site } = exchange;
  if (exchange.depth('0') !== '0') throw new DavError(400, 'Depth of a sync report is 0');
  const request = parseRequest(root);
  const stat = await site.look(path);
  if (stat?.kind !== 'directory') throw new DavError(404, `/${path}: no collection is there`);
  const cursor = request.token === '' ? null : cursorIn(request.token);
  const sync = await feed.sync(principal, path, cursor);
  if (sync === null || sync.changes?.some(hidesLosses) === true) throw refusedToken();
  await new Report(exchange, feed, { request, sync }).send();
}

/** Nobody can say what has gone from a collection of which only this is known, as the report would have to. */
function hidesLosses(change: Change): boolean {
  return change.type === 'listing' || (change.type === 'tree' && change.mayReplace);
}

function cursorIn(token: string): string {
  if (!token.startsWith(TOKEN_PREFIX)) throw refusedToken();
  return token.slice(TOKEN_PREFIX.length);
}

function refusedToken(): DavError {
  return new DavError(403, 'the sync token cannot be followed; begin without one', {
    condition: 'valid-sync-token',
  });
}

function parseRequest(root: XmlElement): SyncRequest {
  const textIn = (parent: XmlElement, name: string): string | undefined => {
    const element = findChild(parent, DAV, name);
    return element === undefined ? undefined : textOf(element).trim();
  };
  const level = textIn(root, 'sync-level');
  if (level !== '1' && level !== 'infinite') throw new DavError(400, 'sync-level is 1 or infinite');
  const limit = findChild(root, DAV, 'limit');
  const results = limit === undefined ? undefined : textIn(limit, 'nresults');
  if (results !== undefined && !/^[1-9]\d{0,8}$/.test(results))
    throw new DavError(400, 'nresults is a positive number');
  const prop = findChild(root, DAV, 'prop');
  return {
    token: textIn(root, 'sync-token') ?? '',
    isDeep: level === 'infinite',
    limit: results === undefined ? Number.POSITIVE_INFINITY : Number(results),
    properties: propertiesNamedIn(prop === undefined ? [] : elementsOf(prop)),
  };
}

class Report {
  readonly #exchange: Exchange;
  readonly #feed: SiteFeed;
  readonly #request: SyncRequest;
  readonly #sync: FeedSync;
  #text = `${XML_DECLARATION}<D:multistatus ${NAMESPACES}>`;

  constructor(
    exchange: Exchange,
    feed: SiteFeed,
    { request, sync }: { readonly request: SyncRequest; readonly sync: FeedSync },
  ) {
    this.#exchange = exchange;
    this.#feed = feed;
    this.#request = request;
    this.#sync = sync;
  }

  async send(): Promise<void> {
    const { site, principal } = this.#exchange;
    const { isMinimal } = preferencesOf(this.#exchange);
    const view = { site, principal, space: await site.space(), isMinimal };
    const { limit, properties } = this.#request;
    let last: string | null = null;
    let isCut = false;
    let count = 0;
    for await (const { path, stat } of this.#members()) {
      if (count === limit) {
        isCut = true;
        break;
      }
      const place = placeBelow(this.#exchange, path);
      const href = hrefOf(place, stat?.kind === 'directory');
      this.#text +=
        stat === null
          ? statusResponse(href, 404)
          : `<D:response><D:href>${escapeXml(href)}</D:href>${propstats(properties, { path: place, stat }, view)}</D:response>`;
      last = path;
      count++;
      if (this.#text.length >= PIECE_CHARS) await this.#flush();
    }
    await this.#end(isCut && last !== null ? last : null);
  }

  async #end(after: string | null): Promise<void> {
    const { path, principal } = this.#exchange;
    const { from, until } = this.#sync;
    if (after !== null)
      this.#text += statusResponse(
        hrefOf(path, true),
        507,
        '<D:error><D:number-of-matches-within-limits/></D:error>',
      );
    const point = after === null ? { seq: until } : { seq: from, partial: { after, until } };
    const token = `${TOKEN_PREFIX}${this.#feed.cursorOf(principal, path, point)}`;
    this.#text += `<D:sync-token>${token}</D:sync-token></D:multistatus>`;
    if (!this.#exchange.response.headersSent) return this.#exchange.sendXml(207, this.#text);
    await this.#flush();
    this.#exchange.response.end();
  }

  async #flush(): Promise<void> {
    const { response } = this.#exchange;
    if (!response.headersSent)
      response.writeHead(207, { 'content-type': 'application/xml; charset=utf-8' });
    const text = this.#text;
    this.#text = '';
    await this.#exchange.write(text);
  }

  /** Yields what is to be told, in the order of paths, from where the last part of the answer ended. */
  async *#members(): AsyncGenerator<Member, void, undefined> {
    const { after, changes } = this.#sync;
    const isDue = (path: string): boolean => after === null || comparePaths(path, after) > 0;
    if (changes === null) {
      yield* this.#below('', after);
      return;
    }
    const items = this.#items(changes).filter(
      ({ path, isTree }) => isDue(path) || (isTree && isWithin(after, path)),
    );
    for (let at = 0; at < items.length; at += STATS_AT_ONCE) {
      const group = items.slice(at, at + STATS_AT_ONCE);
      const stats = await Promise.all(
        group.map(({ path }) => this.#exchange.site.look(placeBelow(this.#exchange, path))),
      );
      for (const [index, { path, isTree }] of group.entries()) {
        const stat = stats[index] ?? null;
        if (isDue(path)) yield { path, stat };
        if (isTree && stat?.kind === 'directory' && this.#request.isDeep)
          yield* this.#below(path, after);
      }
    }
  }

  #items(changes: readonly Change[]): { readonly path: string; readonly isTree: boolean }[] {
    return changes
      .flatMap((change) =>
        change.type === 'names'
          ? change.names.map((name) => ({ path: childOf(change.path, name), isTree: false }))
          : [{ path: change.path, isTree: true }],
      )
      .filter(({ path }) => this.#request.isDeep || !path.includes('/'))
      .sort((one, other) => comparePaths(one.path, other.path));
  }

  /** All that is below a collection, from behind `after` on. */
  async *#below(top: string, after: string | null): AsyncGenerator<Member, void, undefined> {
    for (const { path, stat } of await this.#list(top)) {
      const isBehind = after === null || comparePaths(path, after) > 0;
      if (isBehind) yield { path, stat };
      const isOpen = isBehind || isWithin(after, path);
      if (stat.kind === 'directory' && this.#request.isDeep && isOpen)
        yield* this.#below(path, after);
    }
  }

  async #list(top: string): Promise<readonly (Member & { readonly stat: NodeStat })[]> {
    const place = placeBelow(this.#exchange, top);
    try {
      const items = await this.#exchange.site.root.list(place);
      return items
        .flatMap(({ name, stat }) => {
          const isShown = stat?.kind === 'file' || stat?.kind === 'directory';
          if (name === null || isPrivateName(name) || !isShown) return [];
          return [{ path: childOf(top, name), stat }];
        })
        .sort((one, other) => comparePaths(one.path, other.path));
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      // What has gone since is told with the next token; of what is forbidden, nothing below can be told.
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM'].includes(errno)) return [];
      throw toDavError(error, place, 'listing');
    }
  }
}

function isWithin(path: string | null, top: string): boolean {
  return path === top || path?.startsWith(`${top}/`) === true;
}

function childOf(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

/** The order in which a tree is walked: each collection before what it holds, and nothing else in between. */
function comparePaths(one: string, other: string): number {
  const names = one.split('/');
  const others = other.split('/');
  for (const [index, name] of names.entries()) {
    const rival = others[index];
    if (rival === undefined) return 1;
    if (name !== rival) return name < rival ? -1 : 1;
  }
  return names.length - others.length;
}
