import { constants, read } from 'node:fs';
import { promisify } from 'node:util';
import { Blake3Hasher } from '@napi-rs/blake-hash';
import { hashesOf } from '../../core/transfer/verified-stream.ts';
import type { SmallFile } from '../../native/safe-root.ts';
import {
  type BatchGet,
  type GotEntry,
  MAX_GOT_BYTES,
  parseBatchGet,
} from '../../protocol/batch.ts';
import {
  END_OF_FRAMES,
  encodeFrame,
  FRAMES_TYPE,
  FrameError,
  MAX_ENTRIES,
} from '../../protocol/frames.ts';
import { DavError, errnoOf, toDavError } from '../dav-error.ts';
import { etagOf, sizeInEtag } from '../etag.ts';
import type { Exchange } from '../exchange.ts';
import { parseBelow, type ResourcePath } from '../request-path.ts';
import { closeAsync } from '../storage/stage.ts';

const readAsync = promisify(read);

const GROUP_FILES = 256;
const GROUP_BYTES = 2 * 1024 * 1024;
const HASHED_AT_ONCE = 16;
const PIECE_BYTES = 256 * 1024;
/** A client that waits hears at least this often that the server still works. */
const SIGN_OF_LIFE_MS = 5_000;
const SIGN_OF_LIFE = encodeFrame([], []);
const HIDDEN = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO', 'EISDIR', 'ENAMETOOLONG']);

/** One file that is asked for; a path of null names nothing that is shared. */
interface Wanted {
  readonly path: ResourcePath | null;
  readonly etag: string;
  /** Size of the state that is asked for. */
  readonly sizeBytes: number;
}

/** Answers with many files, or only their hashes; while one group is sent, the next is read. */
export async function batchGet(exchange: Exchange): Promise<void> {
  const { only, entries } = await questionOf(exchange);
  const wanted = entries.map(([path, etag]) => ({
    path: parseBelow(exchange.path, path),
    etag,
    sizeBytes: sizeInEtag(etag) ?? 0,
  }));
  const groups = only === 'hash' ? inGroups(wanted, HASHED_AT_ONCE) : inGroups(wanted);
  const makeFrame = only === 'hash' ? hashFrame : contentFrame;
  exchange.response.writeHead(200, { 'content-type': FRAMES_TYPE });
  let ahead: Promise<Uint8Array> | null = null;
  for (let index = 0; index < groups.length; index++) {
    const frame = ahead ?? makeFrame(exchange, groups[index] ?? []);
    await signsOfLifeUntil(exchange, frame);
    const next = groups[index + 1];
    ahead = next === undefined ? null : makeFrame(exchange, next);
    ahead?.catch(() => undefined); // awaited in the next round
    await exchange.write(await frame);
  }
  await exchange.write(END_OF_FRAMES);
  exchange.response.end();
}

async function questionOf(exchange: Exchange): Promise<BatchGet> {
  const body = await exchange.smallBody('JSON');
  try {
    return parseBatchGet(JSON.parse(Buffer.from(body).toString()), MAX_ENTRIES);
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof FrameError)) throw cause;
    throw new DavError(400, `the question for files: ${cause.message}`, { cause });
  }
}

/** Divides what is asked for so that a group is read in one step; what is too large has no content in it. */
function inGroups(
  wanted: readonly Wanted[],
  maxFiles = GROUP_FILES,
): readonly (readonly Wanted[])[] {
  const groups: Wanted[][] = [];
  let group: Wanted[] = [];
  let bytes = 0;
  for (const one of wanted) {
    const own = one.sizeBytes > MAX_GOT_BYTES ? 0 : one.sizeBytes;
    if (group.length >= maxFiles || (group.length > 0 && bytes + own > GROUP_BYTES)) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(one);
    bytes += own;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

async function contentFrame({ site }: Exchange, group: readonly Wanted[]): Promise<Uint8Array> {
  const shared = group.filter((one): one is Wanted & { path: ResourcePath } => one.path !== null);
  const files = await site.root.readFiles(
    shared.map(({ path, sizeBytes }) => ({ path, maxBytes: Math.min(sizeBytes, MAX_GOT_BYTES) })),
  );
  const found = new Map(shared.map((one, index) => [one, files[index]]));
  const contents: Uint8Array[] = [];
  const statuses = group.map((one) => {
    const file = found.get(one as Wanted & { path: ResourcePath });
    if (file === undefined) return 404;
    if ('errno' in file) return statusOf(file, one.path);
    const status = stateStatus(file, one);
    if (status === 200 && file.content !== null) contents.push(file.content);
    return status;
  });
  const hashes = await hashesOf(contents);
  let next = 0;
  const entries = statuses.map((status): GotEntry => {
    const [content, hash] = [contents[next], hashes[next]];
    if (status !== 200 || content === undefined || hash === undefined) return { status };
    next++;
    return { status, bytes: content.length, hash };
  });
  return encodeFrame(entries, contents);
}

function stateStatus({ before, after, content }: SmallFile, { etag, sizeBytes }: Wanted): number {
  if (before.kind !== 'file') return 404;
  if (etagOf(before) !== etag || (after !== before && etagOf(after) !== etag)) return 412;
  return content !== null && content.length === sizeBytes ? 200 : 413;
}

/** Returns the status for a failed system call. */
function statusOf({ errno }: { readonly errno: string }, path: string | null): number {
  if (HIDDEN.has(errno)) return 404;
  return toDavError(Object.assign(new Error(errno), { code: errno }), path ?? '', 'reading').status;
}

async function hashFrame(exchange: Exchange, group: readonly Wanted[]): Promise<Uint8Array> {
  const entries: GotEntry[] = [];
  // One after the other: each takes what the disk and one processor give.
  for (const { path, etag } of group) {
    if (exchange.response.destroyed) throw new DavError(499, 'the client has gone');
    entries.push(path === null ? { status: 404 } : await hashed(exchange, path, etag));
  }
  return encodeFrame(entries, []);
}

async function hashed(exchange: Exchange, path: ResourcePath, etag: string): Promise<GotEntry> {
  const { root } = exchange.site;
  try {
    const fd = await root.open(path, constants.O_RDONLY);
    try {
      const stat = await root.statDescriptor(fd);
      if (stat.kind !== 'file') return { status: 404 };
      if (etagOf(stat) !== etag) return { status: 412 };
      const hash = await hashOfDescriptor(exchange, fd);
      const isSame = etagOf(await root.statDescriptor(fd)) === etag;
      return isSame ? { status: 200, hash } : { status: 412 };
    } finally {
      await closeAsync(fd);
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return { status: statusOf({ errno }, path) };
  }
}

async function hashOfDescriptor({ response }: Exchange, fd: number): Promise<string> {
  const hasher = new Blake3Hasher();
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await readAsync(fd, buffer, 0, buffer.length, at);
    if (bytesRead === 0) return hasher.digest('hex');
    if (response.destroyed) throw new DavError(499, 'the client has gone');
    hasher.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** Sends empty groups until there is something to say. */
async function signsOfLifeUntil(exchange: Exchange, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const isDone = work.then(() => true);
  try {
    for (;;) {
      const isDue = new Promise<boolean>((resolve) => {
        timer = setTimeout(resolve, SIGN_OF_LIFE_MS, false);
      });
      if (await Promise.race([isDone, isDue])) return;
      await exchange.write(SIGN_OF_LIFE);
    }
  } finally {
    clearTimeout(timer);
  }
}
