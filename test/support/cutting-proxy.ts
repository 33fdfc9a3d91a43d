import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  /** The same path as the server's URL, behind the proxy. */
  readonly url: string;
  /** Bytes that passed since the last `clear`, with everything that HTTP adds. */
  readonly bytes: { up: number; down: number };
  /** When so many bytes have passed, everything is cut, and nobody gets through any more; null: never. */
  limit: number | null;
  /** Changes what comes from the server, before it is counted; null: nothing. */
  tamper: ((piece: Buffer) => Buffer) | null;
  clear(): void;
  close(): Promise<void>;
}

/** Starts a TCP proxy in front of one server on loopback that counts what passes, and can cut it off. */
export async function startCuttingProxy(serverUrl: string): Promise<CuttingProxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const bytes = { up: 0, down: 0 };
  const isOver = (): boolean => proxy.limit !== null && bytes.up + bytes.down >= proxy.limit;
  const pass = (from: Socket, to: Socket, way: 'up' | 'down'): void => {
    from.on('data', (piece: Buffer) => {
      const passed = way === 'down' && proxy.tamper !== null ? proxy.tamper(piece) : piece;
      bytes[way] += passed.length;
      if (isOver()) for (const socket of sockets) socket.destroy();
      else if (!to.write(passed)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      to.destroy();
      sockets.delete(from);
    });
    sockets.add(from);
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isOver()) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    pass(client, upstream, 'up');
    pass(upstream, client, 'down');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = new URL(serverUrl);
  own.port = String((server.address() as AddressInfo).port);
  const proxy: CuttingProxy = {
    url: own.href,
    bytes,
    limit: null,
    tamper: null,
    clear: () => {
      bytes.up = bytes.down = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return proxy;
}
