import { createHash } from 'node:crypto';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { WriteItem } from '../../core/ports.ts';
import { VerifiedStream } from '../../core/transfer/verified-stream.ts';
import { contentOfSize } from '../staged-content.ts';
import type { Answer } from './answer.ts';
import { errorOfStatus, isLostConnection } from './http-errors.ts';
import type { Session } from './session.ts';

/** From this size on, asking what the server has already costs nothing beside the transfer. */
export const RESUMABLE_BYTES = 8 * 1024 * 1024;
/** The end of an upload that is gone on with waits until the whole was read once more, and its hash is known. */
const TAIL_BYTES = 64 * 1024;
const STORED = [200, 201, 204];
const MAX_MISFITS = 3;
const MAX_GENERATIONS = 4;
const PAUSE_MS = 500;

interface Target {
  readonly path: SyncPath;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a content so that an attempt which breaks off is gone on with, in this run or a later one: the upload's name
 * follows from what is sent, so nobody has to remember it, and the server is asked what it has. 412 is returned, every
 * other refusal thrown.
 */
export async function putResumable(
  session: Session,
  item: WriteItem,
  target: Target,
): Promise<Answer> {
  const upload = new Upload(session, item, target);
  let misfits = 0;
  let broken: { readonly at: number; readonly error: unknown } | null = null;
  for (;;) {
    const kept = await upload.keptBytes();
    // Nothing came through, or all did and only the answer was lost: a look at the file has to tell.
    if (broken !== null && kept <= broken.at) throw broken.error;
    if (kept > 0)
      session.logger.info('an upload goes on where it broke off', { path: item.path, at: kept });
    try {
      const answer = kept === 0 ? await upload.whole() : await upload.rest(kept);
      if (answer.status !== 409 && answer.status !== 422) return answer;
      await answer.discard();
      misfits += 1;
      if (misfits >= MAX_MISFITS) throw misfit(item, answer);
    } catch (error) {
      if (!isLostConnection(error)) throw error;
      broken = { at: kept, error };
      await session.clock.sleep(PAUSE_MS, target.signal);
    }
  }
}

function misfit({ path }: WriteItem, { status }: Answer): FerryError {
  return new FerryError(
    'REMOTE_UNAVAILABLE',
    `${path}: what the server kept of its upload does not fit (${status}); it is tried again later`,
    { path },
  );
}

class Upload {
  readonly #session: Session;
  readonly #item: WriteItem;
  readonly #target: Target;
  readonly #name: string;
  /** Counts up where what the server has under the name is of no use. */
  #generation = 0;

  constructor(session: Session, item: WriteItem, target: Target) {
    this.#session = session;
    this.#item = item;
    this.#target = target;
    const { path, sizeBytes, sourceVersion } = item;
    const content = [session.ownerId, path, sourceVersion, sizeBytes];
    this.#name = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 40);
  }

  get #id(): string {
    return `${this.#name}${this.#generation}`;
  }

  /** Returns how much of the content the server has already. */
  async keptBytes(): Promise<number> {
    const { path, signal } = this.#target;
    for (; this.#generation < MAX_GENERATIONS; this.#generation++) {
      const answer = await this.#session.send(path, {
        method: 'HEAD',
        headers: { 'ferry-upload': this.#id },
        accept: [200, 204, 404],
        repeatable: true,
        signal,
      });
      await answer.discard();
      const kept = offsetIn(answer) ?? 0;
      if (answer.status === 404 || kept === 0) return 0;
      // All of it, and yet not the file: it was refused, or the server ended in that moment.
      if (kept < this.#item.sizeBytes) return kept;
    }
    return 0;
  }

  /** Sends all of it. */
  async whole(): Promise<Answer> {
    const { sizeBytes } = this.#item;
    const { signal } = this.#target;
    const content = contentOfSize(this.#item, signal);
    return this.#send({ first: 0, length: sizeBytes }, content, {});
  }

  /** Sends what follows; the content is read from its beginning all the same, so that the server can check the whole. */
  async rest(first: number): Promise<Answer> {
    const { path, sizeBytes, hash } = this.#item;
    const source = new VerifiedStream(contentOfSize(this.#item, this.#target.signal), {
      path,
      sizeBytes,
      ...(hash === undefined ? {} : { hash }),
    });
    const reader = new PieceReader(source);
    try {
      for await (const _ of reader.take(first));
      const tail = Math.min(TAIL_BYTES, sizeBytes - first);
      const length = sizeBytes - first - tail;
      if (length > 0) {
        const answer = await this.#send({ first, length }, reader.take(length), {});
        if (answer.status !== 202) return answer;
        await answer.discard();
      }
      const last: Uint8Array[] = [];
      for await (const piece of reader.take(Number.POSITIVE_INFINITY)) last.push(piece);
      const body = Buffer.concat(last);
      const headers = { 'ferry-hash': source.hash ?? '' };
      return await this.#send({ first: sizeBytes - tail, length: tail }, body, headers);
    } finally {
      await reader.close();
    }
  }

  async #send(
    part: { readonly first: number; readonly length: number },
    body: Uint8Array | AsyncIterable<Uint8Array>,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const { sizeBytes } = this.#item;
    const { path, signal } = this.#target;
    const isLast = part.first + part.length === sizeBytes;
    const answer = await this.#session.send(path, {
      method: 'PUT',
      headers: {
        ...this.#target.headers,
        'content-type': 'application/octet-stream',
        'content-length': `${part.length}`,
        'content-range': `bytes ${part.first}-${part.first + part.length - 1}/${sizeBytes}`,
        'ferry-upload': this.#id,
        ...headers,
      },
      body,
      accept: [...(isLast ? STORED : [202]), 409, 412, 422],
      signal,
    });
    if (answer.status !== 409 || offsetIn(answer) !== null) return answer;
    await answer.discard();
    const url = this.#session.addresses.urlOf(path).href;
    throw errorOfStatus(answer.status, { method: 'PUT', url, path: this.#item.path });
  }
}

function offsetIn(answer: Answer): number | null {
  const text = answer.header('upload-offset');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Reads a stream in stretches of so many bytes. */
class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #left: Uint8Array | null = null;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** Yields the next `count` bytes, or what there is. */
  async *take(count: number): AsyncGenerator<Uint8Array, void, undefined> {
    let wanted = count;
    while (wanted > 0) {
      const piece = this.#left ?? (await this.#next());
      this.#left = null;
      if (piece === null) return;
      if (piece.length > wanted) this.#left = piece.subarray(wanted);
      const taken = piece.subarray(0, wanted);
      wanted -= taken.length;
      yield taken;
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(): Promise<Uint8Array | null> {
    const next = await this.#pieces.next();
    return next.done === true ? null : next.value;
  }
}
