import { Agent as HttpAgent } from 'node:http';
import { Readable } from 'node:stream';
import got, { type Request } from 'got';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import {
  errorOfNetwork,
  errorOfStatus,
  isPassing,
  protocolError,
  type RequestContext,
} from './http-errors.ts';
import { httpsAgent, type TlsTrust } from './tls.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface HttpOptions {
  /** The collection that is synced; nothing is ever sent to another origin. */
  readonly base: URL;
  readonly credentials?: Credentials;
  readonly tls?: TlsTrust;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Connections that are kept open between requests. */
  readonly parallelism: number;
}

export interface RequestOptions {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent once; text and bytes may be sent again. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Statuses that are returned; every other one is thrown as its error. */
  readonly accept: readonly number[];
  /** Sends the request again after a passing failure. Only for what may happen twice. */
  readonly repeatable?: boolean;
  readonly path?: string;
  readonly signal?: AbortSignal;
}

/** An answer whose body has not been read; exactly one of `body`, `text` and `discard` must be used. */
export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** @throws REMOTE_PROTOCOL when it is longer than `maxBytes` */
  text(maxBytes: number): Promise<string>;
  discard(): Promise<void>;
}

/** Sends requests to one origin. */
export interface Http {
  send(options: RequestOptions): Promise<Answer>;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
const STALL_TIMEOUT_MS = 30_000;
const MAX_TRIES = 4;
const MAX_REDIRECTS = 3;
const MAX_WAIT_MS = 20_000;
const FIRST_WAIT_MS = 250;
const DISCARDED_BYTES = 64 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const BUSY = new Set([429, 503]);
const BODYLESS = new Set(['GET', 'HEAD']);

/** Opens the way to a server; no request is made. */
export function openHttp(options: HttpOptions): Http {
  return new GotHttp(options);
}

class GotHttp implements Http {
  readonly #options: HttpOptions;
  readonly #agent: { http: HttpAgent; https: ReturnType<typeof httpsAgent> };
  readonly #authorization: string | null;

  constructor(options: HttpOptions) {
    this.#options = options;
    const keepAlive = { keepAlive: true, maxFreeSockets: options.parallelism };
    this.#agent = {
      http: new HttpAgent(keepAlive),
      https: httpsAgent(keepAlive, options.tls),
    };
    const { credentials } = options;
    this.#authorization =
      credentials === undefined
        ? null
        : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  }

  async send(options: RequestOptions): Promise<Answer> {
    const context = contextOf(options);
    for (let attempt = 1; ; attempt += 1) {
      throwIfAborted(options.signal);
      const outcome = await this.#attempt(options, context);
      const mayRepeat = options.repeatable === true && attempt < MAX_TRIES;
      if ('error' in outcome) {
        if (!mayRepeat || !isPassing(outcome.error)) {
          throwIfAborted(options.signal);
          throw await errorOfNetwork(outcome.error, context);
        }
        await this.#pause(attempt, 0, options, String(outcome.error));
        continue;
      }
      const { answer } = outcome;
      if (options.accept.includes(answer.status)) return answer;
      const waitMs = retryAfterMs(answer.header('retry-after'), this.#options.clock.now());
      await answer.discard();
      if (!mayRepeat || !BUSY.has(answer.status) || waitMs > MAX_WAIT_MS)
        throw errorOfStatus(answer.status, context);
      await this.#pause(attempt, waitMs, options, `${answer.status}`);
    }
  }

  close(): void {
    this.#agent.http.destroy();
    this.#agent.https.destroy();
  }

  async #pause(
    attempt: number,
    atLeastMs: number,
    options: RequestOptions,
    reason: string,
  ): Promise<void> {
    const { clock, logger } = this.#options;
    const waitMs = atLeastMs + FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    logger.debug('request is sent again', { method: options.method, attempt, waitMs, reason });
    await clock.sleep(waitMs, options.signal);
  }

