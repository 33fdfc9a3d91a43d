import {
  isPrivateName,
  isValidName,
  nameOf,
  parentPath,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';
import type { ObserveOptions } from '../../core/observation.ts';
import { protocolError, type RequestContext } from './http-errors.ts';
import type { Session } from './session.ts';

/** Media type in which the companion server gives fingerprints of listings; see docs/server.md. */
const LISTINGS_TYPE = 'application/vnd.ferry.listings';
const MAX_LINE_CHARS = 64 * 1024;

/** Fingerprints of collections by path, parents first; null where the server could not list one. */
export type Fingerprints = ReadonlyMap<SyncPath, string | null>;

/**
 * Asks the companion server for the fingerprints of all its listings, without ignored collections and what is in them.
 * Returns null when it is an earlier one that has none.
 * @throws REMOTE_PROTOCOL when the answer is not complete
 */
export async function readFingerprints(
  session: Session,
  { isIgnored, signal }: ObserveOptions,
): Promise<Fingerprints | null> {
  const answer = await session.send(ROOT, {
    method: 'GET',
    isCollection: true,
    headers: { accept: LISTINGS_TYPE },
    accept: [200, 404, 405, 406],
    repeatable: true,
    signal,
  });
  if (answer.status !== 200 || answer.header('content-type') !== LISTINGS_TYPE) {
    await answer.discard();
    return null;
  }
  const url = session.addresses.urlOf(ROOT, true).href;
  const found = new Map<SyncPath, string | null>();
  let lines = 0;
  let end: number | null = null;
  const context: RequestContext = { method: 'GET', url, path: ROOT };
  for await (const line of linesOf(answer.body, context)) {
    const value = parseLine(line);
    if (end !== null || value === null) throw unusable(context);
    if (typeof value === 'number') {
      end = value;
      continue;
    }
    lines++;
    const [path, fingerprint] = value;
    const isWanted =
      path === ROOT ||
      // Below what is left out, everything is.
      (found.has(parentPath(path)) && isUsable(nameOf(path)) && isIgnored?.(path, true) !== true);
    if (isWanted) found.set(path, fingerprint);
  }
  if (end !== lines || !found.has(ROOT)) throw unusable(context);
  return found;
}

/** Names that are not NFC, or private, are not entries: what is below them is not synced. */
function isUsable(name: string): boolean {
  return isValidName(name) && !isPrivateName(name) && name === name.normalize('NFC');
}

function unusable(context: RequestContext): Error {
  return protocolError(context, 'the list of fingerprints is not complete');
}

/** Yields the lines of a body. @throws REMOTE_PROTOCOL when it is no text, or a line is too long */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  context: RequestContext,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARS) throw unusable(context);
      yield* lines;
    }
  } catch (error) {
    if (error instanceof TypeError) throw unusable(context);
    throw error;
  }
  if (rest !== '') throw unusable(context);
}

/** Returns what a line says; null when it says nothing that is known. */
function parseLine(line: string): readonly [SyncPath, string | null] | number | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null; // the caller says what that means
  }
  if (typeof value === 'number') return value;
  if (!Array.isArray(value) || typeof value[0] !== 'string') return null;
  const [path, fingerprint] = value;
  if (fingerprint !== null && typeof fingerprint !== 'string') return null;
  return [path as SyncPath, fingerprint];
}
