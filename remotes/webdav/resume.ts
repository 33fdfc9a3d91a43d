import type { Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Answer } from './answer.ts';
import { changedError, isLostConnection } from './http-errors.ts';
import { contentRange, etagOf, timeOf, versionFrom } from './resource.ts';
import type { Session } from './session.ts';

/** Connections that may break one after another without bringing a single byte. */
const MAX_IDLE = 3;
/** Connections that may break in all, and one more for each of these bytes. */
const MAX_BREAKS = 20;
const BYTES_PER_BREAK = 1024 * 1024;
const FIRST_PAUSE_MS = 250;

/** The part of a file that an answer's body is to bring. */
export interface BodyPart {
  readonly path: SyncPath;
  readonly version: Version;
  /** First byte of the body within the file, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** Size of the whole file. */
  readonly sizeBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Yields a body and, when the connection is lost in its middle, goes on where it broke off: the rest is asked for as a
 * range of the same version, and taken out of the whole where the server gives no ranges. Nothing that was received
 * is transferred again.
 * @throws CHANGED when the file is another version by then, REMOTE_UNAVAILABLE when it breaks off again and again
 */
export async function* resumed(
  session: Session,
  body: AsyncIterable<Uint8Array>,
  part: BodyPart,
): AsyncGenerator<Uint8Array, void, undefined> {
  const state = { position: part.start, givesRanges: true };
  let source = body;
  let idle = 0;
  for (let breaks = 1; ; breaks += 1) {
    const before = state.position;
    try {
      for await (const chunk of source) {
        state.position += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      throwIfAborted(part.signal);
      idle = state.position > before ? 0 : idle + 1;
      if (!isLostConnection(error) || etagOf(part.version) === null) throw error;
      if (idle >= MAX_IDLE || breaks >= MAX_BREAKS + part.sizeBytes / BYTES_PER_BREAK)
        throw brokenOff(part, state.position, error);
    }
    const { clock, logger } = session;
    logger.debug('a download goes on where it broke off', { path: part.path, at: state.position });
    await clock.sleep(FIRST_PAUSE_MS * 2 ** idle * (0.75 + Math.random() / 2), part.signal);
    source = await rest(session, part, state);
  }
}

function brokenOff({ path, end }: BodyPart, position: number, cause: unknown): FerryError {
  return new FerryError(
    'REMOTE_UNAVAILABLE',
    `${path}: the connection breaks off at byte ${position} of ${end} each time; it is tried again later`,
    { path, cause },
  );
}

/** Returns what follows after `position`; notes when the server turns out to give no ranges. */
async function rest(
  session: Session,
  part: BodyPart,
  state: { readonly position: number; givesRanges: boolean },
): Promise<AsyncIterable<Uint8Array>> {
  const { path, version, end, sizeBytes, signal } = part;
  const { position } = state;
  const etag = etagOf(version) ?? '';
  for (;;) {
    const headers = { range: `bytes=${position}-${end - 1}`, 'if-range': etag };
    const answer = await session.send(path, {
      method: 'GET',
      headers: state.givesRanges ? headers : {},
      accept: [200, 206, 404, 410, 412, 416],
      repeatable: true,
      signal,
    });
    if (answer.status >= 400) {
      await answer.discard();
      throw changedError(path, 'it is another version by now, or gone');
    }
    if (answer.status === 200) {
      if (!isOf(answer, version, sizeBytes)) {
        await answer.body[Symbol.asyncIterator]().return?.();
        throw changedError(path, 'it is another version by now');
      }
      return skipped(answer.body, position);
    }
    const got = contentRange(answer.header('content-range'));
    const isRest =
      got?.offset === position && got.length === end - position && got.total === sizeBytes;
    if (isRest && isOf(answer, version, sizeBytes)) return answer.body;
    await answer.body[Symbol.asyncIterator]().return?.();
    if (!state.givesRanges)
      throw changedError(path, 'the server sends parts that nobody asked for');
    // Not what was asked for, so nothing of it is used: the whole is asked for instead.
    state.givesRanges = false;
  }
}

/** Tells whether an answer is not of another version: what a proxy leaves out proves nothing. */
function isOf(answer: Answer, version: Version, sizeBytes: number): boolean {
  const shown = versionFrom(
    answer.header('etag'),
    timeOf(answer.header('last-modified')),
    sizeBytes,
  );
  const length = answer.header('content-length');
  const isWhole = answer.status !== 200 || length === undefined || Number(length) === sizeBytes;
  return shown === version && isWhole;
}

async function* skipped(
  body: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const chunk of body) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
