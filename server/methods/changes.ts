import { DavError } from '../dav-error.ts';
import { fileIdOf } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { ferryExtensions } from '../extensions.ts';
import type { FeedAnswer, SiteFeed } from '../feed/feed.ts';
import { type LineSink, lookUpChanges, statOf } from './look-up-changes.ts';

/** Media type of an answer that tells what has changed. */
export const CHANGES_TYPE = 'application/vnd.ferry.changes';

const PIECE_CHARS = 64 * 1024;

/**
 * Answers where the sequence of changes is, and to a `Ferry-Cursor` what has changed since: moved directories, then
 * everything else as it is now, and last a line with the number of those before it and the next cursor.
 */
export async function sendChanges(exchange: Exchange, feed: SiteFeed): Promise<void> {
  const { path, principal, site } = exchange;
  const stat = await site.look(path);
  if (stat?.kind !== 'directory') throw new DavError(404, `/${path}: no collection is there`);
  const headers = {
    ferry: ferryExtensions(site),
    'ferry-collection': fileIdOf(stat),
    ...(site.rootId === null ? {} : { 'ferry-root-id': site.rootId }),
  };
  const given = exchange.header('ferry-cursor');
  if (given === undefined) {
    const cursor = await feed.now(principal, path);
    return sendAll(exchange, headers, lastLine(feed, cursor, 0));
  }
  const answer = await feed.since(principal, path, given);
  if (answer === null)
    throw new DavError(410, 'the cursor cannot be followed: list everything, and ask for another', {
      headers,
    });
  if (answer.changes.length === 0 && answer.moves.length === 0)
    return sendAll(exchange, headers, lastLine(feed, answer.cursor, 0));
  await sendAnswer(new Lines(exchange, headers), { exchange, feed, answer });
}

async function sendAnswer(
  lines: Lines,
  parts: { readonly exchange: Exchange; readonly feed: SiteFeed; readonly answer: FeedAnswer },
): Promise<void> {
  const { exchange, feed, answer } = parts;
  try {
    for (const { from, path, present } of answer.moves) {
      const stat = present === null ? null : await statOf(exchange, present);
      lines.add({ path, kind: 'moved', from, ...(stat === null ? {} : { id: fileIdOf(stat) }) });
    }
    await lookUpChanges(exchange, answer, lines);
  } finally {
    await answer.end();
  }
  await lines.end(lastLine(feed, answer.cursor, lines.count));
}

function lastLine({ epoch }: SiteFeed, cursor: string, changes: number): string {
  return `${JSON.stringify({ cursor, epoch, changes })}\n`;
}

function sendAll(exchange: Exchange, headers: Readonly<Record<string, string>>, text: string) {
  exchange.send(200, { ...headers, ...TYPE }, text);
}

const TYPE = { 'content-type': CHANGES_TYPE, 'cache-control': 'no-store' };

/** An answer with one JSON value in a line; a small one is sent as a whole, a larger one as a stream. */
class Lines implements LineSink {
  readonly #exchange: Exchange;
  readonly #headers: Readonly<Record<string, string>>;
  #text = '';
  #count = 0;

  constructor(exchange: Exchange, headers: Readonly<Record<string, string>>) {
    this.#exchange = exchange;
    this.#headers = headers;
  }

  get count(): number {
    return this.#count;
  }

  add(line: object): void {
    this.#text += `${JSON.stringify(line)}\n`;
    this.#count++;
  }

  async breathe(): Promise<void> {
    if (this.#text.length >= PIECE_CHARS) await this.#flush();
  }

  async end(last: string): Promise<void> {
    this.#text += last;
    if (!this.#exchange.response.headersSent)
      return sendAll(this.#exchange, this.#headers, this.#text);
    await this.#flush();
    this.#exchange.response.end();
  }

  async #flush(): Promise<void> {
    const { response } = this.#exchange;
    if (!response.headersSent) response.writeHead(200, { ...this.#headers, ...TYPE });
    const text = this.#text;
    this.#text = '';
    await this.#exchange.write(text);
  }
}
