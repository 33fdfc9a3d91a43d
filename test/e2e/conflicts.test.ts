import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];

let server: RealServer;
let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let ferry: ReturnType<typeof ferryInProcess>;
let count = 0;
/** This test's own folder on the server. */
let remote = '';
const at = (path: string) => join(folder.path, path);
const there = (path: string) => join(server.directory, remote, path);

beforeAll(async () => {
  server = await companion().start();
});
afterAll(() => server.close());
beforeEach(async () => {
  folder = await temporaryDirectory('ferry-conflicts');
  ferry = ferryInProcess(at('home'), folder.path);
  remote = `test-${count++}`;
  await mkdir(there(''));
  await mkdir(at('mine'));
});
afterEach(() => folder.close());

async function sync(): Promise<number> {
  return (await ferry('sync', 'p')).code ?? -1;
}

/** Leaves `a.txt` in conflict; the base was there before and was replaced, so that a version store has it. */
async function inConflict(direction: Direction): Promise<string> {
  const url = `${server.url}${remote}/`;
  const added = await ferry('pair', 'add', 'mine', url, '--name', 'p', '--direction', direction);
  expect([added.code, added.stderr]).toEqual([0, '']);
  await writeFile(direction === 'remote-to-local' ? there('a.txt') : at('mine/a.txt'), 'base\n');
  expect(await sync()).toBe(0);
  await writeFile(at('mine/a.txt'), 'base\nmine\n');
  await writeFile(there('a.txt'), 'theirs\nbase\n');
  expect(await sync()).toBe(11);
  const [conflict] = JSON.parse((await ferry('conflicts', '--json')).stdout);
  return conflict.copyPath;
}

async function textsIn(directory: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  const texts = names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')]);
  return Object.fromEntries(await Promise.all(texts));
}

/** Contents in the version stores of both sides. */
async function keptTexts(): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const root of [at('mine'), server.directory]) {
    const store = join(root, '.ferry/versions');
    const found = await readdir(store, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const each of found)
      if (each.isFile()) texts.push(await readFile(join(each.parentPath, each.name), 'utf8'));
  }
  return texts;
}

describe('a conflict with a server', () => {
  it.each(
    DIRECTIONS.flatMap((direction) =>
      (['local', 'remote'] as const).map((keep) => ({ direction, keep })),
    ),
  )(
    'is settled by keeping $keep in a $direction pair, and nothing is lost',
    async ({ direction, keep }) => {
      await inConflict(direction);
      const done = await ferry('conflicts', 'keep', keep, 'a.txt');
      expect([done.code, done.stdout]).toEqual([
        0,
        expect.stringContaining('kept in .ferry/versions'),
      ]);
      expect(await sync()).toBe(0);
      const kept = keep === 'local' ? 'base\nmine\n' : 'theirs\nbase\n';
      const dropped = keep === 'local' ? 'theirs\nbase\n' : 'base\nmine\n';
      const holder = direction === 'local-to-remote' ? there('') : at('mine');
      expect(await textsIn(holder)).toEqual({ 'a.txt': kept });
      const master = direction === 'local-to-remote' ? 'base\nmine\n' : 'theirs\nbase\n';
      const other = direction === 'local-to-remote' ? at('mine') : there('');
      expect(await textsIn(other)).toEqual({ 'a.txt': direction === 'two-way' ? kept : master });
      expect(await keptTexts()).toContain(dropped);
      expect(await sync()).toBe(0);
      expect((await ferry('conflicts')).stderr).toContain('no conflicts');
    },
  );

  it.each(DIRECTIONS)('follows its copy when the user renames it (%s)', async (direction) => {
    const copyPath = await inConflict(direction);
    const holder = direction === 'local-to-remote' ? there : (path: string) => at(`mine/${path}`);
    await rename(holder(copyPath), holder('renamed.txt'));
    expect(await sync()).toBe(0);
    const [conflict] = JSON.parse((await ferry('conflicts', '--json')).stdout);
    expect(conflict).toMatchObject({ path: 'a.txt', copyPath: 'renamed.txt' });
    const { stdout } = await ferry('conflicts', 'show', 'renamed.txt');
    expect(stdout).toMatch(/^local .* 10 B/m);
    expect(stdout).toMatch(/^remote .* 12 B/m);
    await rm(holder('renamed.txt'));
    expect(await sync()).toBe(0);
    expect((await ferry('conflicts')).stderr).toContain('no conflicts');
  });

  it('shows what each side changed when a version store still has what was before', async () => {
    const url = `${server.url}${remote}/`;
    await ferry('pair', 'add', 'mine', url, '--name', 'p');
    await writeFile(at('mine/a.txt'), 'base\n');
    await sync();
    await writeFile(there('a.txt'), 'in between, longer\n');
    await sync();
    await writeFile(there('a.txt'), 'base\n');
    await sync();
    await writeFile(at('mine/a.txt'), 'base\nmine\n');
    await writeFile(there('a.txt'), 'theirs\nbase\n');
    expect(await sync()).toBe(11);
    const { stdout } = await ferry('conflicts', 'show', 'a.txt');
    expect(stdout).toContain('kept in the local version store');
    expect(stdout).toMatch(/^--- before: a\.txt .*\n\+\+\+ local: .*\n@@ .* @@\n base\n\+mine$/m);
    expect(stdout).toMatch(
      /^--- before: a\.txt .*\n\+\+\+ remote: .*\n@@ .* @@\n\+theirs\n base$/m,
    );
  });
});
