import { DavError, toDavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { ferryExtensions } from '../extensions.ts';
import type { Subject, Viewpoint } from '../live-properties.ts';
import { appliedHeader, type Preferences, preferencesOf } from '../preferences.ts';
import {
  childOf,
  encodeSegment,
  hrefOf,
  isHiddenName,
  type ResourcePath,
} from '../request-path.ts';
import { parseXml } from '../xml/parse.ts';
import { escapeXml, NAMESPACES, statusResponse, XML_DECLARATION } from '../xml/write.ts';
import { type PropertyRequest, parsePropertyRequest, propstats } from './property-request.ts';

/** So much of an answer is gathered before it goes to the socket. */
const PIECE_CHARS = 64 * 1024;

/** Lists properties of a resource and, by `Depth`, of what it holds, as a stream with back-pressure. */
export async function propfind(exchange: Exchange): Promise<void> {
  const { site, path } = exchange;
  const depth = exchange.depth('infinity');
  const body = await exchange.xmlBody();
  const request = parsePropertyRequest(body.length === 0 ? null : parseXml(body));
  const stat = await site.look(path);
  if (stat === null) throw new DavError(404, `/${path}: nothing is there`);
  await exchange.check(stat);
  const view = { site, principal: exchange.principal, space: await site.space() };
  const isSingle = depth === '0' || stat.kind === 'file';
  const { isMinimal, isWithoutRoot } = preferencesOf(exchange);
  const preferences = { isMinimal, isWithoutRoot: isWithoutRoot && !isSingle };
  const listing = new Listing(exchange, request, { ...view, ...preferences });
  const subject = { path, stat };
  if (isSingle) listing.add(subject, hrefOf(path, stat.kind === 'directory'));
  else await listing.walk(subject, depth === 'infinity');
  await listing.end();
}

type ListingView = Viewpoint & Preferences;

interface Directory extends Subject {
  readonly href: string;
}

class Listing {
  readonly #exchange: Exchange;
  readonly #request: PropertyRequest;
  readonly #view: ListingView;
  #text = `${XML_DECLARATION}<D:multistatus ${NAMESPACES}>`;
  #isStreaming = false;

  constructor(exchange: Exchange, request: PropertyRequest, view: ListingView) {
    this.#exchange = exchange;
    this.#request = request;
    this.#view = view;
  }

  add(subject: Subject, href: string): void {
    this.#text += `<D:response><D:href>${escapeXml(href)}</D:href>${propstats(this.#request, subject, this.#view)}</D:response>`;
  }

  /** Adds a collection and what it holds; parents come before what they hold. */
  async walk(start: Subject, isDeep: boolean): Promise<void> {
    const waiting: Directory[] = [{ ...start, href: hrefOf(start.path, true) }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const below = await this.#list(next, next.path === start.path);
      if (below === null) continue;
      for (const item of below) {
        const isDirectory = item.stat.kind === 'directory';
        const child = {
          ...item,
          href: `${next.href}${encodeSegment(item.name)}${isDirectory ? '/' : ''}`,
        };
        if (isDirectory && isDeep) waiting.push(child);
        else this.add(child, child.href);
        if (this.#text.length >= PIECE_CHARS) await this.#flush();
      }
    }
  }

  async end(): Promise<void> {
    this.#text += '</D:multistatus>';
    // Every run of a client begins with such a question: it need not ask for the extensions as well.
    const headers = { ferry: ferryExtensions(this.#view.site), ...appliedHeader(this.#view) };
    if (!this.#isStreaming) return this.#exchange.sendXml(207, this.#text, headers);
    await this.#flush();
    this.#exchange.response.end();
  }

  /**
   * Adds the collection itself once it could be listed. One that cannot be is answered with a status instead of
   * properties: it must not look like an empty one.
   */
  async #list(directory: Directory, isStart: boolean): Promise<readonly Member[] | null> {
    try {
      const items = await this.#view.site.root.list(directory.path);
      if (!isStart || !this.#view.isWithoutRoot) this.add(directory, directory.href);
      return items.flatMap(({ name, stat }) => {
        const isShown = stat?.kind === 'file' || stat?.kind === 'directory';
        if (name === null || !isShown || isHiddenName(name)) return [];
        return [{ name, stat, path: childOf(directory.path, name) }];
      });
    } catch (error) {
      const { status } = toDavError(error, directory.path, 'listing');
      if (isStart) throw error;
      if (status !== 404) this.#text += statusResponse(directory.href, status);
      return null;
    }
  }

  async #flush(): Promise<void> {
    if (!this.#isStreaming) {
      this.#isStreaming = true;
      this.#exchange.response.writeHead(207, {
        'content-type': 'application/xml; charset=utf-8',
        ...appliedHeader(this.#view),
      });
    }
    const text = this.#text;
    this.#text = '';
    await this.#exchange.write(text);
  }
}

interface Member extends Subject {
  readonly name: string;
  readonly path: ResourcePath;
}
