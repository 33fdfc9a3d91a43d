import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';

const HEAD = '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">';
const TAIL = '</d:multistatus>';
const COLLECTION = '<d:resourcetype><d:collection/></d:resourcetype>';
const PIECE_BYTES = 64 * 1024;

/** Sends a listing of what was asked for and of whatever `next` makes, until it has so many bytes or nobody reads on. */
export async function endlessListing(
  response: ServerResponse,
  sizeBytes: number,
  next: (index: number) => string,
): Promise<void> {
  function* pieces(): Generator<string, void, undefined> {
    yield HEAD + entry(response.req.url ?? '', COLLECTION);
    let sent = 0;
    for (let index = 0; sent < sizeBytes; ) {
      let piece = '';
      while (piece.length < PIECE_BYTES) piece += next(index++);
      sent += piece.length;
      yield piece;
    }
    yield TAIL;
  }
  response.writeHead(207, { 'content-type': 'application/xml' });
  await pipeline(Readable.from(pieces(), { objectMode: false }), response);
}

/** A file in a listing, with all that Ferry wants to know. */
export function fileEntry(index: number): string {
  return entry(
    `/file-${index}.txt`,
    `<d:resourcetype/><d:getcontentlength>5</d:getcontentlength><d:getetag>"${index}"</d:getetag>`,
  );
}

/** The same file again and again, with properties that nobody asked for. */
export function wordyEntry(): string {
  const words = Array.from(
    { length: 20 },
    (_, index) => `<x:p${index} xmlns:x="x">${'word '.repeat(100)}</x:p${index}>`,
  );
  return entry(
    '/file.txt',
    `<d:resourcetype/><d:getcontentlength>5</d:getcontentlength><d:getetag>"1"</d:getetag>${words.join('')}`,
  );
}

/** An entry of another folder. */
export function strangeEntry(index: number): string {
  return entry(`/../elsewhere/${index}.txt`, '<d:resourcetype/>');
}

/** A document that means a thousand million words. */
export function entityBomb(): string {
  const lines = Array.from(
    { length: 12 },
    (_, index) => `<!ENTITY e${index + 1} "${`&e${index};`.repeat(10)}">`,
  );
  return `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "word">${lines.join('')}]><d:multistatus xmlns:d="DAV:"><d:response><d:href>&e12;</d:href></d:response></d:multistatus>`;
}

/** Some 200 KB that are 200 MB when they are unpacked. */
export function packedBomb(): Buffer {
  return gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '), { level: 9 });
}

function entry(href: string, properties: string): string {
  return `<d:response><d:href>${href}</d:href><d:propstat><d:prop>${properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`;
}
