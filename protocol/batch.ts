import { FrameError } from './frames.ts';

/** Media type of the question for many files. */
export const BATCH_GET_TYPE = 'application/vnd.ferry.batch-get';
/** Media type of the answer to many changes: a line of JSON for each, and last their number. */
export const RESULTS_TYPE = 'application/vnd.ferry.results';
/** A file of more than this is fetched alone. */
export const MAX_GOT_BYTES = 4 * 1024 * 1024;

/** A new file, or a new state of one. */
export interface PutEntry {
  readonly op: 'put';
  readonly path: string;
  /** ETag of the state that it takes the place of. */
  readonly if: 'absent' | string;
  readonly bytes: number;
  readonly hash: string;
  readonly mtime?: string;
  readonly mode?: string;
  readonly onlyCopy?: boolean;
}

/** A new collection. */
export interface MkcolEntry {
  readonly op: 'mkcol';
  readonly path: string;
  readonly mode?: string;
}

/** A file of a state, or an empty collection, that goes. */
export interface DeleteEntry {
  readonly op: 'delete';
  readonly path: string;
  /** ETag of the file. */
  readonly if: 'collection' | string;
  readonly onlyCopy?: boolean;
}

/** One change of a batch, as docs/protocol.md says; texts are checked for their form, paths are not. */
export type BatchEntry = PutEntry | MkcolEntry | DeleteEntry;

/** What became of one change, as it is sent. */
export interface BatchLine extends BatchResult {
  /** Which one of the request's entries, from 0 on. */
  readonly n: number;
}

/** What became of one change. */
export interface BatchResult {
  readonly status: number;
  readonly etag?: string;
  readonly id?: string;
  readonly mtime?: string;
  readonly mode?: string;
  /** Id of the displaced version. */
  readonly kept?: string;
  readonly message?: string;
}

/** The question for many files, each in a state, or for their hashes alone. */
export interface BatchGet {
  readonly entries: readonly (readonly [path: string, etag: string])[];
  readonly only?: 'hash';
}

/** What is said of one file that was asked for. */
export interface GotEntry {
  readonly status: number;
  readonly bytes?: number;
  readonly hash?: string;
}

const ETAG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;
const HASH = /^[0-9a-f]{64}$/;
const TIME = /^-?\d{1,19}$/;
const MODE = /^0?[0-7]{3,4}$/;

/** Reads one change. @throws FrameError */
export function parseBatchEntry(value: unknown): BatchEntry {
  const entry = membersOf(value);
  const path = text(entry, 'path');
  if (path === undefined) throw new FrameError('an entry has no path');
  switch (entry['op'] ?? 'put') {
    case 'put':
      return {
        op: 'put',
        path,
        if: condition(entry, 'absent'),
        bytes: required(count(entry, 'bytes'), 'bytes'),
        hash: required(text(entry, 'hash', HASH), 'hash'),
        ...member('mtime', text(entry, 'mtime', TIME)),
        ...member('mode', text(entry, 'mode', MODE)),
        ...onlyCopy(entry),
      };
    case 'mkcol':
      return { op: 'mkcol', path, ...member('mode', text(entry, 'mode', MODE)) };
    case 'delete':
      return { op: 'delete', path, if: condition(entry, 'collection'), ...onlyCopy(entry) };
    default:
      throw new FrameError('an entry has an unknown op');
  }
}

/** Reads one line of the answer; null for one that is none. */
export function parseBatchLine(value: unknown): BatchLine | null {
  try {
    const line = membersOf(value);
    return {
      n: required(count(line, 'n'), 'n'),
      status: statusOf(line),
      ...member('etag', text(line, 'etag', ETAG)),
      ...member('id', text(line, 'id')),
      ...member('mtime', text(line, 'mtime', TIME)),
      ...member('mode', text(line, 'mode', MODE)),
      ...member('kept', text(line, 'kept')),
      ...member('message', text(line, 'message')),
    };
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  }
}

/** Reads the question for many files. @throws FrameError */
export function parseBatchGet(value: unknown, maxEntries: number): BatchGet {
  const { entries, only } = membersOf(value);
  if (!Array.isArray(entries)) throw new FrameError('no entries are asked for');
  if (entries.length > maxEntries) throw new FrameError('too many entries are asked for');
  if (only !== undefined && only !== 'hash') throw new FrameError('only stands for hash');
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string';
  if (!entries.every(isPair)) throw new FrameError('an entry is not a path and an etag');
  return { entries, ...(only === undefined ? {} : { only }) };
}

/** Reads what is said of one file in an answer with contents, or with hashes `only`. @throws FrameError */
export function parseGotEntry(value: unknown, only: 'hash' | undefined): GotEntry {
  const entry = membersOf(value);
  const status = statusOf(entry);
  if (status !== 200) return { status };
  const hash = required(text(entry, 'hash', HASH), 'hash');
  if (only === 'hash') return { status, hash };
  return { status, hash, bytes: required(count(entry, 'bytes'), 'bytes') };
}

type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw new FrameError('an entry is not an object');
}

function text(members: Members, name: string, form = /^/): string | undefined {
  const value = members[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && form.test(value)) return value;
  throw new FrameError(`${name} has another form`);
}

function count(members: Members, name: string): number | undefined {
  const value = members[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new FrameError(`${name} is not a number of bytes`);
}

function statusOf(members: Members): number {
  const status = count(members, 'status') ?? 0;
  if (status < 200 || status > 599) throw new FrameError('an entry has no status');
  return status;
}

function condition(members: Members, word: string): string {
  const value = required(text(members, 'if'), 'if');
  if (value !== word && !ETAG.test(value)) throw new FrameError('if is neither known nor an etag');
  return value;
}

function onlyCopy(members: Members): { onlyCopy?: boolean } {
  return members['onlyCopy'] === true ? { onlyCopy: true } : {};
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new FrameError(`an entry has no ${name}`);
  return value;
}

function member<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in Name]?: string });
}
