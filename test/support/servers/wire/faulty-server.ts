import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { companion } from '../companion.ts';
import type { Answered, Exchange, Fault } from './fault.ts';

/** One request that came, and how many bytes of file content went with it. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  /** Whether the fault had a hand in it. */
  readonly struck: boolean;
  /** Content bytes: of a PUT's body, or of the body that a GET was sent. */
  contentBytes: number;
}

/** The companion server, without its feed, behind something that misbehaves whenever a test says so. */
export interface FaultyServer {
  readonly url: string;
  /** The folder that the companion server serves. */
  readonly directory: string;
  /** What goes wrong from now on; null: nothing. */
  fault: Fault | null;
  /** Whether it gives fingerprints of its listings; without them it is like any other server. */
  givesFingerprints: boolean;
  /** Whether it offers to take and give many files in one request. */
  takesBatches: boolean;
  /** Requests since the last time that the list was emptied. */
  readonly passed: Passed[];
  close(): Promise<void>;
}

const FINGERPRINTS = 'application/vnd.ferry.listings';
const CHANGES = 'application/vnd.ferry.changes';
const OF_ONE_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding', 'date'];

/** Starts a companion server with a proxy before it. */
export async function faultyServer(): Promise<FaultyServer> {
  const real = await companion().start();
  const passed: Passed[] = [];
  const running: FaultyServer = {
    url: '',
    directory: real.directory,
    fault: null,
    givesFingerprints: false,
    takesBatches: false,
    passed,
    close,
  };
  let strikes = 0;
  let struckBy: Fault | null = null;

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const exchange = new ProxiedExchange(real.url, incoming, response, () => strikes);
    const { fault, givesFingerprints, takesBatches } = running;
    if (!takesBatches) hideExtensions(response, /^batch/);
    // Where listings go wrong, they have to be asked for.
    const isFeed = incoming.headers.accept === CHANGES;
    if (isFeed || (!givesFingerprints && incoming.headers.accept === FINGERPRINTS)) {
      exchange.reply({ status: 406, headers: {}, body: Buffer.alloc(0) });
      return;
    }
    if (fault !== struckBy) strikes = 0;
    struckBy = fault;
    const struck = fault?.strikes(exchange) === true;
    if (struck) strikes += 1;
    const line: Passed = { method: exchange.method, path: exchange.path, struck, contentBytes: 0 };
    passed.push(line);
    exchange.onContent = (count) => {
      line.contentBytes += count;
    };
    if (fault !== null && struck) await fault.strike(exchange);
    else exchange.reply(await exchange.forward());
  };
  const server = createServer({ insecureHTTPParser: false }, (incoming, response) => {
    incoming.on('error', () => undefined);
    response.on('error', () => undefined);
    handle(incoming, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return Object.assign(running, { url });

  async function close(): Promise<void> {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await real.close();
  }
}

/** Leaves extensions out of what the server says it can do. */
function hideExtensions(response: ServerResponse, hidden: RegExp): void {
  const writeHead = response.writeHead.bind(response) as (
    status: number,
    headers?: OutgoingHttpHeaders,
  ) => ServerResponse;
  response.writeHead = ((status: number, headers: OutgoingHttpHeaders = {}) => {
    const { ferry, ...others } = headers;
    if (ferry === undefined) return writeHead(status, headers);
    const shown = `${ferry}`.split(' ').filter((name) => !hidden.test(name));
    return writeHead(status, { ...others, ferry: shown.join(' ') });
  }) as typeof response.writeHead;
}

class ProxiedExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  onContent: (count: number) => void = () => undefined;
  readonly #server: URL;
  readonly #strikes: () => number;

  constructor(
    serverUrl: string,
    incoming: IncomingMessage,
    response: ServerResponse,
    strikes: () => number,
  ) {
    this.#server = new URL(serverUrl);
    this.request = incoming;
    this.response = response;
    this.method = incoming.method ?? '';
    this.path = pathIn(incoming.url ?? '');
    this.#strikes = strikes;
  }

  get strikes(): number {
    return this.#strikes();
  }

  async forward({
    without = [],
  }: {
    readonly without?: readonly string[];
  } = {}): Promise<Answered> {
    const { hostname, port } = this.#server;
    const headers = { ...this.request.headers };
    for (const name of without) delete headers[name];
    const { method, request: incoming } = this;
    const outgoing = request({ host: hostname, port, method, path: incoming.url, headers });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    incoming.once('aborted', () => outgoing.destroy());
    incoming.on('data', (chunk: Buffer) => {
      if (method === 'PUT') this.onContent(chunk.length);
    });
    incoming.pipe(outgoing);
    const answered = await answer;
    const kept: OutgoingHttpHeaders = { ...answered.headers };
    for (const name of OF_ONE_CONNECTION) delete kept[name];
    return { status: answered.statusCode ?? 502, headers: kept, body: await whole(answered) };
  }

  send(bytes: Uint8Array): Promise<void> {
    if (this.method === 'GET') this.onContent(bytes.length);
    return new Promise((resolve) => {
      this.response.write(bytes, () => setTimeout(resolve, 40));
    });
  }

  reply({ status, headers, body }: Answered): void {
    if (this.method === 'GET') this.onContent(body.length);
    this.request.resume();
    this.response.writeHead(status, headers);
    this.response.end(this.method === 'HEAD' ? undefined : body);
  }
}

function pathIn(url: string): string {
  return decodeURIComponent(url.replace(/[?#].*$/s, '')).replace(/^\/+|\/+$/g, '');
}

/** Returns all that a message holds. */
export async function whole(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
