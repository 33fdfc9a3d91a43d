import { connect, type Socket } from 'node:net';

/** Not that of the others: what one address may have open is limited, and theirs must not run out of it. */
const SLOW_ADDRESS = '127.0.0.2';

/** Kinds of requests that take up a server without end. */
export type SlowKind = 'head' | 'body' | 'huge-head' | 'silent' | 'half-open' | 'reader';

/** Connections that are as slow as they can be, until they are closed. */
export interface SlowClients {
  /** How many connections were made, the ones that the server has cut included. */
  readonly opened: number;
  close(): void;
}

/** Opens `each` connections of every kind, and makes a new one for each that the server cuts. */
export function openSlowClients(options: {
  readonly port: number;
  readonly authorization: string;
  /** A file to be read a few bytes at a time. */
  readonly largeFile: string;
  readonly each: number;
}): SlowClients {
  const { port, authorization, largeFile, each } = options;
  const signedIn = `Host: 127.0.0.1:${port}\r\nAuthorization: ${authorization}\r\n`;
  const first: Readonly<Record<SlowKind, string>> = {
    head: 'GET / HTTP/1.1\r\nHost: x\r\n',
    body: `PUT /slow HTTP/1.1\r\n${signedIn}Content-Length: 1000000\r\n\r\n`,
    'huge-head': 'GET / HTTP/1.1\r\nHost: x\r\nX: ',
    silent: '',
    'half-open': `PUT /half HTTP/1.1\r\n${signedIn}Content-Length: 10\r\n\r\nhalf`,
    reader: `GET ${largeFile} HTTP/1.1\r\n${signedIn}\r\n`,
  };
  const more: Readonly<Record<SlowKind, string>> = {
    head: 'X',
    body: 'x',
    'huge-head': 'x'.repeat(4096),
    silent: '',
    'half-open': '',
    reader: '',
  };
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let opened = 0;
  let isClosed = false;

  const open = (kind: SlowKind): void => {
    if (isClosed) return;
    opened++;
    const socket = connect({
      port,
      host: '127.0.0.1',
      localAddress: SLOW_ADDRESS,
      allowHalfOpen: true,
    });
    socket.on('error', () => undefined); // being cut off is what it is for
    socket.once('connect', () => {
      socket.write(first[kind]);
      if (kind === 'half-open') socket.end();
      if (kind === 'reader') socket.pause();
      else socket.resume();
    });
    const timer = setInterval(() => {
      if (socket.writable && more[kind] !== '' && !socket.writableNeedDrain)
        socket.write(more[kind]);
    }, 1000);
    timers.add(timer);
    sockets.add(socket);
    socket.once('end', () => socket.end());
    socket.once('close', () => {
      clearInterval(timer);
      timers.delete(timer);
      sockets.delete(socket);
      timers.add(setTimeout(open, 500, kind));
    });
  };

  for (const kind of Object.keys(first) as SlowKind[]) for (let n = 0; n < each; n++) open(kind);
  return {
    get opened() {
      return opened;
    },
    close: () => {
      isClosed = true;
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}
