import { constants, read } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import type { NodeStat } from '../../native/safe-root.ts';
import { CHUNKS_TYPE } from '../../protocol/recipe.ts';
import { contentTypeOf } from '../content-type.ts';
import { DavError, errnoOf } from '../dav-error.ts';
import { digestField, wantedDigest } from '../digests.ts';
import { etagOf, httpDate, isSameContent, parseHttpDate } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { encodeSegment, isHiddenName } from '../request-path.ts';
import { keptChecksums } from '../storage/kept-checksums.ts';
import { readPieces } from '../storage/read-pieces.ts';
import { closeAsync } from '../storage/stage.ts';
import { escapeXml } from '../xml/write.ts';
import { CHANGES_TYPE, sendChanges } from './changes.ts';
import { sendChunks } from './chunks.ts';
import { EVENTS_TYPE, sendEvents } from './events.ts';
import { LISTINGS_TYPE, sendListings } from './listings.ts';
import { isOfUpload, lookAtUpload } from './resumed-put.ts';
import { sendVersions, VERSIONS_TYPE } from './versions.ts';

const readAsync = promisify(read);

const PIECE_BYTES = 512 * 1024;

/** What a browser may not do with a file that somebody stored here: run scripts, guess types. */
const INERT = { 'content-security-policy': 'sandbox', 'x-content-type-options': 'nosniff' };

interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Answers GET and HEAD: a file, one range of it, or a page that lists a collection. */
export async function get(exchange: Exchange): Promise<void> {
  if (isOfUpload(exchange)) return lookAtUpload(exchange);
  const accept = exchange.header('accept');
  if (accept === VERSIONS_TYPE) return sendVersions(exchange);
  if (accept === CHUNKS_TYPE) return sendChunks(exchange);
  const feed = exchange.method === 'GET' ? exchange.site.feed : null;
  if (accept === CHANGES_TYPE && feed !== null) return await sendChanges(exchange, feed);
  if (accept === EVENTS_TYPE && feed !== null) return await sendEvents(exchange, feed);
  const fd = await openToRead(exchange);
  try {
    const stat = await exchange.site.root.statDescriptor(fd);
    if (stat.kind === 'directory' && exchange.header('ferry-version') === undefined)
      return await sendIndex(exchange, stat);
    if (stat.kind !== 'file' || exchange.hasTrailingSlash) throw notFound(exchange);
    await sendFile(exchange, fd, stat);
  } finally {
    await closeAsync(fd);
  }
}

/** Returns where the content is: `Ferry-Version` names one that was replaced or removed. */
function placeOf(exchange: Exchange): string {
  const id = exchange.header('ferry-version');
  if (id === undefined) return exchange.path;
  const place = exchange.site.versions?.placeOf(id, exchange.path) ?? null;
  if (place === null) throw notFound(exchange);
  return place;
}

async function openToRead(exchange: Exchange): Promise<number> {
  try {
    return await exchange.site.root.open(placeOf(exchange), constants.O_RDONLY);
  } catch (error) {
    const hidden = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO', 'ENAMETOOLONG'];
    if (hidden.includes(errnoOf(error) ?? '')) throw notFound(exchange);
    throw error;
  }
}

function notFound({ path }: Exchange): DavError {
  return new DavError(404, `/${path}: nothing is there`);
}

