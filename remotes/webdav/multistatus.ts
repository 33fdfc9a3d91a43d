import { SaxesParser } from 'saxes';

/** One property of a resource, as far as Ferry looks into properties. */
export interface DavProperty {
  /** Its text, and that of the elements in it. */
  readonly text: string;
  /** Qualified names of the elements directly in it, as `{namespace}name`. */
  readonly children: readonly string[];
}

/** One `DAV:response`: what a server says about one resource (RFC 4918 section 14.24). */
export interface DavResponse {
  /** As sent: not decoded, not resolved, not trusted. */
  readonly href: string;
  /** Status of the whole response; null when it is in the propstats. */
  readonly status: number | null;
  /** Properties that were found, by `{namespace}name`. */
  readonly properties: ReadonlyMap<string, DavProperty>;
  /** Statuses of all its propstats. */
  readonly propertyStatuses: readonly number[];
}

/** Thrown for a body that is no acceptable multistatus; the message says what was found. */
export class MultistatusError extends Error {
  override readonly name = 'MultistatusError';
}

const MAX_DEPTH = 64;
const MAX_SPAN_BYTES = 64 * 1024;
const FEED_BYTES = 16 * 1024;
/** What Ferry looks at; of other properties, which a server may send in any number, nothing is kept. */
const KEPT: ReadonlySet<string> = new Set([
  '{DAV:}resourcetype',
  '{DAV:}getetag',
  '{DAV:}getlastmodified',
  '{DAV:}getcontentlength',
  '{DAV:}quota-available-bytes',
  '{DAV:}quota-used-bytes',
  '{http://owncloud.org/ns}fileid',
  '{urn:ferry}mtime',
  '{urn:ferry}mode',
  '{urn:ferry}root-id',
]);
const STATUS_LINE = /^\s*HTTP\/\d(?:\.\d)?\s+(\d{3})\b/;

interface Draft {
  href: string;
  status: number | null;
  properties: Map<string, DavProperty>;
  propertyStatuses: number[];
}

interface PropstatDraft {
  status: number | null;
  properties: Map<string, DavProperty>;
}

/**
 * Yields the responses of a multistatus body as they arrive, in batches. Reads no document type (so no entity is ever
 * expanded but XML's own five), nothing deeper than 64 elements, no markup or text longer than 64 KiB.
 * @throws MultistatusError, also when the document ends before its root element does
 */
export async function* parseMultistatus(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly DavResponse[], void, undefined> {
  const reader = new MultistatusReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of body) {
    for (let offset = 0; offset < chunk.length; offset += FEED_BYTES) {
      const slice = chunk.subarray(offset, offset + FEED_BYTES);
      reader.write(decoded(() => decoder.decode(slice, { stream: true })));
    }
    const responses = reader.take();
    if (responses.length > 0) yield responses;
  }
  reader.write(decoded(() => decoder.decode()));
  reader.end();
  const responses = reader.take();
  if (responses.length > 0) yield responses;
}

function decoded(decode: () => string): string {
  try {
    return decode();
  } catch (cause) {
    throw new MultistatusError('the answer is not UTF-8', { cause });
  }
}

class MultistatusReader {
  readonly #parser = new SaxesParser({ xmlns: true });
  /** Names of the open elements. */
  readonly #open: string[] = [];
  #ready: DavResponse[] = [];
  #spanBytes = 0;
  #text = '';
  #response: Draft | null = null;
  #propstat: PropstatDraft | null = null;
  #property: { name: string; depth: number; text: string; children: string[] } | null = null;

  constructor() {
    const parser = this.#parser;
    parser.on('error', (error) => {
      throw new MultistatusError(`the answer is not XML: ${error.message.slice(0, 200)}`);
    });
    parser.on('doctype', () => {
      throw new MultistatusError('the answer has a document type, which no WebDAV server sends');
    });
    parser.on('opentag', (tag) => this.#opened(`{${tag.uri}}${tag.local}`));
    parser.on('closetag', (tag) => this.#closed(`{${tag.uri}}${tag.local}`));
    parser.on('text', (text) => this.#said(text));
    parser.on('cdata', (text) => this.#said(text));
  }

  write(text: string): void {
    this.#spanBytes += text.length;
    this.#parser.write(text);
    if (this.#spanBytes > MAX_SPAN_BYTES)
      throw new MultistatusError('the answer holds a name or text that is far too long');
  }

  end(): void {
    if (this.#open.length > 0) throw new MultistatusError('the answer was cut off');
    this.#parser.close();
  }

  take(): readonly DavResponse[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #opened(name: string): void {
    this.#spanBytes = 0;
    const depth = this.#open.push(name);
    if (depth > MAX_DEPTH) throw new MultistatusError('the answer is nested far too deep');
    if (depth === 1 && name !== '{DAV:}multistatus')
      throw new MultistatusError(`the answer is ${name.slice(0, 100)} instead of a listing`);
    if (this.#property !== null) {
      const isChild = depth === this.#property.depth + 1 && KEPT.has(this.#property.name);
      if (isChild) this.#property.children.push(name);
      return;
    }
    this.#text = '';
    if (depth === 2 && name === '{DAV:}response')
      this.#response = { href: '', status: null, properties: new Map(), propertyStatuses: [] };
    else if (depth === 3 && name === '{DAV:}propstat')
      this.#propstat = { status: null, properties: new Map() };
    else if (depth === 5 && this.#open[3] === '{DAV:}prop' && this.#propstat !== null)
      this.#property = { name, depth, text: '', children: [] };
  }

  #said(text: string): void {
    this.#spanBytes = 0;
    if (this.#property === null) {
      this.#text = bounded(this.#text + text);
      return;
    }
    if (KEPT.has(this.#property.name)) this.#property.text = bounded(this.#property.text + text);
  }

  #closed(name: string): void {
    this.#spanBytes = 0;
    const depth = this.#open.length;
    this.#open.pop();
    if (this.#property !== null) {
      if (depth === this.#property.depth) this.#endProperty(this.#property);
      return;
    }
    if (depth === 2 && this.#response !== null) this.#endResponse(this.#response);
    else if (depth === 3) this.#endOfResponse(name);
    else if (depth === 4 && name === '{DAV:}status' && this.#propstat !== null)
      this.#propstat.status = statusIn(this.#text);
    this.#text = '';
  }

  #endProperty(property: { name: string; text: string; children: string[] }): void {
    this.#property = null;
    const { name, text, children } = property;
    if (this.#propstat !== null && KEPT.has(name))
      this.#propstat.properties.set(name, { text, children });
  }

  #endOfResponse(name: string): void {
    if (this.#response === null) return;
    if (name === '{DAV:}href') this.#response.href = this.#text.trim();
    else if (name === '{DAV:}status') this.#response.status = statusIn(this.#text);
    else if (name === '{DAV:}propstat' && this.#propstat !== null) {
      const status = this.#propstat.status ?? 200;
      this.#response.propertyStatuses.push(status);
      if (status === 200)
        for (const [key, value] of this.#propstat.properties)
          this.#response.properties.set(key, value);
      this.#propstat = null;
    }
  }

  #endResponse(response: Draft): void {
    this.#response = null;
    if (response.href === '') throw new MultistatusError('the answer has an entry without a name');
    this.#ready.push(response);
  }
}

function bounded(text: string): string {
  if (text.length > MAX_SPAN_BYTES)
    throw new MultistatusError('the answer holds a text that is far too long');
  return text;
}

function statusIn(text: string): number | null {
  const digits = STATUS_LINE.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
