import type { ContentHash, Version } from '../../core/model/entry.ts';
import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { HashRequest, MutationOptions, ReadRequest, ReadResult } from '../../core/ports.ts';
import { hashesOf, hashStream } from '../../core/transfer/verified-stream.ts';
import {
  BATCH_GET_TYPE,
  type GotEntry,
  MAX_GOT_BYTES,
  parseGotEntry,
} from '../../protocol/batch.ts';
import {
  FRAMES_TYPE,
  FrameError,
  MAX_ENTRIES,
  MAX_HEADER_BYTES,
  readFrames,
} from '../../protocol/frames.ts';
import { blameForAll, headerBytes } from './batch-request.ts';
import type { Blame } from './blame.ts';
import { changedError, errorOfStatus, protocolError } from './http-errors.ts';
import { readFile } from './read.ts';
import { etagOf } from './resource.ts';
import type { Session } from './session.ts';
import type { Slots } from './slots.ts';

/** Answers in a row that may break off without bringing anything. */
const MAX_IDLE = 3;
const FIRST_PAUSE_MS = 250;
/** Groups in a row that say nothing: more than an hour of signs of life. */
const MAX_EMPTY_GROUPS = 1000;
const REFUSALS = [400, 403, 404, 405, 409, 411, 413, 415, 501];

/** A file of some version: what both groups ask about. */
interface Wanted {
  readonly path: SyncPath;
  readonly expected: Version;
  readonly sizeBytes: number;
}

/** What followed: the content and the hash that it has, which the server did not say. */
interface Came {
  readonly content: Uint8Array;
  readonly hash: ContentHash | undefined;
}

/** One way to get something of many files, and what is made of it. */
interface Way<Result> {
  readonly only?: 'hash';
  /** Whether a file is asked for in a group at all. */
  readonly fits: (wanted: Wanted) => boolean;
  readonly resultOf: (wanted: Wanted, got: GotEntry, came: Came) => Result;
  readonly alone: (wanted: Wanted) => Promise<Result>;
  readonly failed: (error: FerryError) => Result;
}

export interface BatchReaderParts {
  readonly blame: Blame;
  readonly slots: Slots;
}

/** Reads many files, or has them hashed on the server, in few requests; one by one where that is refused. */
export class BatchReader {
  readonly #session: Session;
  readonly #blame: Blame;
  readonly #slots: Slots;

  constructor(session: Session, { blame, slots }: BatchReaderParts) {
    this.#session = session;
    this.#blame = blame;
    this.#slots = slots;
  }

  readMany(
    requests: readonly ReadRequest[],
    { signal }: MutationOptions,
  ): Promise<readonly ReadResult[]> {
    return this.#all<ReadResult>(requests, signal, {
      fits: ({ sizeBytes }) => sizeBytes <= MAX_GOT_BYTES,
      resultOf: (wanted, got, came) => this.#checked(wanted, got, came),
      alone: async (wanted) => ({ content: await this.#whole(wanted, signal) }),
      failed: (error) => ({ error }),
    });
  }

