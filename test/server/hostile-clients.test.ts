import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { hashPassword } from '../../server/users.ts';
import { type Fixture, startServer } from './support/running-server.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

const SLOW = Number(process.env['FERRY_HOSTILE_CLIENTS'] ?? 40);

let site: Fixture;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await site.close();
});

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

async function start(): Promise<void> {
  const passwordHash = await hashPassword('pass');
  const users = ['ann', 'bob'].map((name) => ({ name, passwordHash }));
  site = await startServer({ users });
  expect((await ask()).status).toBe(200);
}

const ask = () => site.ask('GET', '/', { authorization: basic('bob', 'pass') });

/** Opens connections that each say `first`, and then a little more from time to time. */
function open(count: number, first: string, more: () => string | Buffer, everyMs: number): void {
  for (let n = 0; n < count; n++) {
    const socket = connect(site.server.port, '127.0.0.1', () => socket.write(first));
    socket.on('error', () => clearInterval(timer)); // the server may cut it at any time
    socket.on('close', () => clearInterval(timer));
    const timer = setInterval(() => {
      if (socket.writableLength < 1024 * 1024) socket.write(more());
    }, everyMs);
    sockets.push(socket);
  }
}

/** Asks for a while as somebody else, and returns the longest wait and the memory that it took. */
async function others(): Promise<{ readonly worstMs: number; readonly grownBytes: number }> {
  const before = process.memoryUsage().rss;
  let worstMs = 0;
  for (let n = 0; n < 20; n++) {
    const startedAt = performance.now();
    expect((await ask()).status).toBe(200);
    worstMs = Math.max(worstMs, performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { worstMs, grownBytes: process.memoryUsage().rss - before };
}

// Generous, as the clients share the processor with the server.
const WORST_MS = 10_000;
const MOST_BYTES = 200 * 1024 * 1024;

describe('a server goes on with others, in bounded memory, while', () => {
  test('many connections send their heads a byte at a time', async () => {
    await start();
    open(SLOW, 'GET / HTTP/1.1\r\nHost: x\r\n', () => 'x', 50);
    const { worstMs, grownBytes } = await others();
    expect(worstMs).toBeLessThan(WORST_MS);
    expect(grownBytes).toBeLessThan(MOST_BYTES);
  });

  test('many connections send nothing at all', async () => {
    await start();
    open(SLOW, '', () => '', 1000);
    expect((await others()).worstMs).toBeLessThan(WORST_MS);
  });

  test('many bodies never end, and nothing of them is left when they break off', async () => {
    await start();
    const head = `Host: x\r\nAuthorization: ${basic('ann', 'pass')}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    open(SLOW / 2, `PUT /endless HTTP/1.1\r\n${head}`, () => chunk, 10);
    open(SLOW / 2, `PROPFIND / HTTP/1.1\r\n${head}`, () => chunk, 10);
    const { worstMs, grownBytes } = await others();
    expect(worstMs).toBeLessThan(WORST_MS);
    expect(grownBytes).toBeLessThan(MOST_BYTES);
    for (const socket of sockets.splice(0)) socket.destroy();
    for (let tries = 0; site.server.stats.activeRequests > 0 && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
    expect(await readdir(site.directory)).toEqual(['.ferry']);
  });

  test('bodies come from clients that did not sign in', async () => {
    await start();
    open(SLOW, 'PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n', () => 'x', 20);
    expect((await others()).worstMs).toBeLessThan(WORST_MS);
    expect(await readdir(site.directory)).toEqual(['.ferry']);
  });

  test('heads are huge', async () => {
    await start();
    open(SLOW, 'GET / HTTP/1.1\r\nHost: x\r\nX: ', () => 'x'.repeat(8192), 10);
    const { worstMs, grownBytes } = await others();
    expect(worstMs).toBeLessThan(WORST_MS);
    expect(grownBytes).toBeLessThan(MOST_BYTES);
  });
});

test('one address cannot take all connections', async () => {
  site = await startServer({ connectionLimits: { perAddress: 10 } });
  open(30, '', () => '', 1000);
  for (
    let tries = 0;
    sockets.filter((socket) => socket.destroyed).length < 20 && tries < 100;
    tries++
  )
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sockets.filter((socket) => socket.destroyed)).toHaveLength(20);
  expect(site.server.stats.connections).toBe(10);
  sockets.pop()?.destroy();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (let tries = 0; site.server.stats.connections > 0 && tries < 100; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect((await site.ask('GET', '/')).status).toBe(200);
});
