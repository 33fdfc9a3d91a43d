import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Grant } from './access/access-list.ts';
import type { ActiveRequests } from './access/active-requests.ts';
import { allowedMethods, type ReadMethod, type WriteMethod } from './allowed-methods.ts';
import { DavError, toDavError } from './dav-error.ts';
import { Exchange } from './exchange.ts';
import { ferryExtensions } from './extensions.ts';
import { hostNameOf, isLoopback } from './loopback.ts';
import { copy, move } from './methods/copy-move.ts';
import { remove } from './methods/delete.ts';
import { get } from './methods/get.ts';
import { lock, unlock } from './methods/lock.ts';
import { mkcol } from './methods/mkcol.ts';
import { PARTIAL_UPDATE_TYPE, patch } from './methods/patch.ts';
import { post } from './methods/post.ts';
import { propfind } from './methods/propfind.ts';
import { proppatch } from './methods/proppatch.ts';
import { put } from './methods/put.ts';
import { report } from './methods/report.ts';
import { hrefOf, parseTarget, ROOT_PATH } from './request-path.ts';
import { type RequestFacts, type RequestRecord, recordRequest } from './request-record.ts';
import { createScopes } from './scope.ts';
import type { SignIn } from './sign-in.ts';
import type { Site } from './site.ts';
import { placeIn } from './storage/scoped-root.ts';
import type { Stage } from './storage/stage.ts';
import { escapeXml, NAMESPACES, XML_DECLARATION } from './xml/write.ts';

type Reader = (exchange: Exchange) => Promise<void> | void;
type Writer = (exchange: Exchange, stage: Stage) => Promise<void> | void;

const READING: Readonly<Record<ReadMethod, Reader>> = {
  OPTIONS: options,
  GET: get,
  HEAD: get,
  PROPFIND: propfind,
  REPORT: report,
  POST: post,
};

const WRITING: Readonly<Record<WriteMethod, Writer>> = {
  PUT: put,
  PATCH: patch,
  DELETE: remove,
  MKCOL: mkcol,
  COPY: copy,
  MOVE: move,
  PROPPATCH: proppatch,
  LOCK: lock,
  UNLOCK: unlock,
};

const READERS: ReadonlyMap<string, Reader> = new Map(Object.entries(READING));
const WRITERS: ReadonlyMap<string, Writer> = new Map(Object.entries(WRITING));

/** What requests are answered with. */
export interface DispatchOptions {
  readonly site: Site;
  /** Null: everybody on this machine may use it. */
  readonly signIn: SignIn | null;
  readonly active: ActiveRequests;
  /** Hears of each request when it has ended. */
  readonly observe?: (record: RequestRecord) => void;
}

/** What everybody on this machine may do when nobody has to sign in. */
const ANYBODY: Grant = {
  user: '',
  tokenId: null,
  root: ROOT_PATH,
  readOnly: false,
  credential: '',
};

const HEALTH = '/.well-known/ferry/health';

/** Answers one request; `expectsContinue`: its body comes only when asked for. */
export type Dispatch = (
  request: IncomingMessage,
  response: ServerResponse,
  expectsContinue: boolean,
) => Promise<void>;

/** Returns the function that answers one request; it never rejects, and a failure ends that request only. */
export function createDispatch(settings: DispatchOptions): Dispatch {
  const { site, active, observe } = settings;
  const viewOf = createScopes(site);
  return async (request, response, expectsContinue) => {
    const facts: RequestFacts = { user: '', tokenId: null, path: null };
    if (observe !== undefined) recordRequest(request, response, facts, observe);
    const arrival = { request, response, expectsContinue };
    let leave: (() => void) | null = null;
    try {
      if (isHealthCheck(request)) return await answerHealth(site, arrival);
      const grant = await authorize(settings, request);
      facts.user = grant.user;
      facts.tokenId = grant.tokenId;
      if (settings.signIn !== null) leave = active.enter(grant, request.socket);
      await answer(viewOf(grant), { ...arrival, principal: grant.user }, facts);
    } catch (error) {
      fail(site, arrival, error);
    } finally {
      leave?.();
    }
  };
}

function isHealthCheck({ method, url = '' }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && url.replace(/\?.*$/, '') === HEALTH;
}

/** Says whether the server can do its work, to anybody, and nothing else. */
async function answerHealth(site: Site, arrival: Arrival): Promise<void> {
  const isReady = await site.root.stat(ROOT_PATH).then(
    (stat) => stat?.kind === 'directory',
    () => false,
  );
  const target = { path: ROOT_PATH, hasTrailingSlash: false };
  const exchange = new Exchange({ ...arrival, site, target, principal: '', ifHeader: undefined });
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const status = isReady ? 'ok' : 'unavailable';
  exchange.send(isReady ? 200 : 503, headers, `${JSON.stringify({ status })}\n`);
}

