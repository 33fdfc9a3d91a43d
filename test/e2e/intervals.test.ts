import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FerryProcess, runFerry, startFerry } from '../support/run-ferry.ts';
import { freePort } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const INTERVAL_S = 2;
/** Two intervals, and the time that the runs themselves take on a busy machine. */
const TWO_INTERVALS_MS = 2 * INTERVAL_S * 1000 + 4000;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let home: string;
let port: number;
let server: FerryProcess;
let daemon: FerryProcess;

async function startServer(): Promise<FerryProcess> {
  const listen = `127.0.0.1:${port}`;
  const started = startFerry(join(folder.path, 'server-home'), [
    'serve',
    join(folder.path, 'remote'),
    '--listen',
    listen,
    '--no-tls',
  ]);
  await started.line(/serving/);
  return started;
}

async function end(process: FerryProcess): Promise<void> {
  process.child.kill('SIGTERM');
  await process.result;
}

async function contentOf(path: string, withinMs: number): Promise<string | null> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const content = await readFile(path, 'utf8').catch(() => null);
    if (content !== null || Date.now() > deadline) return content;
    await sleep(100);
  }
}

/** Tells whether `ferry status` comes to say something within a time. */
async function statusSays(pattern: RegExp, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  do {
    if (pattern.test((await runFerry(home, ['status', 'p'])).stdout)) return true;
    await sleep(300);
  } while (Date.now() < deadline);
  return false;
}

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-every');
  home = join(folder.path, 'home');
  for (const name of ['local', 'remote']) await mkdir(join(folder.path, name));
  port = await freePort();
  server = await startServer();
  daemon = startFerry(home, ['daemon', 'run']);
});

afterEach(async () => {
  await end(daemon);
  await end(server);
  await folder.close();
});

describe('a pair that is synced at an interval', () => {
  it('carries changes of either side within two intervals, also after the server was away', async () => {
    const local = join(folder.path, 'local');
    const remote = join(folder.path, 'remote');
    const pair = ['pair', 'add', local, `http://127.0.0.1:${port}/`, '--name', 'p'];
    const added = await runFerry(home, [...pair, '--every', `${INTERVAL_S}s`]);
    expect([added.code, added.stderr]).toEqual([0, expect.any(String)]);

    await writeFile(join(local, 'from-here'), 'here');
    await writeFile(join(remote, 'from-there'), 'there');
    expect(await contentOf(join(remote, 'from-here'), TWO_INTERVALS_MS)).toBe('here');
    expect(await contentOf(join(local, 'from-there'), TWO_INTERVALS_MS)).toBe('there');

    await end(server);
    await writeFile(join(local, 'while-away'), 'kept');
    expect(await statusSays(/nothing listens there/, 5 * TWO_INTERVALS_MS)).toBe(true);
    server = await startServer();
    expect(await contentOf(join(remote, 'while-away'), 3 * TWO_INTERVALS_MS)).toBe('kept');
    expect(daemon.child.exitCode).toBeNull();
  }, 120_000);
});
