import { type ErrorCode, FerryError, type Retry } from '../../core/model/errors.ts';
import { lookAtCertificate, PinMismatch } from './tls.ts';

/** What a request was for, for messages. */
export interface RequestContext {
  readonly method: string;
  readonly url: string;
  /** Path in the pair, where the request is about one. */
  readonly path?: string;
}

const CODE_BY_STATUS: ReadonlyMap<number, readonly [ErrorCode, string]> = new Map([
  [401, ['REMOTE_UNAUTHORIZED', 'the server asks to sign in; check user and password']],
  [403, ['REMOTE_FORBIDDEN', 'the server forbids it; check the permissions there']],
  [404, ['REMOTE_NOT_FOUND', 'it is not on the server']],
  [407, ['REMOTE_UNAUTHORIZED', 'a proxy on the way asks to sign in']],
  [409, ['CHANGED', 'its directory is not there, or what is there does not allow it']],
  [410, ['REMOTE_NOT_FOUND', 'it is not on the server anymore']],
  [412, ['CHANGED', 'something else is there by now']],
  [413, ['REMOTE_QUOTA', 'it is larger than the server accepts']],
  [414, ['NAME_NOT_ALLOWED', 'the path is longer than the server accepts']],
  [423, ['REMOTE_LOCKED', 'someone holds a lock on it; it is tried again later']],
  [429, ['REMOTE_RATE_LIMITED', 'the server asks to slow down; it is tried again later']],
  [502, ['REMOTE_UNREACHABLE', 'a gateway before the server could not reach it']],
  [503, ['REMOTE_UNREACHABLE', 'the server is not available now; it is tried again later']],
  [504, ['REMOTE_UNREACHABLE', 'a gateway before the server could not reach it']],
  [507, ['REMOTE_QUOTA', 'the server has no room for it']],
]);

/** An error that is an answer of the server, for the few places that know more about one status. */
export class StatusError extends FerryError {
  readonly status: number;

  constructor(status: number, code: ErrorCode, message: string, path: string | undefined) {
    super(code, message, path === undefined ? {} : { path });
    this.status = status;
  }
}

/** Returns the error that an HTTP status means. */
export function errorOfStatus(status: number, context: RequestContext): StatusError {
  const [code, hint] = CODE_BY_STATUS.get(status) ?? [
    'REMOTE_PROTOCOL',
    status >= 500 ? 'the server failed' : 'the server did not understand it',
  ];
  const message = `${subjectOf(context)}: ${context.method} was answered with ${status}: ${hint}`;
  return new StatusError(status, code, message, context.path);
}

/** Returns an error about an answer that no WebDAV server gives. */
export function protocolError(context: RequestContext, what: string, cause?: unknown): FerryError {
  return new FerryError('REMOTE_PROTOCOL', `${subjectOf(context)}: ${context.method}: ${what}`, {
    ...pathOption(context),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Returns the error for a place where something else is than was expected. */
export function changedError(path: string, what: string): FerryError {
  return new FerryError('CHANGED', `${path}: ${what}`, { path });
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

const NETWORK_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check the address and that the server runs',
  ENOTFOUND: 'its name is not known; check the address and the network',
  EAI_AGAIN: 'its name cannot be looked up now; check the network',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer within the time allowed',
  ENETUNREACH: 'there is no network to it',
  EHOSTUNREACH: 'there is no way to it on this network',
};

/** Codes of errors after which the same connection attempt may work a moment later. */
const PASSING = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ECONNREFUSED']);

/** Returns the system's or TLS's code of an error, looked for through its causes. */
export function networkCode(error: unknown): string {
  for (const cause of causes(error) as Iterable<NodeJS.ErrnoException>) {
    const { code } = cause;
    const isNetwork = !(cause instanceof FerryError) && typeof code === 'string';
    if (isNetwork && !code.startsWith('ERR_GOT')) return code;
  }
  return '';
}

function* causes(error: unknown): Iterable<Error> {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    yield at;
}

/** Tells whether the same request may get an answer when it is sent again. */
export function isPassing(error: unknown): boolean {
  return PASSING.has(networkCode(error));
}

/** Codes of errors that say that no connection can be made to the server at all. */
const NOBODY_THERE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
]);

/** Tells whether no connection could be made. */
export function isNobodyThere(error: unknown): boolean {
  return NOBODY_THERE.has(networkCode(error));
}

/** Tells whether the connection was lost, in a request or an answer: nothing is known about what the server did. */
export function isLostConnection(error: unknown): boolean {
  return (
    error instanceof FerryError &&
    error.code === 'REMOTE_UNREACHABLE' &&
    !(error instanceof StatusError) &&
    (isPassing(error) || /closed|hang up|timeout|timed out|aborted/i.test(String(error.cause)))
  );
}

/** Returns the error for a request that got no answer, with the certificate shown where trust was missing. */
export async function errorOfNetwork(error: unknown, context: RequestContext): Promise<FerryError> {
  const own = [...causes(error)].find((cause) => cause instanceof FerryError);
  if (own instanceof FerryError) return own;
  const host = new URL(context.url).host;
  const code = networkCode(error);
  const unreachable = (what: string, retry: Retry = 'later'): FerryError =>
    new FerryError('REMOTE_UNREACHABLE', `${host}: ${what} (${context.method})`, {
      cause: error,
      retry,
      ...pathOption(context),
    });
  const mismatch = [...causes(error)].find((cause) => cause instanceof PinMismatch);
  if (mismatch instanceof PinMismatch)
    return unreachable(
      `the server's certificate is not the one that was trusted before (now SHA-256 ${mismatch.fingerprint}). Nothing was sent. If the server was set up anew, trust it with ferry remote edit NAME --trust-certificate; otherwise someone may be in between`,
      'never',
    );
  if (UNTRUSTED.has(code)) return unreachable(await untrusted(context.url), 'never');
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return unreachable(`the server's certificate is not valid today; check its clock and this one`);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return unreachable("the server's certificate is for another name; check the address", 'never');
  if (code.startsWith('HPE_'))
    return protocolError(
      context,
      `what answers on ${host} does not speak HTTP as a file server does (${code}); check the address, and what is in between`,
      error,
    );
  const hint = NETWORK_HINTS[code] ?? (error instanceof Error ? error.message : String(error));
  return unreachable(hint);
}

async function untrusted(url: string): Promise<string> {
  const shown = await lookAtCertificate(url).catch(() => null);
  const what = shown === null ? '' : ` (${shown.subject}, SHA-256 ${shown.fingerprint})`;
  return `the server's certificate${what} is not signed by an authority known here. Compare the fingerprint with the server's and trust it, or give its CA file`;
}

function subjectOf(context: RequestContext): string {
  return context.path === undefined || context.path === ''
    ? new URL(context.url).host
    : context.path;
}

function pathOption(context: RequestContext): { path?: string } {
  return context.path === undefined ? {} : { path: context.path };
}
