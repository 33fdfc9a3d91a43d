import { type ErrorCode, FerryError } from '../../core/model/errors.ts';
import { depthOf, isAtOrBelow, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Logger } from '../../core/ports.ts';
import type { Addresses } from './addresses.ts';
import type { Answer } from './answer.ts';
import type { Http } from './http.ts';
import { errorOfStatus, protocolError, type RequestContext, StatusError } from './http-errors.ts';
import { type DavResponse, MultistatusError, parseMultistatus } from './multistatus.ts';
import { PROPFIND_BODY, type Resource, resourceOf } from './resource.ts';
import { unusable } from './unusable-names.ts';

/** One thing that a listing says: a resource, or a path of which the server could not say enough. */
export type Listed =
  | {
      readonly resource: Resource;
      /** As the server spells it. */
      readonly href: string;
    }
  | { readonly path: SyncPath; readonly error: FerryError };

export interface ListOptions {
  readonly depth: '0' | '1' | 'infinity';
  readonly signal?: AbortSignal | undefined;
}

/** Deeper than any tree that people make; a folder that is mounted in itself has no end. */
const MAX_DEPTH = 1_100;
/** Of so many names that cannot be used each is reported. */
const MAX_UNUSABLE = 1_000;

/** So many entries are read from one listing; a server that lists more has no end, or none that could be used. */
const ENTRY_BUDGET = { '0': 1_000, '1': 2_000_000, infinity: 20_000_000 } as const;

interface Reading {
  readonly context: RequestContext;
  readonly tally: { unnameable: number };
  readonly depth: ListOptions['depth'];
}

/** Where listings come from. */
export interface ListingSource {
  readonly http: Http;
  readonly addresses: Addresses;
  readonly logger: Logger;
  /** Entries that one listing may have, where that is not what is usual. */
  readonly entryBudget?: number | undefined;
}

/** A listing under way. */
export interface Listing {
  /** The server's clock when it answered, in ms since 1970; null when it does not say. */
  readonly serverTimeMs: number | null;
  /**
   * Yields what is listed, `path` itself first wherever the server puts it first; ends well only when the document
   * was complete and held `path` itself.
   */
  readonly batches: AsyncIterable<readonly Listed[]>;
  /** Entries so far that have no usable name: they are there, but there is no way to speak of them. */
  readonly unnameable: number;
}

/**
 * Asks for a listing of `path`. It is only believed when it is a 207 of XML that is complete and names the collection
 * that was asked for: a sign-in page, a proxy or a cut connection never look like an empty folder.
 * @throws REMOTE_NOT_FOUND when nothing is there, REMOTE_PROTOCOL when something else than a WebDAV server answers
 */
