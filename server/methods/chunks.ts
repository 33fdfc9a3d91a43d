import { chunkAverageFor } from '../../core/model/chunk-average.ts';
import { CHUNKS_TYPE } from '../../protocol/recipe.ts';
import { DavError } from '../dav-error.ts';
import { etagOf, isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';

/** Longer chunks would find nothing again. */
const MAX_AVERAGE_BYTES = 1024 * 1024;

/** Answers with the chunks that the file's present state is cut into. */
export async function sendChunks(exchange: Exchange): Promise<void> {
  const { path, response, site } = exchange;
  const stat = await site.look(path);
  if (stat?.kind !== 'file') throw new DavError(404, `/${path}: no file is there`);
  const etag = etagOf(stat);
  if (await exchange.check(stat, true)) return exchange.send(304, { etag });
  const averageBytes = averageFor(exchange, stat.sizeBytes);
  const list = await site.chunkLists.of(`${stat.dev} ${etag} ${averageBytes}`, async (signal) => {
    const { before, after, hash, chunks } = await site.root.chunkFile(path, averageBytes, {
      signal,
    });
    if (etagOf(before) !== etag || !isSameContent(before, after))
      throw new DavError(412, `/${path} changed while it was cut into chunks`);
    return { hash, chunks };
  });
  response.writeHead(200, {
    etag,
    'content-type': CHUNKS_TYPE,
    'content-length': list.chunks.length,
    'ferry-chunk-bytes': averageBytes,
    'ferry-hash': list.hash,
  });
  if (exchange.method !== 'HEAD') await exchange.write(list.chunks);
  response.end();
}

/** The client may ask for longer chunks, and so for a shorter list. @throws DavError 400 */
function averageFor(exchange: Exchange, sizeBytes: number): number {
  const smallest = chunkAverageFor(sizeBytes);
  const wish = exchange.header('ferry-chunk-bytes');
  if (wish === undefined) return smallest;
  if (!/^\d{1,9}$/.test(wish)) throw new DavError(400, 'Ferry-Chunk-Bytes is a number of bytes');
  return Math.max(smallest, Math.min(Number(wish), MAX_AVERAGE_BYTES));
}
