import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RunSummary } from '../../core/engine/pair-engine.ts';
import type { Direction } from '../../core/model/entry.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { listTree, makeTree } from '../support/file-trees.ts';
import { runFerry, startFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const FILES = 200;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
let proxy: CountingProxy;
let home: string;
let local: string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-reset');
  server = await companion().start();
  proxy = await startCountingProxy(server.url);
  home = join(folder.path, 'home');
  local = join(folder.path, 'local');
  await mkdir(local);
});

afterEach(async () => {
  await proxy.close();
  await server.close();
  await folder.close();
});

async function json(args: readonly string[]): Promise<RunSummary> {
  const result = await runFerry(home, [...args, '--json']);
  if (result.code !== 0 && result.code !== 11)
    throw new Error(`exit code ${result.code}: ${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as RunSummary;
}

async function contentBytes(directory: string): Promise<number> {
  const lines = Object.values(await listTree(directory)).filter((line) => line !== '');
  return lines.reduce((sum, line) => sum + Number(line.split(' ')[0]), 0);
}

async function pairOf(direction: Direction): Promise<void> {
  await makeTree(direction === 'remote-to-local' ? server.directory : local, FILES);
  const pair = ['pair', 'add', local, proxy.url, '--name', 'p', '--direction', direction];
  expect((await runFerry(home, pair)).code).toBe(0);
  await json(['sync', 'p']);
  proxy.clear();
}

const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];

describe('ferry reset', () => {
  it.each(DIRECTIONS)(
    'transfers every byte again and deletes nothing, %s',
    async (direction) => {
      await pairOf(direction);
      const destination = direction === 'local-to-remote' ? server.directory : local;
      const path = 'dir 1/file #1 100%.txt';
      await writeFile(join(destination, path), 'edited on the destination');
      await rm(join(destination, 'dir 2'), { recursive: true });
      const expected = await contentBytes(
        direction === 'local-to-remote' ? local : server.directory,
      );
      const preview = await runFerry(home, ['reset', 'p']);
      expect(preview.code).not.toBe(0);
      expect(preview.stderr).toMatch(/--yes/);
      proxy.clear();
      const summary = await json(['reset', 'p', '--yes']);
      const { up, down } = proxy.contentBytes;
      expect(direction === 'local-to-remote' ? up : down).toBeGreaterThanOrEqual(expected);
      expect([summary.deletedLocal, summary.deletedRemote]).toEqual([0, 0]);
      const after = Object.keys(await listTree(destination));
      expect(after.some((name) => name.startsWith('dir 2/'))).toBe(true);
      const contents = await Promise.all(
        after
          .filter((name) => !name.endsWith('/'))
          .map((name) => readFile(join(destination, name))),
      );
      expect(
        contents.some((content) => content.equals(Buffer.from('edited on the destination'))),
      ).toBe(true);
      proxy.clear();
      await json(['sync', 'p']);
      expect([proxy.counts['GET'] ?? 0, proxy.counts['PUT'] ?? 0]).toEqual([0, 0]);
    },
    120_000,
  );

  it.each(DIRECTIONS)(
    'goes on where it was killed, %s',
    async (direction) => {
      await pairOf(direction);
      const run = startFerry(home, ['reset', 'p', '--yes', '-q']);
      const moved = (): number =>
        direction === 'local-to-remote' ? proxy.contentBytes.up : proxy.contentBytes.down;
      const deadline = Date.now() + 60_000;
      // Small files come many at a time: half of them may be all of them.
      while (moved() === 0 && Date.now() < deadline && run.child.exitCode === null) await sleep(2);
      run.child.kill('SIGKILL');
      await run.result;
      await rm(join(local, 'dir 3'), { recursive: true });
      const summary = await json(['sync', 'p']);
      expect([summary.deletedLocal, summary.deletedRemote]).toEqual([0, 0]);
      expect(summary.problems).toEqual([]);
      const names = Object.keys(await listTree(server.directory));
      expect(names.some((name) => name.startsWith('dir 3/'))).toBe(true);
    },
    120_000,
  );
});
