import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiState } from '../../daemon/api.ts';
import { createTrayApi } from '../../tray/api-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let socketPath: string;
let server: Server | null = null;
let requests: string[];

async function listen(): Promise<void> {
  server = createServer((request, response) => {
    if (request.url === '/events') {
      response.write('{"version":"1","pid":1,"pairs":[]}\n');
      return;
    }
    let body = '';
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      requests.push(`${request.method} ${request.url} ${body}`);
      const isRefused = request.url?.includes('nope') === true;
      response.writeHead(isRefused ? 400 : 202);
      response.end(isRefused ? '{"error":{"code":"X","message":"no such pair"}}' : '{}');
    });
  });
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
}

async function hangUp(): Promise<void> {
  server?.closeAllConnections();
  await new Promise<void>((resolve) =>
    server === null ? resolve() : server.close(() => resolve()),
  );
  server = null;
}

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-tray');
  socketPath = join(folder.path, 's');
  requests = [];
});
afterEach(async () => {
  await hangUp();
  await folder.close();
});

describe('the tray’s client', () => {
  it('follows a daemon that comes, goes and comes again', async () => {
    const seen: (ApiState | null)[] = [];
    const stop = new AbortController();
    const until = async (matches: () => boolean) => {
      const deadline = Date.now() + 5000;
      while (!matches() && Date.now() < deadline) await new Promise((next) => setTimeout(next, 10));
    };
    const following = createTrayApi(socketPath, 20).follow(
      (state) => seen.push(state),
      stop.signal,
    );
    await until(() => seen.includes(null));
    await listen();
    await until(() => seen.at(-1)?.pid === 1);
    await hangUp();
    await until(() => seen.at(-1) === null);
    await listen();
    await until(() => seen.at(-1)?.pid === 1);
    stop.abort();
    await following;
    expect(seen.filter((state) => state !== null).length).toBe(2);
  });

  it('sends commands, and rejects with the daemon’s own words', async () => {
    await listen();
    const api = createTrayApi(socketPath);
    await api.command('my docs', 'direction', { direction: 'two-way' });
    expect(requests).toEqual(['POST /pairs/my%20docs/direction {"direction":"two-way"}']);
    await expect(api.command('nope', 'sync')).rejects.toThrow('nope: no such pair');
  });
});
