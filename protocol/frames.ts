import { ByteReader, FrameError } from './byte-reader.ts';

export { FrameError } from './byte-reader.ts';

/** Media type of a sequence of frames. */
export const FRAMES_TYPE = 'application/vnd.ferry.batch';

/** A group has at most so many entries. */
export const MAX_ENTRIES = 1000;
/** A group's header has at most so many bytes. */
export const MAX_HEADER_BYTES = 1024 * 1024;
/** The contents of a group have together at most so many bytes. */
export const MAX_GROUP_BYTES = 32 * 1024 * 1024;

/** One group: what it says, and the contents that came with it. */
export interface Frame<Entry> {
  readonly entries: readonly Entry[];
  /** One for each entry; empty for those that have none. */
  readonly contents: readonly Uint8Array[];
}

/** What a header says of one entry: where there is a content, `bytes` is its length. */
export type FramedEntry = object;

function bytesOf(entry: FramedEntry): number {
  return 'bytes' in entry && typeof entry.bytes === 'number' ? entry.bytes : 0;
}

/** Ends a sequence of frames. */
export const END_OF_FRAMES: Uint8Array = new Uint8Array(4);

/** Returns one group in one piece; `contents` are those of the entries that have any, in their order. */
export function encodeFrame(
  entries: readonly FramedEntry[],
  contents: readonly Uint8Array[],
): Uint8Array {
  const header = Buffer.from(JSON.stringify({ entries }));
  if (entries.length > MAX_ENTRIES || header.length > MAX_HEADER_BYTES)
    throw new RangeError('a group has too many entries');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  return Buffer.concat([length, header, ...contents]);
}

/**
 * Yields the groups of a sequence, each when all of it has come; `parse` reads one entry. At most one group is in
 * memory beside those that the consumer keeps, and no more of the body is read before it asks for the next.
 * @throws FrameError when the sequence is cut off or breaks a rule, and whatever `parse` and `body` throw
 */
export async function* readFrames<Entry extends FramedEntry>(
  body: AsyncIterable<Uint8Array>,
  parse: (value: unknown) => Entry,
): AsyncGenerator<Frame<Entry>, void, undefined> {
  const bytes = new ByteReader(body);
  try {
    for (;;) {
      const headerBytes = Buffer.from(await bytes.take(4)).readUInt32BE();
      if (headerBytes === 0) break;
      if (headerBytes > MAX_HEADER_BYTES) throw new FrameError('a header is too long');
      const entries = parseHeader(await bytes.take(headerBytes)).map(parse);
      const length = entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
      if (length > MAX_GROUP_BYTES) throw new FrameError('a group is too large');
      yield { entries, contents: split(await bytes.take(length), entries) };
    }
    await bytes.expectEnd();
  } finally {
    await bytes.close();
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseHeader(bytes: Uint8Array): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new FrameError('a header is not JSON', { cause });
  }
  const entries =
    typeof value === 'object' && value !== null && 'entries' in value && value.entries;
  if (!Array.isArray(entries)) throw new FrameError('a header has no entries');
  if (entries.length > MAX_ENTRIES) throw new FrameError('a header has too many entries');
  return entries;
}

function split(bytes: Uint8Array, entries: readonly FramedEntry[]): readonly Uint8Array[] {
  let at = 0;
  return entries.map((entry) => {
    const length = bytesOf(entry);
    at += length;
    return bytes.subarray(at - length, at);
  });
}
