import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is known of a request when it has ended; for the access log and the metrics. */
export interface RequestRecord {
  readonly startedAtMs: number;
  /** Empty when nobody signed in. */
  readonly user: string;
  readonly tokenId: string | null;
  readonly address: string;
  readonly method: string;
  /** Relative to the served directory, whoever asked; null when the target was no path, or nobody signed in. */
  readonly path: string | null;
  /** 499: the client went before there was an answer. */
  readonly status: number;
  /** False when the connection was cut before the answer was complete. */
  readonly isComplete: boolean;
  /** Heads included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
}

/** What the server learns of a request while it answers. */
export interface RequestFacts {
  user: string;
  tokenId: string | null;
  path: string | null;
}

interface Counted {
  readonly read: number;
  readonly written: number;
}

/** What earlier requests of a connection have been charged with. */
const counted = new WeakMap<Socket, Counted>();

/** Calls `observe` once, when the answer is complete or the connection is gone. */
export function recordRequest(
  request: IncomingMessage,
  response: ServerResponse,
  facts: Readonly<RequestFacts>,
  observe: (record: RequestRecord) => void,
): void {
  const { socket, method = '' } = request;
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  // Once the connection is closed it has no address any more.
  const address = socket.remoteAddress ?? '';
  response.once('close', () => {
    const before = counted.get(socket) ?? { read: 0, written: 0 };
    const now = { read: socket.bytesRead, written: socket.bytesWritten };
    counted.set(socket, now);
    observe({
      ...facts,
      startedAtMs,
      address,
      method,
      status: response.headersSent ? response.statusCode : 499,
      isComplete: response.writableFinished,
      bytesIn: now.read - before.read,
      bytesOut: now.written - before.written,
      durationMs: performance.now() - startedAt,
    });
  });
}
