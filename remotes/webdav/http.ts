import { Agent as HttpAgent } from 'node:http';
import { Readable } from 'node:stream';
import got from 'got';
import { throwIfAborted } from '../../core/model/errors.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import { type Answer, answerOf } from './answer.ts';
import { Gate, type Passage } from './gate.ts';
import {
  errorOfNetwork,
  errorOfStatus,
  isNobodyThere,
  isPassing,
  networkCode,
  protocolError,
  type RequestContext,
} from './http-errors.ts';
import { PATIENCE, type Patience, Watch, watchedUpload } from './patience.ts';
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
  /** How long the server may take, where that is not what is usual. */
  readonly patience?: Partial<Patience>;
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
  /** Somebody waits for it: it is not repeated when no connection can be made. */
  readonly isUrgent?: boolean;
  readonly path?: string;
  /** Of an answer that is slow by its nature. */
  readonly patience?: Partial<Patience>;
  readonly signal?: AbortSignal;
}

/** Sends requests to one origin. */
export interface Http {
  send(options: RequestOptions): Promise<Answer>;
  /** Says that the server as a whole does not answer: until it is asked for its root again, requests fail at once. */
  lost(): void;
  close(): void;
  /** Every answer so far took long, however small: the time goes on the way, and more requests fit on it. */
  readonly isFar: boolean;
}

/** The fastest answer of a server that is not far takes less than this. */
const FAR_MS = 8;
/** So many answers say how far a server is. */
const ENOUGH_ANSWERS = 8;
const MAX_TRIES = 4;
/** Waiting for silence to end takes long enough to be done only twice. */
const MAX_SILENT_TRIES = 2;
const MAX_REDIRECTS = 3;
const MAX_WAIT_MS = 20_000;
const FIRST_WAIT_MS = 250;
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
  readonly #gate: Gate;
  readonly #patience: Patience;
  #answers = 0;
  #fastestMs = Number.POSITIVE_INFINITY;

  constructor(options: HttpOptions) {
    this.#options = options;
    const keepAlive = { keepAlive: true, maxFreeSockets: 2 * options.parallelism };
    this.#agent = {
      http: new HttpAgent(keepAlive),
      https: httpsAgent(keepAlive, options.tls),
    };
    const { base, clock, credentials } = options;
    this.#gate = new Gate({ host: base.host, clock });
    this.#patience = { ...PATIENCE, ...options.patience };
    this.#authorization =
      credentials === undefined
        ? null
        : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  }

  async send(options: RequestOptions): Promise<Answer> {
    const context = contextOf(options);
    // What is POSTed to the root is about many paths below it.
    const isAboutRoot = options.url.pathname === this.#options.base.pathname;
    const isFirstLook = isAboutRoot && options.method !== 'POST';
    for (let attempt = 1; ; attempt += 1) {
      throwIfAborted(options.signal);
      const passage = { isFirstLook, isRepeat: attempt > 1, signal: options.signal };
      await this.#gate.enter(passage);
      const startedMs = performance.now();
      const outcome = await this.#attempt(options, context);
      if ('error' in outcome) {
        const { repeatable = false, isUrgent = false } = options;
        const isInVain = isUrgent && isNobodyThere(outcome.error);
        if (!repeatable || isInVain || !mayRepeat(outcome.error, attempt)) {
          throwIfAborted(options.signal);
          throw await errorOfNetwork(outcome.error, context);
        }
        await this.#pause(attempt, 0, options, String(outcome.error));
        continue;
      }
      const { answer } = outcome;
      this.#answers += 1;
      this.#fastestMs = Math.min(this.#fastestMs, performance.now() - startedMs);
      const waitMs = this.#noted(answer, passage);
      if (options.accept.includes(answer.status)) return answer;
      await answer.discard();
      const isWorthIt = BUSY.has(answer.status) && waitMs <= MAX_WAIT_MS;
      if (options.repeatable !== true || attempt >= MAX_TRIES || !isWorthIt)
        throw errorOfStatus(answer.status, context);
      await this.#pause(attempt, waitMs, options, `${answer.status}`);
    }
  }

  get isFar(): boolean {
    return this.#answers >= ENOUGH_ANSWERS && this.#fastestMs >= FAR_MS;
  }

  lost(): void {
    this.#gate.lost();
  }

  close(): void {
    this.#agent.http.destroy();
    this.#agent.https.destroy();
  }

  /** Returns for how long the server asks to wait. */
  #noted(answer: Answer, passage: Passage): number {
    const waitMs = retryAfterMs(answer.header('retry-after'), this.#options.clock.now());
    this.#gate.answered(answer.status, waitMs, passage);
    return waitMs;
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
    const patience = { ...this.#patience, ...options.patience };
    const watch = new Watch((error) => request.destroy(error));
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
      ...(BODYLESS.has(options.method) ? {} : { body: sendable(body ?? '', watch, patience) }),
      agent: this.#agent,
      decompress: false,
      throwHttpErrors: false,
      followRedirect: false,
      retry: { limit: 0 },
      timeout: { connect: patience.connectMs },
      ...(signal === undefined ? {} : { signal }),
    });
    request.once('close', () => watch.end());
    watch.wait(patience.answerMs, 'no answer came');
    return answerOf(request, { context, patience, watch, signal });
  }
}

/** Tells whether a request that may be sent again shall be. */
function mayRepeat(error: unknown, attempt: number): boolean {
  if (!isPassing(error)) return false;
  return attempt < (networkCode(error) === 'ETIMEDOUT' ? MAX_SILENT_TRIES : MAX_TRIES);
}

function sendable(
  body: string | Uint8Array | AsyncIterable<Uint8Array>,
  watch: Watch,
  patience: Patience,
): string | Buffer | Readable {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.length);
  return Readable.from(watchedUpload(body, watch, patience), { objectMode: false });
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
