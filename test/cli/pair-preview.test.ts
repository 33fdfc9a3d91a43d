import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let ferry: ReturnType<typeof ferryInProcess>;
const at = (path: string) => join(folder.path, path);

beforeEach(async () => {
  folder = await temporaryDirectory();
  ferry = ferryInProcess(at('home'), folder.path);
  await mkdir(at('mine'));
  for (const name of ['a.txt', 'b.txt', 'c.log']) await writeFile(at(`mine/${name}`), name);
});
afterEach(() => folder.close());

async function pair(...flags: readonly string[]): Promise<void> {
  await ferry('pair', 'add', 'mine', './theirs', '--name', 'p', ...flags);
  expect((await ferry('sync', 'p')).code).toBe(0);
}

/** What a preview says would be done: `action path`. */
async function preview(...flags: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await ferry('pair', 'edit', 'p', ...flags, '--dry-run', '--json');
  const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  if (!summary.actions) throw new Error(stdout + stderr);
  return summary.actions.map(
    ({ action, path }: { action: string; path: string }) => `${action} ${path}`,
  );
}

async function done(): Promise<readonly string[]> {
  expect((await ferry('sync', 'p')).code).toBe(0);
  return (await readdir(at('theirs'))).filter((name) => !name.startsWith('.')).sort();
}

describe('ferry pair edit --dry-run', () => {
  it('says what would no longer be synced, and saves nothing', async () => {
    await pair();
    expect(await preview('--ignore', '*.log')).toEqual(['forget c.log']);
    const { stdout, stderr } = await ferry('pair', 'edit', 'p', '--ignore', '*.log', '--dry-run');
    expect(stdout).toContain('ignored from now on; it stays where it is');
    expect(stderr).toContain('0 entries would be deleted, 1 entry would no longer be synced');
    expect((await ferry('pair', 'show', 'p')).stdout).not.toContain('*.log');
    await ferry('pair', 'edit', 'p', '--ignore', '*.log');
    expect(await done()).toEqual(['a.txt', 'b.txt', 'c.log']);
  });

  it('says what comes back when a rule goes, and what a mirror would then delete', async () => {
    await pair('--ignore', '*.log', '--direction', 'local-to-remote');
    await writeFile(at('theirs/server.log'), 'own');
    expect(await preview('--no-ignore')).toEqual(['upload c.log']);
    const both = ['--no-ignore', '--mirror'] as const;
    expect([...(await preview(...both))].sort()).toEqual([
      'delete-remote server.log',
      'upload c.log',
    ]);
    await ferry('pair', 'edit', 'p', ...both);
    expect(await done()).toEqual(['a.txt', 'b.txt', 'c.log']);
  });

  it('says what a new direction would bring back, and leaves the records as they are', async () => {
    await pair('--direction', 'local-to-remote');
    await rm(at('theirs/a.txt'));
    expect(await preview()).toEqual([]);
    expect(await preview('--direction', 'two-way')).toEqual(['upload a.txt']);
    expect(await preview('--direction', 'remote-to-local')).toEqual([]);
    expect(await preview()).toEqual([]);
    await writeFile(at('theirs/new.txt'), 'new');
    expect([...(await preview('--direction', 'two-way'))].sort()).toEqual([
      'download new.txt',
      'upload a.txt',
    ]);
    const { stderr } = await ferry('pair', 'edit', 'p', '--direction', 'two-way');
    expect(stderr).toContain('takes nothing for deleted');
    expect(await done()).toEqual(['a.txt', 'b.txt', 'c.log', 'new.txt']);
  });

  it('shows the rules of the ignore file as any dry run does', async () => {
    await pair();
    await writeFile(at('mine/.ferryignore'), 'b.*\n');
    const { stdout } = await ferry('sync', 'p', '--dry-run');
    expect(stdout).toMatch(/^forget +b\.txt +\(ignored from now on/m);
    expect(await done()).toContain('b.txt');
  });
});
