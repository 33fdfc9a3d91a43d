import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { unifiedDiff } from '../../cli/unified-diff.ts';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let ferry: ReturnType<typeof ferryInProcess>;
const at = (path: string) => join(folder.path, path);

beforeEach(async () => {
  folder = await temporaryDirectory();
  ferry = ferryInProcess(at('home'), folder.path);
});
afterEach(() => folder.close());

async function inConflict(direction = 'two-way', names: readonly string[] = ['docs/a.txt']) {
  await mkdir(at('mine/docs'), { recursive: true });
  await mkdir(at('theirs/docs'), { recursive: true });
  await ferry('pair', 'add', 'mine', 'theirs', '--name', 'p', '--direction', direction);
  const master = direction === 'remote-to-local' ? 'theirs' : 'mine';
  for (const name of names) await writeFile(at(`${master}/${name}`), 'one\ntwo\nthree\n');
  expect((await ferry('sync', 'p')).code).toBe(0);
  for (const name of names) {
    await writeFile(at(`mine/${name}`), 'one\n2\nthree\n');
    await writeFile(at(`theirs/${name}`), 'one\ntwo\nthree\nfour\n');
  }
  expect((await ferry('sync', 'p')).code).toBe(11);
}

async function list(
  ...flags: readonly string[]
): Promise<readonly { readonly path: string; copyPath: string }[]> {
  return JSON.parse((await ferry('conflicts', 'list', ...flags, '--json')).stdout);
}

async function filesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(at(directory))).filter((name) => !name.startsWith('.')).sort();
}

describe('ferry conflicts', () => {
  it('shows both versions with their differences, as text and as JSON', async () => {
    await inConflict();
    const { stdout, code } = await ferry('conflicts', 'show', 'mine/docs/a.txt');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^local +docs\/a \(conflict laptop .*\)\.txt +12 B/m);
    expect(stdout).toMatch(/^remote +docs\/a\.txt +19 B/m);
    expect(stdout).toContain('-2\n+two\n three\n+four\n');
    const view = JSON.parse((await ferry('conflicts', 'show', 'docs/a.txt', '--json')).stdout);
    expect(view).toMatchObject({
      pair: 'p',
      path: 'docs/a.txt',
      local: { sizeBytes: 12, device: 'laptop' },
      remote: { sizeBytes: 19 },
      base: { sizeBytes: 14 },
      reason: { local: 'modified', remote: 'modified' },
    });
  });

  it('shows only sizes of what is no text', async () => {
    await inConflict();
    const [conflict] = await list();
    await writeFile(at(`mine/${conflict?.copyPath}`), Buffer.from([0, 1, 2]));
    const { stdout, stderr } = await ferry('conflicts', 'show', 'docs/a.txt');
    expect(stdout).toContain('3 B');
    expect(stdout).not.toContain('@@');
    expect(stderr).toContain('not compared line by line');
  });

  it.each(['docs/a.txt', './mine/docs/a.txt', 'mine/docs', '/absolute', 'theirs/docs/a.txt'])(
    'finds a conflict by %s',
    async (text) => {
      await inConflict();
      const path = text === '/absolute' ? at('mine/docs/a.txt') : text;
      expect((await ferry('conflicts', 'keep', 'remote', path)).code).toBe(0);
      expect(await list()).toEqual([]);
    },
  );

  it('lists those of a directory or of one side only', async () => {
    await mkdir(at('mine/other'), { recursive: true });
    await inConflict('two-way', ['docs/a.txt', 'docs/b.txt', 'c.txt']);
    expect(await list()).toHaveLength(3);
    expect((await list('--below', 'mine/docs')).map(({ path }) => path).sort()).toEqual([
      'docs/a.txt',
      'docs/b.txt',
    ]);
    expect(await list('--from', 'remote')).toEqual([]);
  });

  it('says what keeping would do, does it to all, and keeps what it removes', async () => {
    await inConflict('two-way', ['docs/a.txt', 'docs/b.txt']);
    const before = await filesIn('mine/docs');
    const would = await ferry('conflicts', 'keep', 'local', '--all', '--dry-run');
    expect(would.stdout).toMatch(/would keep local: docs\/a\.txt would be removed/);
    expect(await filesIn('mine/docs')).toEqual(before);
    const done = await ferry('conflicts', 'keep', 'local', '--all');
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('2 conflicts settled')]);
    expect((await ferry('sync', 'p')).code).toBe(0);
    expect(await filesIn('theirs/docs')).toEqual(['a.txt', 'b.txt']);
    expect(await readFile(at('theirs/docs/a.txt'), 'utf8')).toBe('one\n2\nthree\n');
    const kept = await readdir(at('mine/.ferry/versions'), { recursive: true });
    const texts = await Promise.all(
      kept
        .filter((name) => name.endsWith('a.txt'))
        .map((name) => readFile(at(`mine/.ferry/versions/${name}`), 'utf8')),
    );
    expect(texts).toContain('one\ntwo\nthree\nfour\n');
  });

  it('refuses a version that does not exist, and a path without a conflict', async () => {
    await inConflict();
    expect((await ferry('conflicts', 'keep', 'newest', 'docs/a.txt')).code).toBe(2);
    expect((await ferry('conflicts', 'keep', 'local')).code).toBe(2);
    expect((await ferry('conflicts', 'keep', 'local', 'docs/b.txt')).code).toBe(2);
    expect((await ferry('conflicts', 'show', '/nowhere/b.txt')).stderr).toContain(
      'none of the pairs',
    );
  });
});

