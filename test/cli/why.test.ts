import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { runFerry } from '../support/run-ferry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let ferry: ReturnType<typeof ferryInProcess>;
const at = (path: string) => join(folder.path, path);

beforeEach(async () => {
  folder = await temporaryDirectory();
  ferry = ferryInProcess(at('home'), folder.path);
  await mkdir(at('mine/docs'), { recursive: true });
  await writeFile(at('mine/docs/a.txt'), 'one');
  await writeFile(at('mine/.ferryignore'), '*.log\n');
  await ferry('pair', 'add', 'mine', './theirs', '--name', 'p');
  await ferry('sync', 'p');
});
afterEach(() => folder.close());

async function json(...args: readonly string[]) {
  const { stdout, stderr, code } = await ferry('why', ...args, '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

describe('ferry why', () => {
  it('says it in words', async () => {
    await writeFile(at('mine/docs/a.txt'), 'changed');
    await ferry('sync', 'p');
    const { stdout, code } = await ferry('why', 'mine/docs/a.txt');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^p: docs\/a\.txt \(file\)\nin sync: .* \(run 2\)\n/);
    expect(stdout).toMatch(/^ {2}local +as recorded +7 B/m);
    expect(stdout).toMatch(
      /^ {2}run 2, .*: written on the remote side: changed on one side \(local modified, remote none\)$/m,
    );
  });

  it('finds a path from the root of the pair, from the current folder, absolute, and through a link', async () => {
    await symlink(at('mine'), at('link'));
    const inDocs = ferryInProcess(at('home'), at('mine/docs'));
    for (const text of [
      'docs/a.txt',
      'mine/docs/a.txt',
      at('mine/docs/a.txt'),
      'link/docs/a.txt',
      'theirs/docs/a.txt',
      './mine/docs/../docs/a.txt',
    ])
      expect(await json(text)).toMatchObject({ pair: 'p', path: 'docs/a.txt', state: 'in-sync' });
    for (const text of ['a.txt', 'docs/a.txt', '../docs/a.txt'])
      expect(JSON.parse((await inDocs('why', text, '--json')).stdout).path).toBe('docs/a.txt');
  });

  it('finds what is gone', async () => {
    await rename(at('mine/docs/a.txt'), at('mine/docs/b.txt'));
    await ferry('sync', 'p');
    expect((await json('mine/docs/a.txt')).text).toBe('it was moved to docs/b.txt in run 2');
    await rm(at('mine/docs'), { recursive: true });
    await ferry('sync', 'p');
    expect((await json(at('mine/docs/b.txt'))).text).toContain(
      'removed on the remote side in run 3',
    );
  });

  it('names the line that makes a file ignored', async () => {
    await writeFile(at('mine/docs/x.log'), '');
    const { stdout } = await ferry('why', 'mine/docs/x.log');
    expect(stdout).toContain('ignored by *.log (.ferryignore:1)');
  });

  it('counts what is in a directory', async () => {
    await writeFile(at('mine/docs/new.txt'), '');
    const { stdout } = await ferry('why', 'mine/docs');
    expect(stdout).toContain('in it: 1 in sync, 1 pending');
    expect(stdout).toContain('docs/new.txt: pending: new locally');
  });

  it('says that a path is in none of the pairs', async () => {
    const { code, stderr } = await ferry('why', '/nowhere/at/all');
    expect([code, stderr]).toEqual([2, expect.stringContaining('in none of the pairs')]);
    expect((await ferry('why', 'docs/a.txt', '--pair', 'nope')).code).toBe(2);
    expect(await json('never/heard/of')).toMatchObject({ state: 'unknown' });
  });

  it('asks the daemon where it holds the pair, and says when the next run is', async () => {
    await ferry('pair', 'edit', 'p', '--every', '1h');
    const home = at('home');
    expect((await runFerry(home, ['daemon', 'start'])).code).toBe(0);
    try {
      const found = await json('mine/docs/a.txt');
      expect(found).toMatchObject({ state: 'in-sync', history: [{ run: 1 }] });
      expect(found.nextRunAtMs).toBeGreaterThan(Date.now());
      expect((await ferry('plan', 'show')).stderr).toContain('no plan is held');
    } finally {
      await runFerry(home, ['daemon', 'stop']);
    }
  }, 40_000);
});
