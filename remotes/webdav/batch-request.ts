import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import {
  type BatchEntry,
  type BatchLine,
  type BatchResult,
  parseBatchLine,
  RESULTS_TYPE,
} from '../../protocol/batch.ts';
import {
  END_OF_FRAMES,
  encodeFrame,
  FRAMES_TYPE,
  MAX_HEADER_BYTES,
} from '../../protocol/frames.ts';
import type { Answer } from './answer.ts';
import type { Blame } from './blame.ts';
import { linesOf } from './fingerprints.ts';
import { changedError, errorOfStatus, protocolError, StatusError } from './http-errors.ts';
import type { Session } from './session.ts';

/** One change with its content, if it has one. */
export interface BatchPart {
  readonly entry: BatchEntry;
  readonly content?: Uint8Array;
}

/** What a batch came to. */
export interface BatchOutcome {
  /** One for each part; null: nothing is known about it. */
  readonly results: readonly (BatchResult | null)[];
  /** Why some are unknown; null: none is. */
  readonly error: FerryError | null;
}

/** A group is what the server makes durable in one step, and answers for. */
const GROUP_PARTS = 256;
const GROUP_BYTES = 2 * 1024 * 1024;
/** Each piece that the connection takes shows that it lives. */
const PIECE_BYTES = 256 * 1024;
/** Answers to the request as a whole that say that it did not get to a server that knows it. */
const REFUSALS = [400, 403, 404, 405, 409, 411, 412, 413, 415, 417, 501];
/** Stands for the paths of a group in what is said of them together. */
const MANY = 'many files' as SyncPath;
const BUSY = new Set([429, 503]);
const MAX_BUSY_TRIES = 4;
const FIRST_WAIT_MS = 500;
/** Empty lines in a row that an answer may have: more than an hour of signs of life. */
const MAX_EMPTY_LINES = 1000;

/**
 * Sends changes in one request. Null: they were refused as a whole, and nothing was done: something on the way does
 * not let such requests through.
 * @throws ABORTED; everything else is in the outcome
 */
export async function sendBatch(
  session: Session,
  parts: readonly BatchPart[],
  signal: AbortSignal | undefined,
): Promise<BatchOutcome | null> {
  const frames = framesOf(parts);
  try {
    const answer = await sendWhenLet(session, frames, signal);
    if (answer.status !== 200 || answer.header('content-type') !== RESULTS_TYPE) {
      await answer.discard();
      return null;
    }
    return await readResults(session, answer, parts.length, signal);
  } catch (error) {
    throwIfAborted(signal);
    return { results: parts.map(() => null), error: toFerryError(error) };
  }
}

function framesOf(parts: readonly BatchPart[]): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  let group: BatchPart[] = [];
  let [bytes, headerRoom] = [0, MAX_HEADER_BYTES];
  const close = (): void => {
    if (group.length > 0)
      frames.push(
        encodeFrame(
          group.map(({ entry }) => entry),
          group.flatMap(({ content }) => content ?? []),
        ),
      );
    group = [];
    [bytes, headerRoom] = [0, MAX_HEADER_BYTES];
  };
  for (const part of parts) {
    const size = part.content?.length ?? 0;
    const room = headerBytes(part.entry.path);
    const isFull = group.length >= GROUP_PARTS || bytes + size > GROUP_BYTES || room > headerRoom;
    if (isFull) close();
    group.push(part);
    bytes += size;
    headerRoom -= room;
  }
  close();
  frames.push(END_OF_FRAMES);
  return frames;
}

/** At most so many bytes does an entry with that path take in a header. */
export function headerBytes(path: string): number {
  return 512 + 6 * path.length;
}

