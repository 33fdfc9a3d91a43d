import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FerryError } from '../core/model/errors.ts';
import { hostNameOf, isLoopback } from './loopback.ts';

/** A listener for metrics that runs. */
export interface MetricsListener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Answers `GET /metrics` on a loopback address of its own, so that nothing in front of the server passes it on.
 * @throws FerryError CONFIG_INVALID for an address that others reach, LOCAL_BUSY
 */
export async function listenForMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  text: () => Promise<string>,
): Promise<MetricsListener> {
  if (!isLoopback(host))
    throw new FerryError(
      'CONFIG_INVALID',
      `metrics tell how the server is used, to anybody: give them a loopback address, not ${host}`,
    );
  const server = createServer(
    { maxHeaderSize: 8192, requestTimeout: 10_000 },
    (request, response) => {
      const path = request.url?.replace(/\?.*$/, '');
      // A web page could otherwise ask under a name of its own that it lets point here.
      if (path !== '/metrics' || !isLoopback(hostNameOf(request.headers.host))) {
        response.writeHead(404).end();
        return;
      }
      text().then(
        (body) =>
          response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(body),
        () => response.writeHead(503).end(),
      );
    },
  );
  server.maxConnections = 16;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new FerryError('LOCAL_BUSY', `metrics cannot be offered on ${host}:${port}`, { cause }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
