import { DavError } from '../dav-error.ts';
import { etagOf } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { appliedHeader, preferencesOf } from '../preferences.ts';
import { hrefOf } from '../request-path.ts';
import { isNamed, parseXml } from '../xml/parse.ts';
import { DAV, escapeXml, multistatus } from '../xml/write.ts';
import {
  applyInstructions,
  isAllowed,
  parseInstructions,
  updateReport,
} from './property-update.ts';

/** Changes properties in the order given, all of them or none (RFC 4918 section 9.2). */
export async function proppatch(exchange: Exchange): Promise<void> {
  const { site, path } = exchange;
  const root = parseXml(await exchange.xmlBody());
  if (!isNamed(root, DAV, 'propertyupdate'))
    throw new DavError(400, 'the body of PROPPATCH is DAV:propertyupdate');
  const instructions = parseInstructions(root);
  await site.turns.run([path], async () => {
    const before = await site.look(path);
    if (before === null) throw new DavError(404, `/${path}: nothing is there`);
    await exchange.check(before);
    exchange.requireUnlocked(path);
    const refused = new Set(instructions.filter((instruction) => !isAllowed(instruction)));
    const isDone = refused.size === 0;
    const stat = isDone ? await applyInstructions(exchange, before, instructions) : before;
    if (isDone) site.changed(path);
    const headers = stat.kind === 'file' ? { etag: etagOf(stat) } : {};
    const { isMinimal } = preferencesOf(exchange);
    if (isDone && isMinimal)
      return exchange.send(200, { ...headers, ...appliedHeader({ isMinimal }) });
    const href = escapeXml(hrefOf(path, stat.kind === 'directory'));
    const report = updateReport(instructions, refused);
    exchange.sendXml(
      207,
      multistatus(`<D:response><D:href>${href}</D:href>${report}</D:response>`),
      headers,
    );
  });
}
