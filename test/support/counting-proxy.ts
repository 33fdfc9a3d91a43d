import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type BatchEntry, parseBatchEntry } from '../../protocol/batch.ts';
import { readFrames } from '../../protocol/frames.ts';

export interface CountingProxy {
  /** The same path as the server's URL, behind the proxy. */
  readonly url: string;
  /** Requests by method since the last `clear`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Bytes of request and answer bodies since the last `clear`. */
  readonly bytes: { up: number; down: number };
  /** Bytes of bodies of PUT requests and GET answers, and of many files in one: content. */
  readonly contentBytes: { up: number; down: number };
  /** Files that were sent to the server since the last `clear`, alone or in batches. */
  readonly uploads: number;
  /** What was changed on the server since the last `clear`, in the order in which the requests ended. */
  readonly changes: readonly ServerChange[];
  /** Returns the status that a request is refused with, in the server's place; null, or absent: none. */
  refuse?: ((method: string, headers: IncomingHttpHeaders) => number | null) | undefined;
  clear(): void;
  /** Cuts all connections. */
  drop(): void;
  close(): Promise<void>;
}

/** One change of the server that was asked for, alone or in a batch; paths are decoded, from the server's root. */
export interface ServerChange {
  readonly op: 'PUT' | 'PATCH' | 'MKCOL' | 'DELETE' | 'MOVE' | 'COPY' | 'PROPPATCH';
  readonly path: string;
  /** Of a move or copy. */
  readonly to?: string;
}

const CHANGING: ReadonlySet<string> = new Set([
  'PUT',
  'PATCH',
  'MKCOL',
  'DELETE',
  'MOVE',
  'COPY',
  'PROPPATCH',
]);

/** What a GET asks for that brings no content, and how it is counted. */
const COUNTED_AS: Readonly<Record<string, string>> = {
  'application/vnd.ferry.listings': 'LISTINGS',
  'application/vnd.ferry.changes': 'CHANGES',
  'text/event-stream': 'EVENTS',
};

const BATCH_TYPE = 'application/vnd.ferry.batch';

/** Starts an HTTP proxy in front of one server on loopback that counts what passes, and changes nothing. */
export async function startCountingProxy(serverUrl: string): Promise<CountingProxy> {
  const target = new URL(serverUrl);
  const counts: Record<string, number> = {};
  const bytes = { up: 0, down: 0 };
  const contentBytes = { up: 0, down: 0 };
  let uploads = 0;
  const changes: ServerChange[] = [];
  const forward = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const method = incoming.method ?? '';
    const counted = COUNTED_AS[incoming.headers.accept ?? ''] ?? method;
    counts[counted] = (counts[counted] ?? 0) + 1;
    const refused = proxy.refuse?.(method, incoming.headers) ?? null;
    if (refused !== null) {
      incoming.resume();
      answer.writeHead(refused, { 'content-length': 0 });
      answer.end();
      return;
    }
    const outgoing = request({
      host: target.hostname,
      port: target.port,
      method,
      path: incoming.url,
      headers: incoming.headers,
    });
    const isBatch = incoming.headers['content-type'] === BATCH_TYPE;
    const frames: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => {
      bytes.up += chunk.length;
      if (method === 'PUT' || isBatch) contentBytes.up += chunk.length;
      if (isBatch) frames.push(chunk);
    });
    incoming.once('end', async () => {
      const entries = isBatch ? await entriesIn(frames) : [];
      const own = CHANGING.has(method) ? [changeOf(incoming)] : entries.map(changeOfEntry);
      changes.push(...own);
      uploads += isBatch
        ? entries.filter(({ op }) => op === 'put').length
        : Number(method === 'PUT');
    });
    const received = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    // A server may answer and hang up before it has read the body.
    pipeline(incoming, outgoing).catch(() => undefined);
    const response = await received;
    answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
    response.on('data', (chunk: Buffer) => {
      bytes.down += chunk.length;
      if (counted === 'GET' || response.headers['content-type'] === BATCH_TYPE)
        contentBytes.down += chunk.length;
    });
    // What a client has hung up on is not fetched any more.
    answer.once('close', () => response.destroy());
    await pipeline(response, answer);
  };
  const server = createServer((incoming, answer) => {
    forward(incoming, answer).catch(() => answer.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = new URL(serverUrl);
  own.port = String((server.address() as AddressInfo).port);
  const proxy: CountingProxy = {
    url: own.href,
    counts,
    bytes,
    contentBytes,
    changes,
    get uploads() {
      return uploads;
    },
    clear: () => {
      uploads = 0;
      changes.length = 0;
      for (const method of Object.keys(counts)) delete counts[method];
      bytes.up = bytes.down = contentBytes.up = contentBytes.down = 0;
    },
    drop: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

function changeOf({ method, url = '', headers }: IncomingMessage): ServerChange {
  const { destination } = headers;
  const to = typeof destination === 'string' ? new URL(destination, 'http://x').pathname : null;
  return {
    op: method as ServerChange['op'],
    path: pathOf(url),
    ...(to === null ? {} : { to: pathOf(to) }),
  };
}

function changeOfEntry({ op, path }: BatchEntry): ServerChange {
  return { op: op.toUpperCase() as ServerChange['op'], path };
}

/** Without slashes at its ends. */
function pathOf(url: string): string {
  return decodeURIComponent(url.split('?')[0] ?? '').replaceAll(/^\/|\/$/g, '');
}

/** Returns what a batch brings; what was cut off brings nothing. */
async function entriesIn(body: readonly Buffer[]): Promise<readonly BatchEntry[]> {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield* body;
  };
  const found: BatchEntry[] = [];
  try {
    for await (const { entries } of readFrames(pieces(), parseBatchEntry)) found.push(...entries);
    return found;
  } catch {
    return [];
  }
}
