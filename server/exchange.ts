import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { NodeStat } from '../native/safe-root.ts';
import { checkConditions, checkIfLists, isStateBound } from './conditions.ts';
import { DavError } from './dav-error.ts';
import { type IfList, parseIfHeader, submittedTokens } from './if-header.ts';
import { type ParsedTarget, parseReference, type ResourcePath } from './request-path.ts';
import type { Site } from './site.ts';
import { requireSpace } from './storage/space.ts';

/** A body or an answer that makes no progress for this long ends the connection. */
const STALL_MS = 60_000;
const MAX_TEXT_BYTES = 1024 * 1024;
/** Of a body that nobody wants, so much is read away to keep the connection; more ends it. */
const MAX_DRAIN_BYTES = 8 * 1024 * 1024;
const LINGER_MS = 2000;
/** After so much of a body it is looked whether there is still room. */
const SPACE_CHECK_BYTES = 8 * 1024 * 1024;

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly site: Site;
  readonly path: ResourcePath;
  readonly hasTrailingSlash: boolean;
  /** Who signed in; empty when the server asks nobody. */
  readonly principal: string;
  readonly ifLists: readonly IfList[];
  readonly tokens: ReadonlySet<string>;
  readonly #expectsContinue: boolean;
  #hasReadBody = false;

  constructor(parts: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly site: Site;
    readonly target: ParsedTarget;
    readonly principal: string;
    readonly expectsContinue: boolean;
    readonly ifHeader: string | undefined;
  }) {
    this.request = parts.request;
    this.response = parts.response;
    this.site = parts.site;
    this.path = parts.target.path;
    this.hasTrailingSlash = parts.target.hasTrailingSlash;
    this.principal = parts.principal;
    this.#expectsContinue = parts.expectsContinue;
    this.ifLists = parts.ifHeader === undefined ? [] : parseIfHeader(parts.ifHeader);
    this.tokens = submittedTokens(this.ifLists);
  }

  get method(): string {
    return this.request.method ?? '';
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Announced length of the body; null: chunked, only its end tells. */
  get bodyLength(): number | null {
    if (this.request.headers['transfer-encoding'] !== undefined) return null;
    return Number(this.request.headers['content-length'] ?? 0);
  }

  /** Tells whether the client waits for a go-ahead before it sends the body. */
  get expectsContinue(): boolean {
    return this.#expectsContinue;
  }

  /** Tells whether the answer hangs on the exact state of a resource, so that the change must be made atomically. */
  get isStateBound(): boolean {
    return isStateBound(this.request.headers, this.ifLists);
  }

  /** Decides all conditions of the request; true: a read is answered by 304. @throws DavError 412 */
  async check(stat: NodeStat | null, isRead = false): Promise<boolean> {
    const notModified = checkConditions(this.request.headers, stat, isRead);
    const { path, site } = this;
    const host = this.header('host');
    await checkIfLists(this.ifLists, { path, host, locks: site.locks, look: site.look });
    return notModified;
  }

  /** Refuses the change when a lock forbids it. @throws DavError 423 */
  requireUnlocked(path: ResourcePath, reach: { membership?: boolean; tree?: boolean } = {}): void {
    this.site.locks.require(path, this, reach);
  }

  /** The resource that `Destination` names. @throws DavError 400, 404, 502 */
  destination(): ResourcePath {
    const header = this.header('destination');
    if (header === undefined) throw new DavError(400, `${this.method} needs a Destination header`);
    return parseReference(header, this.header('host')).path;
  }

  /** `Depth`, or `byDefault` when it was not sent. @throws DavError 400 for any other value */
  depth(byDefault: '0' | '1' | 'infinity'): '0' | '1' | 'infinity' {
    const header = this.header('depth')?.trim().toLowerCase() ?? byDefault;
    if (header === '0' || header === '1' || header === 'infinity') return header;
    throw new DavError(400, 'Depth is 0, 1 or infinity');
  }

  /** The body, piece by piece; asks a waiting client for it first. Ends with an error when it is cut. */
  async *body(): AsyncIterable<Uint8Array> {
    this.#hasReadBody = true;
    if (this.#expectsContinue) this.response.writeContinue();
    const { socket } = this.request;
    socket.setTimeout(STALL_MS); // Node destroys a socket whose timeout nobody listens to
    try {
      let unchecked = 0;
      for await (const chunk of this.request.iterator({ destroyOnReturn: false })) {
        unchecked += chunk.length;
        if (unchecked >= SPACE_CHECK_BYTES) {
          unchecked = 0;
          // Many bodies at once, or one without a length, can be more than there was room for at first.
          await requireSpace(this.site, 0, true);
        }
        yield chunk;
      }
    } finally {
      socket.setTimeout(0);
    }
    if (!this.request.complete) throw new DavError(400, 'the body was cut');
  }

  /** The whole body of a request that carries XML. @throws DavError 413 */
  xmlBody(): Promise<Uint8Array> {
    return this.smallBody('XML');
  }

  /** The whole body of a request that carries a text of at most 1 MiB. @throws DavError 413 */
  async smallBody(form: 'XML' | 'JSON'): Promise<Uint8Array> {
    const tooLarge = () =>
      new DavError(413, `the ${form} body is larger than ${MAX_TEXT_BYTES} bytes`);
    if ((this.bodyLength ?? 0) > MAX_TEXT_BYTES) throw tooLarge();
    if (this.bodyLength === 0) return Buffer.alloc(0);
    const chunks: Uint8Array[] = [];
    let size = 0;
    // A body of this size has no reason to trickle in for longer.
    const deadline = setTimeout(() => this.request.socket.destroy(), STALL_MS);
    try {
      for await (const chunk of this.body()) {
        size += chunk.length;
        if (size > MAX_TEXT_BYTES) throw tooLarge();
        chunks.push(chunk);
      }
    } finally {
      clearTimeout(deadline);
    }
    return Buffer.concat(chunks);
  }

  /** Answers with a complete body, or with none. */
  send(status: number, headers: OutgoingHttpHeaders = {}, body?: string): void {
    const { response } = this;
    const lingers = this.#mustLinger();
    if (lingers) response.setHeader('connection', 'close');
    const bytes = Buffer.from(body ?? '');
    const hasNone = status === 204 || status === 304;
    response.writeHead(status, {
      ...(hasNone ? {} : { 'content-length': bytes.length }),
      ...headers,
    });
    const sent = this.method === 'HEAD' || hasNone ? Buffer.alloc(0) : bytes;
    if (lingers) this.#linger(sent);
    else response.end(sent);
  }

  sendXml(status: number, xml: string, headers: OutgoingHttpHeaders = {}): void {
    this.send(status, { 'content-type': 'application/xml; charset=utf-8', ...headers }, xml);
  }

  /** Writes a piece of a streamed answer; resolves when there is room for more. @throws when the client has gone */
  async write(piece: string | Uint8Array): Promise<void> {
    const { response } = this;
    if (response.destroyed) throw new DavError(499, 'the client has gone');
    if (response.write(piece) || response.destroyed) return;
    const { socket } = this.request;
    socket.setTimeout(STALL_MS); // Node destroys a socket whose timeout nobody listens to
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
    socket.setTimeout(0);
    if (response.destroyed) throw new DavError(499, 'the client has gone');
  }

  /**
   * Writes a piece of a streamed answer; resolves when it has left, and its buffer may be filled again.
   * @throws when the client has gone
   */
  async writeOut(piece: Uint8Array): Promise<void> {
    const { response } = this;
    if (response.destroyed) throw new DavError(499, 'the client has gone');
    const { socket } = this.request;
    socket.setTimeout(STALL_MS); // Node destroys a socket whose timeout nobody listens to
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off('close', done);
        resolve();
      };
      response.on('close', done);
      response.write(piece, done);
    });
    socket.setTimeout(0);
    if (response.destroyed) throw new DavError(499, 'the client has gone');
  }

  /**
   * A small unread body is read away and the connection lives on; after a large one, or one that a client waiting
   * for its go-ahead may never send, it cannot.
   */
  #mustLinger(): boolean {
    if (this.request.complete || this.bodyLength === 0) return false;
    if (this.#hasReadBody || this.#expectsContinue) return true;
    return (this.bodyLength ?? Number.POSITIVE_INFINITY) > MAX_DRAIN_BYTES;
  }

  /** Reads on for a moment: closing at once would reset the connection before the client has seen the answer. */
  #linger(bytes: Uint8Array): void {
    const { request, response } = this;
    if (this.#expectsContinue && !this.#hasReadBody) {
      response.end(bytes);
      return;
    }
    response.flushHeaders();
    if (bytes.length > 0) response.write(bytes);
    const end = (): void => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(end, LINGER_MS);
    request.once('end', end).once('close', end).resume();
  }
}