  async #attempt(
    options: RequestOptions,
    context: RequestContext,
  ): Promise<{ answer: Answer } | { error: unknown }> {
    let { url } = options;
    for (let redirects = 0; ; redirects += 1) {
      let answer: Answer;
      try {
        answer = await this.#once(url, options, context);
      } catch (error) {
        return { error };
      }
      const location = answer.header('location');
      if (!REDIRECTS.has(answer.status) || location === undefined) return { answer };
      if (options.accept.includes(answer.status)) return { answer };
      await answer.discard();
      url = this.#redirected(url, location, options, context);
      if (redirects >= MAX_REDIRECTS) throw protocolError(context, 'it is redirected in a circle');
    }
  }

  /** A sign-in that follows a redirect to another server is a sign-in given away. */
  #redirected(from: URL, location: string, options: RequestOptions, context: RequestContext): URL {
    const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
    if (to === null) throw protocolError(context, 'it is redirected to no address');
    if (to.origin !== this.#options.base.origin)
      throw protocolError(
        context,
        `the server sends us on to another one, ${to.origin}, which is not followed (a sign-in page? If it has moved, change the address of the remote)`,
      );
    if (typeof options.body === 'object' && !(options.body instanceof Uint8Array))
      throw protocolError(context, `it has moved to ${to.pathname}; change the address`);
    return to;
  }

  async #once(url: URL, options: RequestOptions, context: RequestContext): Promise<Answer> {
    const { body, signal } = options;
    const request = got.stream(url, {
      // Other methods than got's own list (PROPFIND, LOCK, …) pass through it unchanged.
      method: options.method as 'GET',
      headers: {
        'user-agent': 'ferry',
        'accept-encoding': 'identity',
        ...(this.#authorization === null ? {} : { authorization: this.#authorization }),
        ...options.headers,
      },
      // Without a body, even an empty one, got would wait for one to be piped.
      ...(BODYLESS.has(options.method) ? {} : { body: sendable(body ?? '') }),
      agent: this.#agent,
      decompress: false,
      throwHttpErrors: false,
      followRedirect: false,
      retry: { limit: 0 },
      timeout: { connect: CONNECT_TIMEOUT_MS, socket: STALL_TIMEOUT_MS },
      ...(signal === undefined ? {} : { signal }),
    });
    return answerOf(request, context, signal);
  }
}

function sendable(
  body: string | Uint8Array | AsyncIterable<Uint8Array>,
): string | Buffer | Readable {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.length);
  return Readable.from(body, { objectMode: false });
}

/** Resolves with the head of the answer; an answer that comes before the body is sent counts. */
async function answerOf(
  request: Request,
  context: RequestContext,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const head = await new Promise<{ statusCode: number; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      request.once('response', resolve);
      request.on('error', reject);
      request.once('close', () => reject(new Error('the connection was closed')));
    },
  );
  const header = (name: string): string | undefined => {
    const value = head.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const encoding = header('content-encoding');
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    if (encoding !== undefined && encoding !== 'identity') {
      request.destroy();
      throw protocolError(context, `the body is encoded as ${encoding} although that was refused`);
    }
    try {
      for await (const chunk of request) yield chunk as Uint8Array;
    } catch (error) {
      throwIfAborted(signal);
      throw await errorOfNetwork(error, context);
    } finally {
      request.destroy();
    }
  }
  return {
    status: head.statusCode,
    header,
    body: body(),
    async text(maxBytes) {
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of body()) {
        length += chunk.length;
        if (length > maxBytes) throw protocolError(context, 'the answer is far too long');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString();
    },
    async discard() {
      // A short body is read, so that the connection can be used again; a long or broken one is not worth it.
      let length = 0;
      try {
        for await (const chunk of body()) {
          length += chunk.length;
          if (length > DISCARDED_BYTES) break;
        }
      } catch (error) {
        if (!(error instanceof FerryError)) throw error;
      }
    },
  };
}

/** Returns the milliseconds that a Retry-After header asks to wait; 0 without one. */
export function retryAfterMs(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const until = Date.parse(value);
  return Number.isNaN(until) ? 0 : Math.max(0, until - nowMs);
}

function contextOf(options: RequestOptions): RequestContext {
  const { method, url, path } = options;
  return { method, url: url.href, ...(path === undefined ? {} : { path }) };
}