describe('a dry run', () => {
  it('lists the conflicts that there would be, and keeps nothing', async () => {
    await inConflict();
    await ferry('conflicts', 'keep', 'remote', '--all');
    await ferry('sync', 'p');
    await writeFile(at('mine/docs/a.txt'), 'again mine');
    await writeFile(at('theirs/docs/a.txt'), 'again theirs');
    const { code, stdout, stderr } = await ferry('sync', 'p', '--dry-run');
    expect([code, stdout]).toEqual([0, expect.stringContaining('1 conflict')]);
    expect(stderr).toMatch(/docs\/a\.txt: the other version would be kept as docs\/a \(conflict/);
    expect(await list()).toEqual([]);
    expect(await filesIn('mine/docs')).toEqual(['a.txt']);
  });

  it.each(['two-way', 'local-to-remote'])(
    'of a new %s pair needs no destination folder, and makes none, however often',
    async (direction) => {
      await mkdir(at('mine'));
      await writeFile(at('mine/a.txt'), 'a');
      for (let time = 0; time < 2; time++) {
        const args = ['sync', 'mine', './new/folder', '--direction', direction];
        const { code, stdout } = await ferry(...args, '--dry-run');
        expect([code, stdout]).toEqual([0, expect.stringMatching(/^upload +a\.txt/)]);
        expect(await filesIn('.')).not.toContain('new');
      }
      expect((await ferry('sync', 'mine', './new/folder', '--direction', direction)).code).toBe(0);
      expect(await filesIn('new/folder')).toEqual(['a.txt']);
    },
  );

  it('says that a master folder is missing', async () => {
    await mkdir(at('theirs'));
    const args = ['sync', 'mine', './theirs', '--direction', 'local-to-remote', '--dry-run'];
    expect((await ferry(...args)).code).toBe(3);
  });
});

describe('unifiedDiff', () => {
  const numbers = Array.from({ length: 20 }, (_, n) => `${n}\n`);
  const without = (...left: readonly number[]) =>
    numbers.filter((_, n) => !left.includes(n)).join('');

  it('says nothing about equal texts', () => expect(unifiedDiff('a\n', 'a\n')).toEqual([]));

  it('shows changes that are near each other together, and others apart', () => {
    const diff = unifiedDiff(numbers.join(''), without(2, 4, 18));
    expect(diff.filter((line) => line.startsWith('@@'))).toEqual([
      '@@ -1,8 +1,6 @@',
      '@@ -16,5 +14,4 @@',
    ]);
    expect(diff.filter((line) => line.startsWith('-'))).toEqual(['-2', '-4', '-18']);
  });

  it('counts from zero where one text is empty', () => {
    expect(unifiedDiff('', 'a\nb\n')).toEqual(['@@ -0,0 +1,2 @@', '+a', '+b']);
    expect(unifiedDiff('a\n', '')).toEqual(['@@ -1 +0,0 @@', '-a']);
  });

  it('says when the last line has no end', () => {
    expect(unifiedDiff('a\nb', 'a\nb\n')).toEqual([
      '@@ -1,2 +1,2 @@',
      ' a',
      '-b',
      '\\ No newline at end of file',
      '+b',
    ]);
  });

  it('shows texts that have little in common as replaced', () => {
    const lines = (from: number) =>
      Array.from({ length: 1500 }, (_, n) => `${from + n}\n`).join('');
    const diff = unifiedDiff(lines(0), lines(10_000));
    expect(diff).toHaveLength(3001);
  });
});
