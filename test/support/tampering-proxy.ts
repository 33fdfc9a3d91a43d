import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TamperingProxy {
  readonly url: string;
  /** Changes the answers to PROPFIND, and refuses to say what has changed; does nothing when null. */
  tamper: ((listing: string) => string) | null;
  close(): Promise<void>;
}

const CHANGES_TYPE = 'application/vnd.ferry.changes';

/** Starts an HTTP proxy in front of one server on loopback that can change its listings. */
export async function startTamperingProxy(serverUrl: string): Promise<TamperingProxy> {
  const target = new URL(serverUrl);
  const proxy = createServer((incoming, answer) => {
    const { method = '', url: path = '', headers } = incoming;
    const { hostname: host, port } = target;
    // A client that is told what has changed would not ask for listings.
    if (handle.tamper && headers.accept === CHANGES_TYPE) {
      answer.writeHead(406, { 'content-length': '0' }).end();
      return;
    }
    const outgoing = request({ host, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { tamper } = handle;
        const whole = Buffer.concat(chunks);
        const body = tamper && method === 'PROPFIND' ? Buffer.from(tamper(`${whole}`)) : whole;
        const { 'transfer-encoding': _chunked, ...kept } = response.headers;
        const length =
          method === 'HEAD' || response.statusCode === 204
            ? {}
            : { 'content-length': `${body.length}` };
        answer.writeHead(response.statusCode ?? 502, { ...kept, ...length });
        answer.end(body);
      });
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const handle: TamperingProxy = {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${target.pathname}`,
    tamper: null,
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
  return handle;
}
