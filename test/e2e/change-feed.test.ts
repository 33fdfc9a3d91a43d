import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RunSummary } from '../../core/engine/pair-engine.ts';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { differences, listTree, makeTree } from '../support/file-trees.ts';
import { runFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
let proxy: CountingProxy;
let local: string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-feed');
  server = await companion().start();
  proxy = await startCountingProxy(server.url);
  local = join(folder.path, 'local');
  await mkdir(local);
}, 60_000);

afterEach(async () => {
  await proxy.close();
  await server.close();
  await folder.close();
});

async function sync(direction: Direction, ...flags: readonly string[]): Promise<RunSummary> {
  proxy.clear();
  const pair = [local, proxy.url, '--direction', direction];
  const result = await runFerry(join(folder.path, 'home'), ['sync', ...pair, ...flags, '--json']);
  const last = result.stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`${result.code}: ${result.stderr}`);
  return JSON.parse(last) as RunSummary;
}

describe('a one-shot run against the companion server', () => {
  it.each(DIRECTIONS)(
    'asks one question when nothing has changed (%s)',
    async (direction) => {
      await makeTree(direction === 'local-to-remote' ? local : server.directory, 60);
      await sync(direction);
      // Its own uploads are told to it once; after that there is nothing to tell.
      expect(await sync(direction)).toMatchObject({ complete: true, problems: [] });
      expect(proxy.counts).toEqual({ CHANGES: 1 });
      await sync(direction);
      expect(proxy.counts).toEqual({ CHANGES: 1 });
      expect(proxy.bytes.down).toBeLessThan(500);
    },
    60_000,
  );

  it('asks one question, and fetches what is new, when others have changed something', async () => {
    await makeTree(server.directory, 60);
    await sync('two-way');
    await writeFile(join(server.directory, 'dir 1', 'new.txt'), 'new');
    await mkdir(join(server.directory, 'made', 'deep'), { recursive: true });
    await writeFile(join(server.directory, 'made', 'deep', 'file'), 'made');
    await rm(join(server.directory, 'dir 2'), { recursive: true });
    await rename(join(server.directory, 'dir 3'), join(server.directory, 'moved'));
    const summary = await sync('two-way');
    expect(summary).toMatchObject({ downloaded: 2, problems: [] });
    const between = differences(await listTree(server.directory), await listTree(local));
    expect(between).toEqual([]);
    expect(proxy.counts['CHANGES']).toBe(1);
    expect(proxy.counts['LISTINGS'] ?? 0).toBe(0);
    await sync('two-way');
    await sync('two-way');
    expect(proxy.counts).toEqual({ CHANGES: 1 });
  }, 60_000);

  it('says a rename of a directory in two questions, however much is in it', async () => {
    await makeTree(join(local, 'tree'), 300);
    await sync('two-way');
    await sync('two-way');
    await rename(join(local, 'tree'), join(local, 'renamed'));
    expect(await sync('two-way')).toMatchObject({ moved: 1, uploaded: 0, problems: [] });
    expect(proxy.counts).toMatchObject({ CHANGES: 1, MOVE: 1 });
    expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(16_000);
    // What it has moved itself is not listed afterwards, also when it is moved once more, or changed by others.
    await rename(join(local, 'renamed'), join(local, 'again'));
    expect(await sync('two-way')).toMatchObject({ moved: 1, uploaded: 0, problems: [] });
    expect(proxy.bytes.up + proxy.bytes.down).toBeLessThan(16_000);
    await sync('two-way');
    expect(proxy.counts).toEqual({ CHANGES: 1 });
    await writeFile(join(server.directory, 'again', 'dir 1', 'new.txt'), 'new');
    await rename(join(local, 'again'), join(local, 'at last'));
    expect(await sync('two-way')).toMatchObject({ moved: 1, downloaded: 1, problems: [] });
    const between = differences(await listTree(server.directory), await listTree(local));
    expect(between).toEqual([]);
  }, 60_000);

  it('finds what happened while the server was down', async () => {
    await writeFile(join(local, 'file'), 'one');
    await writeFile(join(local, 'other'), 'one');
    await sync('two-way');
    await writeFile(join(server.directory, 'file'), 'two');
    await rm(join(server.directory, '.ferry', 'feed'), { recursive: true, force: true });
    await sync('two-way');
    expect(await readFile(join(local, 'file'), 'utf8')).toBe('two');
  }, 60_000);
});
