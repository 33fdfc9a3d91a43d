import { mkdtemp, rm } from 'node:fs/promises';
import {
  Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../../core/ports.ts';
import { type RunningServer, type ServeOptions, serve } from '../../../server/serve.ts';

/** A logger that keeps what it was told. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (message: string, fields?: object): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
    };
  const logger = {
    lines,
    error: keep('error'),
    warn: keep('warn'),
    info: keep('info'),
    debug: keep('debug'),
    child: () => logger,
  };
  return logger;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: Buffer;
}

export interface Fixture {
  readonly server: RunningServer;
  readonly directory: string;
  readonly log: readonly string[];
  /** Path of a file in the served directory. */
  at(path: string): string;
  ask(
    method: string,
    path: string,
    headers?: OutgoingHttpHeaders,
    body?: string | Buffer,
  ): Promise<Answer>;
  close(): Promise<void>;
}

/** Serves a fresh temporary directory on a free port. */
export async function startServer(options: Partial<ServeOptions> = {}): Promise<Fixture> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'ferry-server-')));
  const logger = recordingLogger();
  const server = await serve({
    directory,
    host: '127.0.0.1',
    port: 0,
    users: null,
    tls: null,
    logger,
    ...options,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return {
    server,
    directory,
    log: logger.lines,
    at: (path) => join(directory, path),
    ask: (method, path, headers = {}, body = undefined) =>
      ask(server, agent, { method, path, headers }, body),
    close: async () => {
      agent.destroy();
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function ask(
  server: RunningServer,
  agent: Agent,
  target: { method: string; path: string; headers: OutgoingHttpHeaders },
  body: string | Buffer | undefined,
): Promise<Answer> {
  const isTls = server.url.startsWith('https:');
  const options = { host: '127.0.0.1', port: server.port, ...target, timeout: 20_000 };
  return new Promise((resolve, reject) => {
    const request = isTls
      ? httpsRequest({ ...options, rejectUnauthorized: false })
      : httpRequest({ ...options, agent });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('the server did not answer in time')));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, bytes, body: bytes.toString('utf8') });
      });
    });
    if (body !== undefined && target.headers['transfer-encoding'] === undefined)
      request.setHeader('content-length', Buffer.byteLength(body));
    request.end(body);
  });
}

/** Returns the etag of an answer; fails when there is none. */
export function etagIn(answer: Answer): string {
  const { etag } = answer.headers;
  if (etag === undefined) throw new Error(`no ETag in an answer of status ${answer.status}`);
  return etag;
}