async function sendFile(exchange: Exchange, fd: number, stat: NodeStat): Promise<void> {
  const etag = etagOf(stat);
  const id = exchange.header('ferry-version');
  const headers = {
    etag,
    'last-modified': httpDate(stat.mtimeNs),
    'accept-ranges': 'bytes',
    ...(id === undefined ? {} : { 'ferry-version': id, 'ferry-mtime': `${stat.mtimeNs}` }),
  };
  if (await exchange.check(stat, true)) return exchange.send(304, headers);
  const checksums = id === undefined ? keptChecksums(exchange.site, exchange.path, stat) : null;
  const range = requestedRange(exchange, stat, etag);
  if (range === 'unsatisfiable')
    throw new DavError(416, `the range lies outside the ${stat.sizeBytes} bytes`, {
      headers: { 'content-range': `bytes */${stat.sizeBytes}` },
    });
  const { start, end } = range ?? { start: 0, end: stat.sizeBytes - 1 };
  exchange.response.writeHead(range === null ? 200 : 206, {
    ...headers,
    ...INERT,
    'content-type': contentTypeOf(exchange.path),
    'content-length': end - start + 1,
    ...(checksums === null ? {} : { 'oc-checksum': checksums }),
    ...(await wantedDigestHeader(exchange, fd, stat)),
    ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${stat.sizeBytes}` }),
  });
  if (exchange.method !== 'HEAD') await sendBytes(exchange, fd, stat, { start, end });
  exchange.response.end();
}

/** The digest of the whole file, when the client asks for it; the file is read once for it alone. */
async function wantedDigestHeader(
  exchange: Exchange,
  fd: number,
  stat: NodeStat,
): Promise<OutgoingHttpHeaders> {
  const name = wantedDigest(exchange.header('want-repr-digest'));
  if (name === null) return {};
  const digest = await digestField(name, readPieces(fd, { start: 0, end: stat.sizeBytes }));
  if (!isSameContent(await exchange.site.root.statDescriptor(fd), stat))
    throw new DavError(409, `/${exchange.path} changed while it was read`);
  return { 'repr-digest': digest };
}

/**
 * Sends the bytes as one state of the file: when a program changed it meanwhile, the connection is cut before the
 * last piece, so that no client takes a mixture of two states for a whole file.
 */
async function sendBytes(
  exchange: Exchange,
  fd: number,
  stat: NodeStat,
  range: ByteRange,
): Promise<void> {
  const length = Math.min(PIECE_BYTES, range.end + 1 - range.start);
  // Two buffers in turns: with a new one for each piece, a third of the work would be to collect the old ones.
  const buffers = [Buffer.allocUnsafe(length), Buffer.allocUnsafe(isOnePiece(range) ? 0 : length)];
  let sending = Promise.resolve();
  try {
    for (let at = range.start, turn = 0; at <= range.end; turn++) {
      const buffer = buffers[turn % 2] ?? Buffer.alloc(0);
      const wanted = Math.min(length, range.end + 1 - at);
      const { bytesRead } = await readAsync(fd, buffer, 0, wanted, at);
      at += bytesRead;
      const isLast = bytesRead === 0 || at > range.end;
      if (isLast && !isSameContent(await exchange.site.root.statDescriptor(fd), stat))
        throw new DavError(409, `/${exchange.path} changed while it was read`);
      if (bytesRead === 0) throw new DavError(500, `/${exchange.path} ended early`);
      await sending;
      sending = exchange.writeOut(buffer.subarray(0, bytesRead));
      sending.catch(() => undefined); // it is awaited before the next piece, or below
    }
  } finally {
    await sending;
  }
}

function isOnePiece({ start, end }: ByteRange): boolean {
  return end + 1 - start <= PIECE_BYTES;
}

/** Returns the one range asked for; null for the whole file, also when several were asked for. */
function requestedRange(
  exchange: Exchange,
  stat: NodeStat,
  etag: string,
): ByteRange | 'unsatisfiable' | null {
  const parts = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(
    exchange.header('range') ?? '',
  );
  if (parts === null || !isRangeCurrent(exchange.header('if-range'), stat, etag)) return null;
  const [, first, last, suffix] = parts;
  const size = stat.sizeBytes;
  const start = first === undefined ? Math.max(0, size - Number(suffix)) : Number(first);
  const end = last === undefined || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== undefined && last !== '' && Number(last) < start) return null;
  return start > end || suffix === '0' ? 'unsatisfiable' : { start, end };
}

/** A date proves a state only when it is exact and lies well in the past (RFC 9110 section 8.8.2.2). */
function isRangeCurrent(ifRange: string | undefined, stat: NodeStat, etag: string): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"') || ifRange.startsWith('W/')) return ifRange === etag;
  return parseHttpDate(ifRange) === Number(stat.mtimeNs / 1_000_000_000n);
}

async function sendIndex(exchange: Exchange, stat: NodeStat): Promise<void> {
  await exchange.check(stat, true);
  if (exchange.header('accept') === LISTINGS_TYPE) return sendListings(exchange);
  const items = await exchange.site.root.list(exchange.path);
  const rows = items.flatMap(({ name, stat: item }) => {
    const isShown = item?.kind === 'file' || item?.kind === 'directory';
    if (name === null || isHiddenName(name) || !isShown) return [];
    const slash = item.kind === 'directory' ? '/' : '';
    return [
      `<li><a href="./${escapeXml(encodeSegment(name))}${slash}">${escapeXml(name)}${slash}</a>`,
    ];
  });
  const title = escapeXml(`/${exchange.path}`);
  const page = `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><ul>${rows.join('\n')}</ul>`;
  exchange.send(
    200,
    {
      'content-type': 'text/html; charset=utf-8',
      'last-modified': httpDate(stat.mtimeNs),
      ...INERT,
    },
    page,
  );
}
