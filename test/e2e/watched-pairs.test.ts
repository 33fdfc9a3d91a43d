import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { type FerryProcess, startFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Far more than it takes, for machines that are busy with other tests; a look at all every 30 s would be too late. */
const SOON_MS = 15_000;

let base: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
let proxy: CountingProxy;
let clients: FerryProcess[];
let one: string;
let other: string;

async function watch(name: string): Promise<string> {
  const folder = join(base.path, name);
  await mkdir(folder);
  const pair = [folder, proxy.url, '--direction', 'two-way', '--watch'];
  const client = startFerry(join(base.path, `home of ${name}`), ['sync', ...pair]);
  clients.push(client);
  await client.line(/watching/);
  return folder;
}

/** Returns how long it took, in ms. */
async function until(condition: () => Promise<boolean>): Promise<number> {
  const begun = performance.now();
  while (performance.now() - begun < SOON_MS) {
    if (await condition()) return performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it did not happen');
}

function holds(path: string, content: string | null): () => Promise<boolean> {
  return async () => (await readFile(path, 'utf8').catch(() => null)) === content;
}

beforeEach(async () => {
  base = await temporaryDirectory('ferry-watched');
  server = await companion().start();
  proxy = await startCountingProxy(server.url);
  clients = [];
  await writeFile(join(server.directory, 'begin'), 'begin');
  one = await watch('one');
  other = await watch('other');
  await until(holds(join(one, 'begin'), 'begin'));
  await until(holds(join(other, 'begin'), 'begin'));
}, 60_000);

afterEach(async () => {
  for (const { child } of clients) child.kill('SIGINT');
  await Promise.all(clients.map(({ result }) => result));
  await proxy.close();
  await server.close();
  await base.close();
}, 60_000);

describe('two clients that watch, and a server between them', () => {
  it('show an edit, a rename and a removal of one on the other within moments', async () => {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      await writeFile(join(one, 'file'), `round ${round}`);
      times.push(await until(holds(join(other, 'file'), `round ${round}`)));
      await writeFile(join(other, 'file'), `answer ${round}`);
      times.push(await until(holds(join(one, 'file'), `answer ${round}`)));
    }
    await rename(join(one, 'file'), join(one, 'renamed'));
    await until(holds(join(other, 'renamed'), 'answer 4'));
    await rm(join(other, 'renamed'));
    await until(holds(join(one, 'renamed'), null));
    const median = times.sort((a, b) => a - b)[times.length >> 1];
    process.stderr.write(`from client to client, median: ${median?.toFixed(0)} ms\n`);
    expect(median).toBeLessThan(2000);
  }, 60_000);

  it('ask nothing while nothing happens', async () => {
    await writeFile(join(one, 'last'), 'last');
    await until(holds(join(other, 'last'), 'last'));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    proxy.clear();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    // The look at all every half minute may fall into it.
    expect(Object.keys(proxy.counts).filter((method) => method !== 'CHANGES')).toEqual([]);
    expect(proxy.counts['CHANGES'] ?? 0).toBeLessThan(3);
  }, 60_000);

  it('find each other again after the connections were lost', async () => {
    proxy.drop();
    await writeFile(join(one, 'later'), 'later');
    await until(holds(join(other, 'later'), 'later'));
  }, 60_000);
});