export async function list(
  source: ListingSource,
  path: SyncPath,
  options: ListOptions,
): Promise<Listing> {
  const url = source.addresses.urlOf(path, options.depth !== '0');
  const context: RequestContext = { method: 'PROPFIND', url: url.href, path };
  const answer = await source.http.send({
    method: 'PROPFIND',
    url,
    headers: { depth: options.depth, 'content-type': 'application/xml; charset=utf-8' },
    body: PROPFIND_BODY,
    accept: [200, 207],
    repeatable: true,
    path,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  await refuseStrangers(answer, context);
  const date = Date.parse(answer.header('date') ?? '');
  const tally = { unnameable: 0 };
  return {
    serverTimeMs: Number.isNaN(date) ? null : date,
    batches: listedIn(source, path, answer, { context, tally, depth: options.depth }),
    get unnameable() {
      return tally.unnameable;
    },
  };
}

async function refuseStrangers(answer: Answer, context: RequestContext): Promise<void> {
  const type = answer.header('content-type') ?? '';
  if (answer.status === 207 && /[/+]xml\b/i.test(type)) return;
  await answer.discard();
  const isPage = /html/i.test(type);
  throw protocolError(
    context,
    isPage
      ? 'a web page came instead of a listing: something else answered, perhaps the sign-in page of a network or proxy, or the address is not that of a WebDAV folder'
      : `no WebDAV listing came (status ${answer.status}, type ${type.slice(0, 60) || 'none'}); check the address`,
  );
}

async function* listedIn(
  source: ListingSource,
  asked: SyncPath,
  answer: Answer,
  { context, tally, depth }: Reading,
): AsyncGenerator<readonly Listed[], void, undefined> {
  const budget = source.entryBudget ?? ENTRY_BUDGET[depth];
  let sawItself = false;
  let count = 0;
  try {
    for await (const responses of parseMultistatus(answer.body)) {
      count += responses.length;
      if (count > budget)
        throw protocolError(
          context,
          `more than ${budget} entries are listed; nothing of it is used`,
        );
      const batch = responses.flatMap((response) => {
        const path = source.addresses.pathOf(response.href);
        sawItself ||= path === asked;
        if (path !== null && isAtOrBelow(path, asked)) return [listedOf(response, path, context)];
        tally.unnameable += 1;
        return tally.unnameable <= MAX_UNUSABLE ? [unusable(asked, response.href, context)] : [];
      });
      if (batch.length > 0) yield batch;
    }
  } catch (error) {
    if (error instanceof MultistatusError) throw protocolError(context, error.message, error);
    throw error;
  }
  const left = tally.unnameable - MAX_UNUSABLE;
  if (left > 0)
    source.logger.warn('a listing holds more names that cannot be used', { asked, left });
  if (!sawItself)
    throw protocolError(context, 'the listing does not name the folder that was asked for');
}

function listedOf(response: DavResponse, path: SyncPath, context: RequestContext): Listed {
  const about = { ...context, path };
  if (response.status !== null && response.status >= 300)
    return { path, error: errorOfStatus(response.status, about) };
  if (depthOf(path) > MAX_DEPTH)
    return { path, error: protocolError(about, 'it is nested too deep, perhaps in itself') };
  const resource = resourceOf(response, path);
  if (resource !== null) return { resource, href: response.href };
  const refused = response.propertyStatuses.find((status) => status !== 200 && status !== 404);
  return {
    path,
    error:
      refused === undefined
        ? protocolError(about, 'the server tells neither its size nor a version of it')
        : errorOfStatus(refused, about),
  };
}

/** Returns what is at `path`; null when nothing is. */
export async function lookAt(
  source: ListingSource,
  path: SyncPath,
  signal?: AbortSignal,
): Promise<{ resource: Resource; serverTimeMs: number | null } | null> {
  try {
    const { batches, serverTimeMs } = await list(source, path, { depth: '0', signal });
    let found: Resource | null = null;
    for await (const batch of batches) {
      for (const listed of batch) {
        if ('error' in listed) {
          if (listed.path === path) throw listed.error;
        } else if (listed.resource.path === path) found = listed.resource;
      }
    }
    return found === null ? null : { resource: found, serverTimeMs };
  } catch (error) {
    if (error instanceof FerryError && error.code === 'REMOTE_NOT_FOUND') return null;
    if (await isBelowFile(source, path, error, signal)) return null;
    throw error;
  }
}

/** Apache answers 400 to a path whose parent is a file: nothing is there. */
async function isBelowFile(
  source: ListingSource,
  path: SyncPath,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!(error instanceof StatusError) || error.status !== 400 || path === '') return false;
  const parent = await lookAt(source, parentPath(path), signal);
  return parent === null || !parent.resource.isCollection;
}

/** Returns what to believe about a path that a listing names for the second time. */
export function listedTwice(first: Listed, second: Listed): Listed {
  if ('error' in first) return first;
  if ('error' in second) return second;
  const { path, version, sizeBytes, isCollection } = first.resource;
  const error = (code: ErrorCode, what: string): Listed => ({
    path,
    error: new FerryError(code, `${path}: ${what}`, { path }),
  });
  if (first.href !== second.href)
    return error(
      'NAME_NOT_ALLOWED',
      'the server has two names here that differ only in how their letters are composed; rename one of them there',
    );
  const isSame =
    version === second.resource.version &&
    sizeBytes === second.resource.sizeBytes &&
    isCollection === second.resource.isCollection;
  return isSame
    ? first
    : error('REMOTE_PROTOCOL', 'one listing names it with two different states');
}
