import { DavError } from '../dav-error.ts';
import type { Exchange } from '../exchange.ts';
import { isNamed, parseXml } from '../xml/parse.ts';
import { DAV } from '../xml/write.ts';
import { syncCollection } from './sync-collection.ts';

/** Answers the one report that there is: `DAV:sync-collection`. */
export async function report(exchange: Exchange): Promise<void> {
  const body = await exchange.xmlBody();
  if (body.length === 0) throw new DavError(400, 'a report is named in the body');
  const root = parseXml(body);
  const { feed } = exchange.site;
  if (feed === null || !isNamed(root, DAV, 'sync-collection'))
    throw new DavError(403, 'there is no such report', { condition: 'supported-report' });
  await syncCollection(exchange, feed, root);
}
