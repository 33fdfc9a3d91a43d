import { expect } from '@jest/globals';
import type { Entry, FileEntry, Version } from '../../core/model/entry.ts';
import type { ErrorCode } from '../../core/model/errors.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath, type SyncPath } from '../../core/model/path.ts';
import type { ObserveOptions } from '../../core/observation.ts';
import type { Content, Expectation, Replica, WriteItem, WriteResult } from '../../core/ports.ts';

/** The same tree as the replica's, reached without it. */
export interface OutsideAccess {
  /** Writes a file in place and makes missing directories; a later write always gives the file another version. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** Null when there is no file. */
  read(path: string): Promise<Uint8Array | null>;
  /** Names in a directory, Ferry's own temporary names included, a server's private ones left out. */
  list(path: string): Promise<readonly string[]>;
  /** Removes a file or a whole directory. */
  remove(path: string): Promise<void>;
}

/** One fresh, empty tree and the replica under test on it. */
export interface ConformanceSetting {
  /** Its fingerprints of listings are for one use only: no two of them are the same. */
  readonly listingsNeverAlike?: true;
  readonly replica: Replica;
  readonly outside: OutsideAccess;
  /** Those of `ODD_NAMES` that the side cannot hold; it must refuse them. */
  readonly unusableNames?: readonly string[];
  /** Resolves when a change that is made from now on gives every file another version. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export type ConformanceFactory = () => Promise<ConformanceSetting>;

/** Names that were mangled by some client or server before. */
export const ODD_NAMES: readonly string[] = [
  "a b%20#?&+;'.txt",
  'ä',
  '日本語',
  'emoji 🚢.txt',
  '100%',
  '%41',
  '~tilde',
  '-dash',
  '.hidden',
  'two  spaces',
  'comma,and;semicolon=1',
  '(round) [square] {curly}',
  '!$@^`|"<>*',
  'back\\slash',
  'colon:name',
  'x'.repeat(200),
];

/** Returns the odd names that the side can hold. */
export function oddNames(setting: ConformanceSetting): readonly string[] {
  return ODD_NAMES.filter((name) => setting.unusableNames?.includes(name) !== true);
}

/** Returns `text` as a path. */
export function at(text: string): SyncPath {
  return parseSyncPath(text);
}

/** Returns a version that no side ever gives. */
export const NEVER_VERSION = 'no such version' as Version;

export interface ItemExtras {
  readonly expected?: Expectation;
  readonly mtimeNs?: bigint;
  readonly mode?: number;
  /** What the stream holds, where it is not what is announced. */
  readonly actual?: string | Uint8Array;
  /** Thrown after the content. */
  readonly failure?: Error;
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

/** Returns an item that writes `content` to `path`, which is expected to be absent unless said otherwise. */
export function item(
  path: string,
  content: string | Uint8Array,
  extras: ItemExtras = {},
): WriteItem {
  const { expected = 'absent', actual = content, failure, ...metadata } = extras;
  return {
    path: at(path),
    expected,
    sizeBytes: bytesOf(content).length,
    sourceVersion: 'source' as Version,
    ...metadata,
    async open() {
      return (async function* () {
        const bytes = bytesOf(actual);
        const half = Math.ceil(bytes.length / 2);
        if (half > 0) yield bytes.subarray(0, half);
        if (bytes.length > half) yield bytes.subarray(half);
        if (failure !== undefined) throw failure;
      })();
    },
  };
}

/** Runs `items` through writeMany and returns the results by path. */
export async function writeAll(
  replica: Replica,
  items: Iterable<WriteItem>,
): Promise<Map<string, WriteResult>> {
  const results = new Map<string, WriteResult>();
  for await (const group of replica.writeMany(items))
    for (const result of group) results.set(result.item.path, result);
  return results;
}

/** Writes one file and returns its entry; fails the test when the replica reports an error. */
export async function put(
  replica: Replica,
  path: string,
  content: string | Uint8Array,
  extras: ItemExtras = {},
): Promise<FileEntry> {
  const result = (await writeAll(replica, [item(path, content, extras)])).get(at(path));
  if (result === undefined) throw new Error(`no result for ${path}`);
  if ('error' in result) throw result.error;
  return result.entry;
}

/** Returns the code with which writing one item failed; null when it was written. */
export async function writeCode(replica: Replica, one: WriteItem): Promise<ErrorCode | null> {
  const result = (await writeAll(replica, [one])).get(one.path);
  return result !== undefined && 'error' in result ? result.error.code : null;
}

export interface Observed {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly order: readonly string[];
  readonly problems: readonly string[];
}

/** Observes the whole tree. */
export async function observeAll(replica: Replica, options?: ObserveOptions): Promise<Observed> {
  const entries = new Map<string, Entry>();
  const order: string[] = [];
  const problems: string[] = [];
  for await (const batch of replica.observe(options)) {
    for (const seen of batch) {
      if (seen.type === 'problem') {
        problems.push(`${seen.path}: ${seen.error.code}`);
        continue;
      }
      entries.set(seen.entry.path, seen.entry);
      order.push(seen.entry.path);
    }
  }
  return { entries, order, problems };
}

/** Returns the version of what is at `path`; fails the test when nothing is. */
export async function versionOf(replica: Replica, path: string): Promise<Version> {
  const entry = await replica.stat(at(path));
  if (entry === null) throw new Error(`nothing at ${path}`);
  return entry.version;
}

/** Reads all of `content`. */
export async function bytesIn(content: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Returns what the file holds as text, read from outside; null when there is no file. */
export async function textOutside(outside: OutsideAccess, path: string): Promise<string | null> {
  const bytes = await outside.read(path);
  return bytes === null ? null : Buffer.from(bytes).toString();
}

/** Expects `work` to be refused because something else is there than was expected. */
export async function expectChanged(work: Promise<unknown>): Promise<void> {
  await expect(work).rejects.toMatchObject({ name: 'FerryError', code: 'CHANGED' });
}

/** Expects `work` to fail with an error of Ferry's, whatever its code. */
export async function expectFerryError(work: Promise<unknown>): Promise<void> {
  await expect(work).rejects.toBeInstanceOf(FerryError);
}

/** Prints why a behaviour is not looked at for this replica. */
export function notApplicable(reason: string): void {
  process.stderr.write(`not applicable: ${expect.getState().currentTestName}: ${reason}\n`);
}
