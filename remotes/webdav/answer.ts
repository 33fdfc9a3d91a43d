import type { Request } from 'got';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import { errorOfNetwork, protocolError, type RequestContext } from './http-errors.ts';
import { type Patience, type Watch, watchedDownload } from './patience.ts';

/** An answer whose body has not been read; exactly one of `body`, `text` and `discard` must be used. */
export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** @throws REMOTE_PROTOCOL when it is longer than `maxBytes` */
  text(maxBytes: number): Promise<string>;
  discard(): Promise<void>;
}

const DISCARDED_BYTES = 64 * 1024;

export interface AnswerOptions {
  readonly context: RequestContext;
  readonly patience: Patience;
  /** Rings while a head or a piece of the body is waited for; its ringing destroys the request. */
  readonly watch: Watch;
  readonly signal: AbortSignal | undefined;
}

/** Resolves with the head of the answer; an answer that comes before the body is sent counts. */
export async function answerOf(request: Request, options: AnswerOptions): Promise<Answer> {
  const { context, patience, signal, watch } = options;
  const head = await new Promise<{ statusCode: number; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      request.once('response', resolve);
      request.on('error', reject);
      request.once('close', () => reject(new Error('the connection was closed')));
    },
  ).finally(() => watch.rest());
  const header = (name: string): string | undefined => {
    const value = head.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const encoding = header('content-encoding');
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    if (encoding !== undefined && encoding !== 'identity') {
      request.destroy();
      throw protocolError(
        context,
        `the body is encoded as ${encoding.slice(0, 60)} although that was refused; switch that off on the server or the proxy before it`,
      );
    }
    try {
      yield* watchedDownload(request as AsyncIterable<Uint8Array>, watch, patience);
    } catch (error) {
      throwIfAborted(signal);
      throw await errorOfNetwork(error, context);
    } finally {
      request.destroy();
    }
  }
  return {
    status: head.statusCode,
    header,
    body: body(),
    async text(maxBytes) {
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of body()) {
        length += chunk.length;
        if (length > maxBytes) throw protocolError(context, 'the answer is far too long');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString();
    },
    async discard() {
      // A short body is read, so that the connection can be used again; a long or broken one is not worth it.
      let length = 0;
      try {
        for await (const chunk of body()) {
          length += chunk.length;
          if (length > DISCARDED_BYTES) break;
        }
      } catch (error) {
        if (!(error instanceof FerryError)) throw error;
      }
    },
  };
}
