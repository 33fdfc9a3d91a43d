import type { Cursor, Feed, FeedChange } from '../../core/feed.ts';
import type { Entry } from '../../core/model/entry.ts';
import type { FerryError } from '../../core/model/errors.ts';
import { isValidName, ROOT, type SyncPath } from '../../core/model/path.ts';
import { linesOf } from './fingerprints.ts';
import { errorOfStatus, protocolError, type RequestContext } from './http-errors.ts';
import { entryOf, type Resource, versionFrom } from './resource.ts';
import type { Session } from './session.ts';

/** Media type in which the companion server says what has changed; see docs/protocol.md. */
const CHANGES_TYPE = 'application/vnd.ferry.changes';
/** More than these are not kept in memory: then everything is looked at. */
const MAX_LINES = 500_000;

/**
 * Asks the companion server what has changed since `cursor`, or (null) only where its sequence of changes is. Returns
 * null when it does not follow that cursor, or has no feed.
 * @throws REMOTE_PROTOCOL when the answer is not complete or says what is not understood
 */
export async function readFeed(
  session: Session,
  cursor: Cursor | null,
  signal?: AbortSignal,
): Promise<Feed | null> {
  const answer = await session.send(ROOT, {
    method: 'GET',
    isCollection: true,
    headers: { accept: CHANGES_TYPE, ...(cursor === null ? {} : { 'ferry-cursor': cursor }) },
    accept: [200, 404, 405, 406, 410],
    repeatable: true,
    signal,
  });
  const type = answer.header('content-type')?.split(';')[0];
  if (answer.status !== 200 || type !== CHANGES_TYPE) {
    await answer.discard();
    return null;
  }
  const url = session.addresses.urlOf(ROOT, true).href;
  const reading = new ChangeLines({ method: 'GET', url, path: ROOT });
  for await (const line of linesOf(answer.body, { method: 'GET', url, path: ROOT }))
    reading.take(line);
  const { cursor: reached, epoch, changes } = reading.end();
  return { cursor: reached, epoch, changes: cursor === null ? null : changes };
}

interface OpenListing {
  readonly change: { type: 'listing'; directory: SyncPath; entries: Entry[] };
  left: number;
}

/** Reads the answer line by line. */
class ChangeLines {
  readonly #context: RequestContext;
  readonly #changes: FeedChange[] = [];
  #listing: OpenListing | null = null;
  #count = 0;
  #end: { readonly cursor: Cursor; readonly epoch: string } | null = null;

  constructor(context: RequestContext) {
    this.#context = context;
  }

  take(text: string): void {
    const line = this.#parsed(text);
    if (this.#end !== null) throw this.#unusable();
    if (line['kind'] === undefined) this.#takeEnd(line);
    else this.#takeLine(line);
  }

  end(): { cursor: Cursor; epoch: string; changes: readonly FeedChange[] | null } {
    if (this.#end === null) throw this.#unusable();
    return { ...this.#end, changes: this.#count > MAX_LINES ? null : this.#changes };
  }

  #takeEnd({ cursor, epoch, changes }: Line): void {
    const isWhole = changes === this.#count && this.#listing === null;
    if (!isWhole || typeof cursor !== 'string' || typeof epoch !== 'string') throw this.#unusable();
    this.#end = { cursor: cursor as Cursor, epoch };
  }

  #takeLine(line: Line): void {
    this.#count++;
    // What comes now is only counted.
    if (this.#count > MAX_LINES) this.#changes.length = 0;
    const change = this.#changeIn(line);
    const listing = this.#listing;
    if (listing !== null) {
      if (change.type === 'entry') listing.change.entries.push(change.entry);
      else if (change.type === 'unclear' || change.type === 'problem') this.#changes.push(change);
      // A member that went away while it was looked at.
      else if (change.type !== 'gone') throw this.#unusable();
      if (--listing.left === 0) this.#listing = null;
      return;
    }
    this.#changes.push(change);
    if (change.type !== 'listing') return;
    const members = line['members'];
    if (typeof members !== 'number' || !Number.isSafeInteger(members) || members < 0)
      throw this.#unusable();
    const open = { type: 'listing' as const, directory: change.directory, entries: [] };
    this.#changes[this.#changes.length - 1] = open;
    if (members > 0) this.#listing = { change: open, left: members };
  }

  #changeIn(line: Line): FeedChange {
    const { kind, from, id } = line;
    const path = this.#path(line['path']);
    // What the server calls otherwise is learnt by listing, from the first such name on.
    const unlike = firstUnlike(path);
    if (unlike !== null) return { type: 'unclear', directory: unlike };
    switch (kind) {
      case 'file':
      case 'collection':
        return { type: 'entry', entry: this.#entry(path, kind, line) };
      case 'listing':
        return { type: 'listing', directory: path, entries: [] };
      case 'gone':
        return { type: 'gone', path };
      case 'moved': {
        const source = this.#path(from);
        const identity = typeof id === 'string' ? { identity: id } : {};
        return { type: 'moved', from: source.normalize('NFC') as SyncPath, path, ...identity };
      }
      case 'unknown':
        return { type: 'problem', path, error: this.#refusal(path, line['status']) };
      default:
        throw this.#unusable();
    }
  }

  #entry(path: SyncPath, kind: 'file' | 'collection', line: Line): Entry {
    const { etag, bytes, id, mtime, mode } = line;
    const isCollection = kind === 'collection';
    const version =
      typeof etag === 'string' ? versionFrom(etag, null, 0) : ('directory' as Resource['version']);
    const isFile = typeof etag === 'string' && Number.isSafeInteger(bytes) && version !== null;
    if (version === null || (!isCollection && !isFile)) throw this.#unusable();
    return entryOf({
      path,
      isCollection,
      version: isCollection ? ('directory' as Resource['version']) : version,
      sizeBytes: isCollection ? 0 : Number(bytes),
      lastModifiedMs: null,
      fileId: typeof id === 'string' ? id : null,
      storedMtime: typeof mtime === 'string' ? mtime : null,
      mode:
        typeof mode === 'string' && /^[0-7]{1,5}$/.test(mode)
          ? Number.parseInt(mode, 8) & 0o777
          : null,
      rootId: null,
    });
  }

  #refusal(path: SyncPath, status: unknown): FerryError {
    const context = { ...this.#context, path };
    if (typeof status === 'number' && status >= 400) return errorOfStatus(status, context);
    return protocolError(context, 'the server could not look at it');
  }

  #path(value: unknown): SyncPath {
    if (value === '') return ROOT;
    if (typeof value !== 'string' || !value.split('/').every(isValidName)) throw this.#unusable();
    return value as SyncPath;
  }

  #parsed(text: string): Line {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = null; // said below
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#unusable();
    return value as Line;
  }

  #unusable(): FerryError {
    return protocolError(this.#context, 'what the server says of its changes is not complete');
  }
}

type Line = Readonly<Record<string, unknown>>;

/** Returns the path, as it is shown, up to the first name that the server composes otherwise; null: there is none. */
function firstUnlike(path: SyncPath): SyncPath | null {
  if (path === path.normalize('NFC')) return null;
  const names = path.split('/');
  const at = names.findIndex((name) => name !== name.normalize('NFC'));
  return names
    .slice(0, at + 1)
    .join('/')
    .normalize('NFC') as SyncPath;
}
