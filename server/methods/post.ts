import { BATCH_GET_TYPE } from '../../protocol/batch.ts';
import { FRAMES_TYPE } from '../../protocol/frames.ts';
import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { batch } from './batch.ts';
import { batchGet } from './batch-get.ts';

/** Answers the questions of docs/protocol.md that POST carries; the type of the body says which one it is. */
export async function post(exchange: Exchange): Promise<void> {
  const { stage } = exchange.site;
  switch (exchange.header('content-type')) {
    case BATCH_GET_TYPE:
      return await batchGet(exchange);
    case FRAMES_TYPE:
      if (stage === null) throw new DavError(403, 'this server is read-only');
      return await batch(exchange, stage);
    default:
      throw new DavError(415, 'POST carries a batch of Ferry only');
  }
}
