import { chunkAverageFor } from '../../core/model/chunk-average.ts';
import { CHUNKS_TYPE } from '../../protocol/recipe.ts';
import { DavError } from '../dav-error.ts';
import { etagOf, isSameContent } from '../etag.ts';
import type { Exchange } from '../exchange.ts';

/** Answers with the chunks that the file's present state is cut into. */
export async function sendChunks(exchange: Exchange): Promise<void> {
  const { path, response, site } = exchange;
  const stat = await site.look(path);
  if (stat?.kind !== 'file') throw new DavError(404, `/${path}: no file is there`);
  const etag = etagOf(stat);
  if (await exchange.check(stat, true)) return exchange.send(304, { etag });
  const averageBytes = chunkAverageFor(stat.sizeBytes);
  const list = await site.chunkLists.of(`${stat.dev} ${etag}`, async (signal) => {
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