async function authorize(settings: DispatchOptions, request: IncomingMessage): Promise<Grant> {
  const { signIn } = settings;
  // Explorer and others ask what the server can do before they ask anybody for a password; it is the same for everybody.
  if (
    request.method === 'OPTIONS' &&
    request.headers.authorization === undefined &&
    signIn !== null
  )
    return ANYBODY;
  if (signIn !== null)
    return await signIn.check(request.headers.authorization, request.socket.remoteAddress ?? '');
  // A web page may point its own name at this address and then ask as if it came from here (DNS rebinding).
  if (!isLoopback(hostNameOf(request.headers.host)))
    throw new DavError(421, 'this server answers to the names of this machine only');
  return ANYBODY;
}

interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly expectsContinue: boolean;
}

async function answer(
  site: Site,
  arrival: Arrival & { principal: string },
  facts: RequestFacts,
): Promise<void> {
  const { method = '', url = '' } = arrival.request;
  const isServerWide = method === 'OPTIONS' && url === '*';
  const target = isServerWide ? { path: ROOT_PATH, hasTrailingSlash: true } : parseTarget(url);
  facts.path = placeIn(site.prefix, target.path);
  await requireRoot(site);
  const { if: ifHeader } = arrival.request.headers;
  const exchange = new Exchange({ ...arrival, site, target, ifHeader: ifHeader?.toString() });
  const reader = READERS.get(method);
  if (reader !== undefined) return await reader(exchange);
  const writer = WRITERS.get(method);
  if (writer === undefined)
    throw new DavError(405, `${method} is not supported`, { headers: { allow: allowed(site) } });
  if (site.stage === null) throw new DavError(403, 'nothing can be changed here: it is read-only');
  await writer(exchange, site.stage);
}

/**
 * A root that is missing is an accident of the server (not mounted, renamed): answered as such, not as an empty or a
 * deleted one, from which a client might conclude something.
 */
async function requireRoot(site: Site): Promise<void> {
  if (site.prefix === '' || (await site.look(ROOT_PATH))?.kind === 'directory') return;
  site.logger.warn('the root directory of a user is missing', { root: site.prefix });
  throw new DavError(
    503,
    'the directory of this account is not there; whoever runs the server has to make it',
  );
}

function options(exchange: Exchange): void {
  exchange.send(200, {
    dav: exchange.site.readOnly ? '1' : '1, 2, 3, extended-mkcol, sabredav-partialupdate',
    allow: allowed(exchange.site),
    ...(exchange.site.readOnly ? {} : { 'accept-patch': PARTIAL_UPDATE_TYPE }),
    'ms-author-via': 'DAV',
    'accept-ranges': 'bytes',
    ferry: ferryExtensions(exchange.site),
  });
}

function allowed(site: Site): string {
  return allowedMethods(site).join(', ');
}

function fail(site: Site, arrival: Arrival, error: unknown): void {
  const { request, response } = arrival;
  // The client has gone; nobody is left to tell, and nothing is wrong with the server.
  if (request.socket.destroyed) return;
  const known = toDavError(error, pathForMessage(request.url), request.method ?? '');
  if (known.status >= 500 && known.status !== 507)
    site.logger.error('request failed', { method: request.method, error: describe(error) });
  // After the head has gone out, only a cut connection tells the client that the body is not whole.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  try {
    const target = { path: ROOT_PATH, hasTrailingSlash: false };
    // Without its If header: one that could not be read must not fail the answer as well.
    const exchange = new Exchange({ ...arrival, site, target, principal: '', ifHeader: undefined });
    exchange.sendXml(known.status, errorXml(known), known.headers);
  } catch (cause) {
    site.logger.error('an error could not be answered', { error: describe(cause) });
    response.destroy();
  }
}

function pathForMessage(url: string | undefined): string {
  try {
    return parseTarget(url ?? '/').path;
  } catch {
    return ''; // the path itself was refused, and the message says so
  }
}

function errorXml(error: DavError): string {
  const paths = error.paths.map((path) => `<D:href>${escapeXml(hrefOf(path, false))}</D:href>`);
  const condition =
    error.condition === undefined
      ? ''
      : `<D:${error.condition}>${paths.join('')}</D:${error.condition}>`;
  return `${XML_DECLARATION}<D:error ${NAMESPACES}>${condition}<F:message>${escapeXml(error.message)}</F:message></D:error>`;
}

function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