async function sendWhenLet(
  session: Session,
  frames: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const length = frames.reduce((sum, frame) => sum + frame.length, 0);
  for (let tries = 1; ; tries += 1) {
    try {
      return await session.send(ROOT, {
        method: 'POST',
        isCollection: true,
        headers: { 'content-type': FRAMES_TYPE, 'content-length': `${length}` },
        body: piecesOf(frames),
        accept: [200, ...REFUSALS],
        signal,
      });
    } catch (error) {
      // Nothing was done yet; the gate has noted for how long the server wants to be left alone.
      const isBusy = error instanceof StatusError && BUSY.has(error.status);
      if (!isBusy || tries >= MAX_BUSY_TRIES) throw error;
      await session.clock.sleep(FIRST_WAIT_MS * 2 ** (tries - 1) * (0.5 + Math.random()), signal);
    }
  }
}

async function* piecesOf(frames: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const frame of frames)
    for (let at = 0; at < frame.length; at += PIECE_BYTES)
      yield frame.subarray(at, at + PIECE_BYTES);
}

/** Each line counts when it has come: it says that one change is on the server's disk. */
async function readResults(
  session: Session,
  answer: Answer,
  count: number,
  signal: AbortSignal | undefined,
): Promise<BatchOutcome> {
  const context = { method: 'POST', url: session.addresses.base.href };
  const results: BatchResult[] = [];
  let error: FerryError | null = null;
  try {
    let end: number | null = null;
    for await (const line of sayingLines(linesOf(answer.body, context))) {
      const value = parsedLine(line);
      // A line that says of another entry than the next one: nothing after it is believed.
      const isNext = typeof value === 'number' || (value?.n === results.length && value.n < count);
      if (value === null || end !== null || !isNext)
        throw protocolError(context, 'the answer to many changes cannot be read');
      if (typeof value === 'number') end = value;
      else results.push(value);
    }
    if (end !== results.length || end !== count)
      throw protocolError(context, 'the answer to many changes is not complete');
  } catch (caught) {
    throwIfAborted(signal);
    error = toFerryError(caught);
  }
  const all = Array.from({ length: count }, (_, index) => results[index] ?? null);
  return { results: all, error };
}

/** Leaves out the signs of life. */
async function* sayingLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let empty = 0;
  for await (const line of lines) {
    empty = line === '' ? empty + 1 : 0;
    if (empty > MAX_EMPTY_LINES)
      throw new FerryError('REMOTE_PROTOCOL', 'the server says nothing but that it is alive');
    if (line !== '') yield line;
  }
}

/** Returns a result, or their number; null for what is neither. */
function parsedLine(line: string): BatchLine | number | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'number' ? value : parseBatchLine(value);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Returns the error that a failed request for many means for all of them; null: it means none, and they are worth
 * trying one by one.
 */
export async function blameForAll(
  blame: Blame,
  error: FerryError | null,
  signal: AbortSignal | undefined,
): Promise<FerryError | null> {
  if (error === null) return null;
  // Any path but the root's: the root is what is asked whether the server as a whole is away.
  const found = toFerryError(await blame.of(MANY, error, signal));
  return ['REMOTE_UNAVAILABLE', 'REMOTE_PROTOCOL'].includes(found.code) ? null : found;
}

/** Returns the error that a refused change means. */
export function errorOfResult(
  session: Session,
  path: SyncPath,
  { status }: BatchResult,
): FerryError {
  switch (status) {
    case 404:
      return changedError(path, 'it is gone');
    case 405:
      return changedError(path, 'something of another kind is there by now');
    case 409:
      return changedError(path, 'its directory is not there, or it is changed on the server now');
    case 412:
      return changedError(path, 'something else is there by now');
    case 422:
      return new FerryError(
        'REMOTE_PROTOCOL',
        `${path}: its content was damaged on the way to the server, which did not take it`,
        { path },
      );
    default: {
      const url = session.addresses.urlOf(path).href;
      const error = errorOfStatus(status, { method: 'POST', url, path });
      // The server itself has answered: only this path is in trouble.
      return error.code === 'REMOTE_UNREACHABLE'
        ? new FerryError('REMOTE_UNAVAILABLE', error.message, { path, cause: error })
        : error;
    }
  }
}
