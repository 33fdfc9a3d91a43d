import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import type { SiteFeed } from '../feed/feed.ts';

/** Media type of an answer that tells of changes as they happen. */
export const EVENTS_TYPE = 'text/event-stream';

const KEEP_ALIVE_MS = 20_000;
/** A reader that is so far behind is cut off; it asks the feed when it comes back. */
const MAX_BEHIND_BYTES = 64 * 1024;

/** Answers with hints of what changes at and below the collection, until either side ends it. */
export async function sendEvents(exchange: Exchange, feed: SiteFeed): Promise<void> {
  const { path, principal, response, site } = exchange;
  const stat = await site.look(path);
  if (stat?.kind !== 'directory') throw new DavError(404, `/${path}: no collection is there`);
  let send = (_: string): void => undefined;
  const stopListening = feed.listen(principal, path, (paths) =>
    send(`event: changes\ndata: ${JSON.stringify({ paths })}\n\n`),
  );
  if (stopListening === null)
    throw new DavError(429, 'you listen to too many collections already', {
      headers: { 'retry-after': '60' },
    });
  response.writeHead(200, {
    'content-type': EVENTS_TYPE,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no', // nginx would keep events back
  });
  await new Promise<void>((resolve) => {
    send = (text) => {
      if (response.writableLength > MAX_BEHIND_BYTES) response.destroy();
      else response.write(text);
    };
    const keepAlive = setInterval(() => send(':\n\n'), KEEP_ALIVE_MS);
    const end = (): void => {
      stopListening();
      clearInterval(keepAlive);
      feed.closing.removeEventListener('abort', end);
      response.end();
      resolve();
    };
    response.once('close', end);
    feed.closing.addEventListener('abort', end);
    send(':\n\n'); // tells the client that it is heard from now on
    if (feed.closing.aborted || response.destroyed) end();
  });
}
