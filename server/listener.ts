import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { FerryError } from '../core/model/errors.ts';
import type { Logger } from '../core/ports.ts';
import { addressGroup } from './address-group.ts';
import { errnoOf } from './dav-error.ts';
import type { Dispatch } from './dispatch.ts';
import type { TlsPair } from './tls.ts';

const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 20_000,
  // Bodies may take as long as they need while they make progress; the exchange watches for stalls.
  requestTimeout: 0,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
} as const;
const MAX_CONNECTIONS = 1024;
/** Half of all: nobody can take all places of a server from one address. */
const MAX_CONNECTIONS_PER_ADDRESS = 512;
const TLS_HANDSHAKE_MS = 20_000;
const CLOSE_GRACE_MS = 2_000;
const EMPTY_RESPONSE = 'HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** What a server has done so far; bytes as on the wire. */
export interface ServerStats {
  readonly requests: number;
  readonly activeRequests: number;
  readonly connections: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** How many connections there may be at once. */
export interface ConnectionLimits {
  readonly perAddress?: number;
}

/** The socket side of the server: limits, counters, and an orderly end. */
export class Listener {
  readonly #server: Server;
  readonly #dispatch: Dispatch;
  readonly #logger: Logger;
  readonly #onCut: () => void;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();
  readonly #perAddress: number;
  readonly #running = new Set<Promise<void>>();
  #requests = 0;
  #closedBytesReceived = 0;
  #closedBytesSent = 0;

  constructor(options: {
    readonly dispatch: Dispatch;
    readonly tls: TlsPair | null;
    readonly logger: Logger;
    /** Called when the grace at the end is over: whatever still runs is to give up. */
    readonly onCut: () => void;
    readonly limits?: ConnectionLimits;
  }) {
    this.#perAddress = options.limits?.perAddress ?? MAX_CONNECTIONS_PER_ADDRESS;
    this.#dispatch = options.dispatch;
    this.#logger = options.logger;
    this.#onCut = options.onCut;
    this.#server = createServerFor(options.tls);
    this.#server.maxConnections = MAX_CONNECTIONS;
    // In both forms a TLS server reports the raw socket here, so the counters are those of the wire.
    this.#server.on('connection', (socket: Socket) => this.#watch(socket));
    this.#server.on('request', (request, response) => this.#answer(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#answer(request, response, true));
    this.#server.on('clientError', refuseBroken);
  }

  get stats(): ServerStats {
    let bytesReceived = this.#closedBytesReceived;
    let bytesSent = this.#closedBytesSent;
    for (const socket of this.#sockets) {
      bytesReceived += socket.bytesRead;
      bytesSent += socket.bytesWritten;
    }
    return {
      requests: this.#requests,
      activeRequests: this.#running.size,
      connections: this.#sockets.size,
      bytesReceived,
      bytesSent,
    };
  }

  /** Returns the port. @throws FerryError LOCAL_BUSY, LOCAL_PERMISSION, CONFIG_INVALID */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenError(error, host, port)));
      this.#server.listen({ host, port }, resolve);
    });
    this.#server.on('error', (error) =>
      this.#logger.error('accepting a connection failed', { error: String(error) }),
    );
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => {
      this.#onCut();
      for (const socket of this.#sockets) socket.destroy();
    }, CLOSE_GRACE_MS);
    await Promise.allSettled([...this.#running]);
    this.#server.closeIdleConnections();
    await closed;
    clearTimeout(cut);
    // What was cut off still has to leave the disk in order before the root is closed.
    await Promise.allSettled([...this.#running]);
  }

  #answer(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    this.#requests++;
    if (!this.#server.listening) response.setHeader('connection', 'close');
    const running = this.#dispatch(request, response, expectsContinue).finally(() =>
      this.#running.delete(running),
    );
    this.#running.add(running);
  }

  #watch(socket: Socket): void {
    const address = addressGroup(socket.remoteAddress ?? '');
    const count = this.#byAddress.get(address) ?? 0;
    if (count >= this.#perAddress) {
      socket.destroy();
      return;
    }
    this.#byAddress.set(address, count + 1);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
      this.#closedBytesReceived += socket.bytesRead;
      this.#closedBytesSent += socket.bytesWritten;
    });
  }
}

function createServerFor(tls: TlsPair | null): Server {
  if (tls === null) return createServer({ ...LIMITS, noDelay: true });
  try {
    const handshakeTimeout = TLS_HANDSHAKE_MS;
    return createTlsServer({
      ...LIMITS,
      noDelay: true,
      ...tls,
      minVersion: 'TLSv1.2',
      handshakeTimeout,
    });
  } catch (cause) {
    throw new FerryError('CONFIG_INVALID', 'the TLS certificate and key cannot be used together', {
      cause,
    });
  }
}

function refuseBroken(
  error: Error,
  socket: { writable: boolean; end(text: string): void; destroy(): void },
): void {
  const code = errnoOf(error);
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(EMPTY_RESPONSE.replace('%s', status));
}

function listenError(cause: Error, host: string, port: number): FerryError {
  const at = `${host}:${port}`;
  switch (errnoOf(cause)) {
    case 'EADDRINUSE':
      return new FerryError(
        'LOCAL_BUSY',
        `${at} is in use by another program; choose another port`,
        {
          cause,
        },
      );
    case 'EACCES':
      return new FerryError('LOCAL_PERMISSION', `listening on ${at} is not permitted`, { cause });
    default:
      return new FerryError('CONFIG_INVALID', `listening on ${at} failed: ${cause.message}`, {
        cause,
      });
  }
}
