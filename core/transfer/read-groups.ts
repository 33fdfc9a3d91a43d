import type { ContentHash, FileEntry } from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { ReadRequest, ReadResult, Replica, WriteItem, WriteOptions } from '../ports.ts';
import type { Throttle } from './throttle.ts';
import { hashesOf, verifiedHash } from './verified-stream.ts';

/** Where an item's content is read, and what it must be. */
export interface ContentSource {
  readonly path: SyncPath;
  readonly entry: FileEntry;
}

export interface ReadGroupsOptions {
  /** The side where the contents are. */
  readonly replica: Replica;
  readonly throttle: Throttle | null;
  readonly signal: AbortSignal;
  readonly sourceOf: (item: WriteItem) => ContentSource;
  /** Hears of each content that is whole and the one announced. */
  readonly onRead: (item: WriteItem, hash: ContentHash, sizeBytes: number) => void;
  /** A file is another one than it was by now. */
  readonly onChanged: () => void;
}

/** Returns how a receiver reads several small contents in one step; undefined when their side has none. */
export function groupReader(options: ReadGroupsOptions): WriteOptions['contents'] {
  const { replica, throttle } = options;
  if (replica.readMany === undefined) return undefined;
  return async (items, signal = options.signal) => {
    const contents: (Uint8Array | FerryError)[] = [];
    for (const part of partsOf(items, throttle?.burstBytes ?? Number.POSITIVE_INFINITY)) {
      const read = await readPart(part, signal, options);
      for (const content of read) contents.push(content);
      await throttle?.spend(bytesIn(read), signal);
    }
    return contents;
  };
}

/** Splits a group so that no part but one of a single item is larger than `maxBytes`. */
function* partsOf(items: readonly WriteItem[], maxBytes: number): Iterable<readonly WriteItem[]> {
  let part: WriteItem[] = [];
  let bytes = 0;
  for (const item of items) {
    if (part.length > 0 && bytes + item.sizeBytes > maxBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += item.sizeBytes;
  }
  if (part.length > 0) yield part;
}

function bytesIn(contents: readonly (Uint8Array | FerryError)[]): number {
  let bytes = 0;
  for (const content of contents) if (content instanceof Uint8Array) bytes += content.length;
  return bytes;
}

async function readPart(
  items: readonly WriteItem[],
  signal: AbortSignal,
  options: ReadGroupsOptions,
): Promise<readonly (Uint8Array | FerryError)[]> {
  const sources = items.map(options.sourceOf);
  const requests = sources.map(
    ({ path, entry }): ReadRequest => ({
      path,
      expected: entry.version,
      sizeBytes: entry.sizeBytes,
    }),
  );
  const results = (await options.replica.readMany?.(requests, { signal })) ?? [];
  const hashes = await hashesIn(results);
  return items.map((item, index) => {
    const result = results[index] ?? unanswered(item.path);
    return verified(item, result, hashes.get(result), sources[index] as ContentSource, options);
  });
}

/** Returns the hash of each content that was read. */
async function hashesIn(
  results: readonly ReadResult[],
): Promise<ReadonlyMap<ReadResult, ContentHash>> {
  const read = results.flatMap((result) => ('content' in result ? [result] : []));
  const unknown = read.filter(({ hash }) => hash === undefined);
  const found = await hashesOf(unknown.map(({ content }) => content));
  const hashes = new Map<ReadResult, ContentHash>();
  for (const result of read) if (result.hash !== undefined) hashes.set(result, result.hash);
  for (const [index, result] of unknown.entries()) {
    const hash = found[index];
    if (hash !== undefined) hashes.set(result, hash);
  }
  return hashes;
}

function unanswered(path: SyncPath): ReadResult {
  return { error: new FerryError('INTERNAL', `${path}: it was not read`, { path }) };
}

function verified(
  item: WriteItem,
  result: ReadResult,
  found: ContentHash | undefined,
  { path, entry }: ContentSource,
  { onRead, onChanged }: ReadGroupsOptions,
): Uint8Array | FerryError {
  try {
    if ('error' in result) throw result.error;
    const { sizeBytes, hash } = entry;
    const announced = { path, sizeBytes, ...(hash === undefined ? {} : { hash }) };
    onRead(item, verifiedHash(result.content, announced, found), sizeBytes);
    return result.content;
  } catch (caught) {
    const error = toFerryError(caught, path);
    if (error.code === 'CHANGED') onChanged();
    return error;
  }
}