  hashMany(
    requests: readonly HashRequest[],
    { signal, onBytes }: MutationOptions & { readonly onBytes?: (count: number) => void },
  ): Promise<readonly (ContentHash | FerryError)[]> {
    return this.#all<ContentHash | FerryError>(requests, signal, {
      only: 'hash',
      fits: () => true,
      resultOf: ({ path, sizeBytes }, { status, hash }) => {
        if (status !== 200 || hash === undefined) return this.#refusal(path, status);
        onBytes?.(sizeBytes);
        return hash as ContentHash;
      },
      alone: (wanted) => this.#hashed(wanted, signal, onBytes),
      failed: (error) => error,
    });
  }

  async #all<Result>(
    wanted: readonly Wanted[],
    signal: AbortSignal | undefined,
    way: Way<Result>,
  ): Promise<readonly Result[]> {
    const results = new Map<Wanted, Result>();
    for (let idle = 0; ; ) {
      throwIfAborted(signal);
      const missing = wanted.filter((one) => !results.has(one) && isNamed(one) && way.fits(one));
      const isOffered =
        missing.length > 0 && (await this.#session.extensions.has('batch-get', signal));
      if (!isOffered) break;
      const before = results.size;
      const error = await this.#ask(questionIn(missing), signal, way, results);
      throwIfAborted(signal);
      if (error === null) continue;
      idle = results.size > before ? 0 : idle + 1;
      const blamed = await blameForAll(this.#blame, error, signal);
      if (blamed !== null) {
        for (const one of wanted) if (!results.has(one)) results.set(one, way.failed(blamed));
        break;
      }
      if (idle >= MAX_IDLE) break; // one by one it may still work, and else says what is wrong with each
      const pauseMs = FIRST_PAUSE_MS * 2 ** idle * (0.75 + Math.random() / 2);
      await this.#session.clock.sleep(pauseMs, signal);
    }
    return Promise.all(wanted.map((one) => results.get(one) ?? this.#alone(one, way, signal)));
  }

  #alone<Result>(one: Wanted, way: Way<Result>, signal: AbortSignal | undefined): Promise<Result> {
    return this.#slots.run(async () => {
      try {
        return await way.alone(one);
      } catch (error) {
        throwIfAborted(signal);
        return way.failed(toFerryError(error, one.path));
      }
    });
  }

  /** Asks for files and keeps what comes; returns why not all came. */
  async #ask<Result>(
    asked: readonly Wanted[],
    signal: AbortSignal | undefined,
    way: Way<Result>,
    results: Map<Wanted, Result>,
  ): Promise<FerryError | null> {
    const session = this.#session;
    const context = { method: 'POST', url: session.addresses.base.href };
    const { only } = way;
    try {
      const entries = asked.map(({ path, expected }) => [
        session.addresses.plainPathOf(path),
        etagOf(expected),
      ]);
      const answer = await session.send(ROOT, {
        method: 'POST',
        isCollection: true,
        headers: { 'content-type': BATCH_GET_TYPE },
        body: JSON.stringify(only === undefined ? { entries } : { entries, only }),
        accept: [200, ...REFUSALS],
        repeatable: true,
        signal,
      });
      if (answer.status !== 200 || answer.header('content-type') !== FRAMES_TYPE) {
        await answer.discard();
        session.extensions.refuse('batch-get');
        return null;
      }
      let at = 0;
      let empty = 0;
      for await (const frame of readFrames(answer.body, (entry) => parseGotEntry(entry, only))) {
        empty = frame.entries.length === 0 ? empty + 1 : 0;
        if (empty > MAX_EMPTY_GROUPS) throw new FrameError('nothing more came');
        const hashes = only === undefined ? await hashesOf(frame.contents) : [];
        for (const [index, got] of frame.entries.entries()) {
          const one = asked[at++];
          if (one === undefined) throw new FrameError('more came than was asked for');
          const content = frame.contents[index] ?? new Uint8Array(0);
          results.set(one, way.resultOf(one, got, { content, hash: hashes[index] }));
        }
      }
      if (at < asked.length) throw new FrameError('less came than was asked for');
      return null;
    } catch (error) {
      if (error instanceof FrameError)
        return protocolError(context, `the answer with many files: ${error.message}`, error);
      return toFerryError(error);
    }
  }

  #checked({ path, sizeBytes }: Wanted, got: GotEntry, { content, hash }: Came): ReadResult {
    if (got.status !== 200) return { error: this.#refusal(path, got.status) };
    const isSound = content.length === sizeBytes && hash !== undefined && hash === got.hash;
    if (isSound) return { content, hash };
    const message = `${path}: it came damaged from the server; nothing of it is used`;
    return { error: new FerryError('REMOTE_PROTOCOL', message, { path }) };
  }

  #refusal(path: SyncPath, status: number): FerryError {
    if (status === 404) return changedError(path, 'it is gone');
    if (status === 412) return changedError(path, 'it is another version by now');
    if (status === 413) return changedError(path, 'it is of another size than listed');
    const url = this.#session.addresses.urlOf(path).href;
    return errorOfStatus(status, { method: 'POST', url, path });
  }

  async #whole({ path, expected }: Wanted, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const options = { expected, blame: this.#blame, ...(signal === undefined ? {} : { signal }) };
    const { stream } = await readFile(this.#session, path, options);
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async #hashed(
    { path, expected }: Wanted,
    signal: AbortSignal | undefined,
    onBytes: ((count: number) => void) | undefined,
  ): Promise<ContentHash> {
    const options = { expected, blame: this.#blame, ...(signal === undefined ? {} : { signal }) };
    const { stream, sizeBytes } = await readFile(this.#session, path, options);
    return hashStream(stream, { path, sizeBytes, ...(onBytes === undefined ? {} : { onBytes }) });
  }
}

/** Only what an ETag names can be asked for in a group. */
function isNamed({ expected }: Wanted): boolean {
  return etagOf(expected) !== null;
}

/** Returns as many as one question may have. */
function questionIn(missing: readonly Wanted[]): readonly Wanted[] {
  let room = MAX_HEADER_BYTES;
  const end = missing.findIndex(({ path }, index) => {
    room -= headerBytes(path);
    return index > 0 && room < 0;
  });
  return missing.slice(0, Math.min(MAX_ENTRIES, end < 0 ? missing.length : end));
}
