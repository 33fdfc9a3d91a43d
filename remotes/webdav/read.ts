import type { Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content, ReadOptions } from '../../core/ports.ts';
import type { Answer } from './answer.ts';
import type { Blame } from './blame.ts';
import { changedError, isNobodyThere, protocolError, type RequestContext } from './http-errors.ts';
import { lookAt } from './listing.ts';
import { contentRange, timeOf, versionFrom } from './resource.ts';
import { resumed } from './resume.ts';
import type { Session } from './session.ts';

/** A body of more than this does not come out of one read of the server's disk; the file is looked at afterwards too. */
const LOOKED_AT_AGAIN_BYTES = 1024 * 1024;

interface Span {
  readonly offset: number;
  readonly length: number;
}

/**
 * Opens a file's content. The answer's own ETag (else its time and length) says which version the body is of, and the
 * body must have exactly the length announced, so a cut, stale or foreign body is never taken for the file. `If-Match`
 * would add nothing to that, and on Apache it refuses the right ETag in the second after a write.
 */
export async function readFile(
  session: Session,
  path: SyncPath,
  options: ReadOptions & { readonly blame: Blame },
): Promise<Content> {
  const { blame, signal, isUrgent = false } = options;
  if (isUrgent) return openFile(session, path, options).catch((error) => giveUp(session, error));
  const { stream, ...content } = await blame.during(path, signal, () =>
    openFile(session, path, options),
  );
  return { ...content, stream: blamed(stream, path, options) };
}

/** Nobody who waits can wait until it is found out what is to blame; those who come next shall not even try. */
function giveUp(session: Session, error: unknown): never {
  if (isNobodyThere(error)) session.http.lost();
  throw error;
}

async function* blamed(
  stream: AsyncIterable<Uint8Array>,
  path: SyncPath,
  { blame, signal }: { readonly blame: Blame; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream;
  } catch (error) {
    throw await blame.of(path, error, signal);
  }
}

async function openFile(session: Session, path: SyncPath, options: ReadOptions): Promise<Content> {
  const { expected, range, acceptsWhole = false, isUrgent = false, signal } = options;
  throwIfAborted(signal);
  const context = { method: 'GET', url: session.addresses.urlOf(path).href, path };
  const answer = await session
    .send(path, {
      method: 'GET',
      headers: range === undefined || range.length === 0 ? {} : { range: rangeHeader(range) },
      accept: [200, 206, 404, 410, 416],
      repeatable: true,
      isUrgent,
      signal,
    })
    .catch((error: unknown) => throwUnlessCollection(session, path, error, signal));
  if (answer.status >= 400) {
    await answer.discard();
    throw changedError(path, answer.status === 416 ? 'it is shorter by now' : 'it is gone');
  }
  try {
    const sizeBytes = await checkVersion(session, path, answer, expected, signal);
    const isWhole = acceptsWhole && answer.status === 200 && range !== undefined;
    const span = spanOf(answer, sizeBytes, isWhole ? undefined : range, context);
    const stream = exactly(session, path, answer, span, { ...options, sizeBytes });
    return { sizeBytes, stream, ...(isWhole ? { part: { offset: 0, length: sizeBytes } } : {}) };
  } catch (error) {
    await answer.body[Symbol.asyncIterator]().return?.();
    throw error;
  }
}

function rangeHeader({ offset, length }: Span): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

/** Servers answer 403, 404 or a page to GET on a collection; only a listing tells that it is one. */
async function throwUnlessCollection(
  session: Session,
  path: SyncPath,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<never> {
  if (error instanceof FerryError && ['REMOTE_FORBIDDEN', 'REMOTE_PROTOCOL'].includes(error.code)) {
    const seen = await lookAt(session, path, signal);
    if (seen === null) throw changedError(path, 'it is gone');
    if (seen.resource.isCollection) throw changedError(path, 'it is a directory by now');
  }
  throw error;
}

/** Returns the size of the whole file; throws when the answer is of another version. */
async function checkVersion(
  session: Session,
  path: SyncPath,
  answer: Answer,
  expected: Version,
  signal: AbortSignal | undefined,
): Promise<number> {
  const sizeBytes = announcedSize(answer);
  const lastModifiedMs = timeOf(answer.header('last-modified'));
  const etag = expected.startsWith('e:') ? answer.header('etag') : undefined;
  const isKnown = sizeBytes !== null && (etag !== undefined || expected.startsWith('m:'));
  const shown = isKnown ? versionFrom(etag, lastModifiedMs, sizeBytes) : null;
  if (shown === expected && sizeBytes !== null) return sizeBytes;
  // Headers may be lost on the way (a proxy) or differ from the listing's; the listing decides.
  const seen = await lookAt(session, path, signal);
  if (seen === null) throw changedError(path, 'it is gone');
  const { resource } = seen;
  if (resource.isCollection) throw changedError(path, 'it is a directory by now');
  if (resource.version !== expected || shown !== null)
    throw changedError(path, 'it is another version by now');
  if (sizeBytes !== null && sizeBytes !== resource.sizeBytes)
    throw changedError(path, 'it is of another size than listed');
  return resource.sizeBytes;
}

function announcedSize(answer: Answer): number | null {
  if (answer.status === 206) {
    const total = contentRange(answer.header('content-range'))?.total;
    return total ?? null;
  }
  const length = answer.header('content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null;
}

/** Returns which part of the answer's body is wanted: all of it, unless the server ignored the range. */
function spanOf(
  answer: Answer,
  sizeBytes: number,
  range: Span | undefined,
  context: RequestContext,
): Span & { readonly bodyBytes: number } {
  const wanted = range ?? { offset: 0, length: sizeBytes };
  if (wanted.offset + wanted.length > sizeBytes)
    throw changedError(context.path ?? '', 'it is shorter than the part that is asked for');
  if (answer.status !== 206) return { ...wanted, bodyBytes: sizeBytes };
  const got = contentRange(answer.header('content-range'));
  if (range === undefined || got?.offset !== range.offset || got.length !== range.length)
    throw protocolError(
      context,
      `another part came than was asked for (${answer.header('content-range') ?? 'not named'})`,
    );
  return { offset: 0, length: range.length, bodyBytes: range.length };
}

async function* exactly(
  session: Session,
  path: SyncPath,
  answer: Answer,
  span: Span & { readonly bodyBytes: number },
  options: ReadOptions & { readonly sizeBytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { expected: version, range, signal, sizeBytes } = options;
  const start = answer.status === 206 ? (range?.offset ?? 0) : 0;
  const part = { path, version, start, end: start + span.bodyBytes, sizeBytes, signal };
  const end = span.offset + span.length;
  let position = 0;
  for await (const chunk of resumed(session, answer.body, part)) {
    const from = Math.max(0, span.offset - position);
    const to = Math.min(chunk.length, end - position);
    position += chunk.length;
    if (position > span.bodyBytes) break;
    if (to > from) yield chunk.subarray(from, to);
    if (position >= end && end < span.bodyBytes) return;
  }
  throwIfAborted(signal);
  if (position !== span.bodyBytes)
    throw new FerryError(
      'REMOTE_PROTOCOL',
      `${path}: the server sent ${position} instead of ${span.bodyBytes} bytes; nothing of it is used`,
      { path },
    );
  if (span.bodyBytes <= LOOKED_AT_AGAIN_BYTES) return;
  const seen = await lookAt(session, path, signal);
  if (seen?.resource.version !== version) throw changedError(path, 'it changed while it was read');
}
