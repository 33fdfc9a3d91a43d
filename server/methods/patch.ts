import { constants } from 'node:fs';
import { DavError } from '../dav-error.ts';
import { parseDigestField, verifying } from '../digests.ts';
import type { Exchange } from '../exchange.ts';
import { requireSpace } from '../storage/space.ts';
import { closeAsync, type Stage } from '../storage/stage.ts';
import { foresee, publishedHeaders, publishStaged } from './publish.ts';
import { requestedMtimeNs } from './write-headers.ts';

/** Media type of the only patch that this server knows. */
export const PARTIAL_UPDATE_TYPE = 'application/x-sabredav-partialupdate';

/** Where the body goes in the file: `end` is the first byte after it that stays. */
interface Splice {
  readonly start: number;
  readonly end: number;
}

/**
 * Replaces a part of a file by the body, or appends to it (SabreDAV's partial update). The new state is made in the
 * stage from the present one and published like a PUT, so that nobody ever sees half of it; a file that was changed
 * meanwhile is left as it is.
 */
export async function patch(exchange: Exchange, stage: Stage): Promise<void> {
  const { site, path } = exchange;
  requirePartialUpdate(exchange);
  const length = exchange.bodyLength;
  if (length === null) throw new DavError(411, 'a partial update needs a Content-Length');
  const mtimeNs = requestedMtimeNs(exchange.header('x-oc-mtime'));
  const digests = parseDigestField('Content-Digest', exchange.header('content-digest'));
  await foresee(exchange);
  if ((await site.look(path)) === null) throw new DavError(404, `/${path}: nothing is there`);
  const source = await site.root.open(path, constants.O_RDONLY);
  try {
    const basis = await site.root.statDescriptor(source);
    if (basis.kind !== 'file') throw new DavError(405, `/${path} is not a file`);
    const { start, end } = spliceOf(exchange.header('x-update-range'), basis.sizeBytes, length);
    await requireSpace(site, Math.max(basis.sizeBytes, start + length));
    const staged = await stage.create();
    try {
      await staged.copy({ fd: source, offset: 0 }, start);
      const received = await staged.fill(verifying(exchange.body(), digests));
      if (received !== length)
        throw new DavError(400, `the body has ${received} bytes instead of ${length}`);
      await staged.copy({ fd: source, offset: end }, basis.sizeBytes - end);
      const published = await publishStaged(exchange, staged, { mtimeNs, basis });
      exchange.send(204, {
        ...publishedHeaders(published),
        ...(mtimeNs === undefined ? {} : { 'x-oc-mtime': 'accepted' }),
      });
    } catch (error) {
      await staged.discard();
      throw error;
    }
  } finally {
    await closeAsync(source);
  }
}

function requirePartialUpdate(exchange: Exchange): void {
  const type = exchange.header('content-type')?.replace(/;.*$/, '').trim().toLowerCase();
  if (type === PARTIAL_UPDATE_TYPE) return;
  throw new DavError(415, `a PATCH is of the type ${PARTIAL_UPDATE_TYPE}`, {
    headers: { 'accept-patch': PARTIAL_UPDATE_TYPE },
  });
}

/** Returns what `X-Update-Range` means for a file of that size. @throws DavError 400, 416 */
function spliceOf(header: string | undefined, sizeBytes: number, length: number): Splice {
  const text = header?.trim().toLowerCase() ?? '';
  const splice = (start: number): Splice => ({ start, end: Math.min(start + length, sizeBytes) });
  if (text === 'append') return splice(sizeBytes);
  const parts = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(text);
  if (parts === null)
    throw new DavError(
      400,
      'X-Update-Range is bytes=FIRST-LAST, bytes=FIRST-, bytes=-COUNT or append',
    );
  const [, first = '', last = '', suffix] = parts;
  const start = suffix === undefined ? Number(first) : sizeBytes - Number(suffix);
  const isOutside = start < 0 || start > sizeBytes;
  if (isOutside || (last !== '' && Number(last) - start + 1 !== length))
    throw new DavError(416, `${text} does not fit ${length} bytes into a file of ${sizeBytes}`, {
      headers: { 'content-range': `bytes */${sizeBytes}` },
    });
  return splice(start);
}
