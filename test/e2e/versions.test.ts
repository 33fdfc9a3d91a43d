import { mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChangeReport } from '../../core/engine/local-changes.ts';
import type { ListedVersion } from '../../core/engine/pair-history.ts';
import { type FerryResult, runFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let home: string;
let local: string;
let remote: string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-versions');
  home = join(folder.path, 'home');
  local = join(folder.path, 'local');
  remote = join(folder.path, 'remote');
  await mkdir(local);
  await mkdir(remote);
});

afterEach(async () => {
  await runFerry(home, ['daemon', 'stop', '-q']);
  await folder.close();
});

async function ferry(...args: readonly string[]): Promise<FerryResult> {
  const result = await runFerry(home, args);
  if (result.code !== 0 && result.code !== 11)
    throw new Error(`ferry ${args.join(' ')}: ${result.code}\n${result.stdout}${result.stderr}`);
  return result;
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { stdout } = await ferry(...args, '--json');
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

async function write(root: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const text = (root: string, path: string) => readFile(join(root, path), 'utf8');

async function addPair(...flags: readonly string[]): Promise<void> {
  await ferry('pair', 'add', local, remote, '--name', 'p', ...flags);
}

/** Two runs: the second replaces a file, deletes one, and deletes a directory. */
async function makeHistory(): Promise<void> {
  await addPair();
  await write(remote, 'letter.txt', 'first draft');
  await write(remote, 'list.txt', 'milk');
  await write(remote, 'photos/one.jpg', 'picture 1');
  await write(remote, 'photos/two.jpg', 'picture 2');
  await ferry('sync', 'p');
  await write(remote, 'letter.txt', 'second draft');
  await unlink(join(remote, 'list.txt'));
  await rm(join(remote, 'photos'), { recursive: true });
  await ferry('sync', 'p');
}

describe('kept versions on the command line', () => {
  it('are listed with the reason, come back one by one, by directory and by time, and travel with the next run', async () => {
    const beforeMs = Date.now() - 1000;
    await makeHistory();
    const listed = await json<ListedVersion[]>('versions', join(local, 'letter.txt'));
    expect(listed).toMatchObject([
      { path: 'letter.txt', cause: 'replaced', run: 2, side: 'local' },
    ]);
    const gone = await ferry('versions', '--deleted', local);
    expect(gone.stdout).toMatch(/list\.txt \(not there now\)\n.* deleted, run 2/);
    expect(gone.stdout).not.toContain('letter.txt');

    const dry = await json<ChangeReport>('restore', join(local, 'photos'), '--dry-run');
    expect(dry.steps.map(({ path }) => path)).toEqual(['photos/one.jpg', 'photos/two.jpg']);
    expect(await readdir(local)).not.toContain('photos');
    await ferry('restore', join(local, 'photos'));
    expect(await text(local, 'photos/two.jpg')).toBe('picture 2');

    await ferry('restore', 'letter.txt', '--to', 'drafts/first.txt');
    expect(await text(local, 'drafts/first.txt')).toBe('first draft');
    expect(await text(local, 'letter.txt')).toBe('second draft');

    await write(local, 'letter.txt', 'third draft, not synced yet');
    const at = new Date(beforeMs).toISOString();
    await ferry('restore', join(local, 'letter.txt'), '--at', at);
    expect(await text(local, 'letter.txt')).toBe('first draft');
    const kept = await json<ListedVersion[]>('versions', 'letter.txt');
    expect(kept[0]).toMatchObject({ cause: 'restore', isOnlyCopy: true });

    await ferry('sync', 'p');
    expect(await text(remote, 'letter.txt')).toBe('first draft');
    expect(await text(remote, 'photos/one.jpg')).toBe('picture 1');

    const unknown = await runFerry(home, ['restore', join(local, 'nothing.txt')]);
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toContain('no version is kept of it');
  }, 60_000);

  it('include those of a remote that is a folder: what the user deleted here comes back', async () => {
    await addPair();
    await write(local, 'notes.txt', 'written here');
    await write(local, 'other.txt', 'stays');
    await ferry('sync', 'p');
    await unlink(join(local, 'notes.txt'));
    await ferry('sync', 'p');
    const listed = await ferry('versions', join(local, 'notes.txt'));
    expect(listed.stdout).toMatch(/ remote {2}deleted, run 2/);
    await ferry('undo', 'p', '--yes');
    expect(await text(local, 'notes.txt')).toBe('written here');
    await ferry('sync', 'p');
    expect(await text(remote, 'notes.txt')).toBe('written here');
  }, 60_000);
});

describe('versions on the companion server', () => {
  it('are listed, and bring back what was deleted here', async () => {
    const server = await companion().start();
    try {
      await ferry('pair', 'add', local, server.url, '--name', 'p');
      await write(local, 'notes.txt', 'written here');
      await write(local, 'draft.txt', 'first');
      await ferry('sync', 'p');
      await unlink(join(local, 'notes.txt'));
      await write(local, 'draft.txt', 'second, longer');
      await ferry('sync', 'p');
      const listed = await json<ListedVersion[]>('versions', local);
      expect(listed.map(({ path, side }) => `${path} ${side}`).sort()).toEqual([
        'draft.txt remote',
        'notes.txt remote',
      ]);
      const report = await json<ChangeReport>('undo', 'p', '--yes');
      expect(report.refused).toEqual([]);
      expect(await text(local, 'notes.txt')).toBe('written here');
      expect(await text(local, 'draft.txt')).toBe('first');
      await ferry('sync', 'p');
      expect(await text(server.directory, 'draft.txt')).toBe('first');
    } finally {
      await server.close();
    }
  }, 60_000);
});

describe('ferry undo', () => {
  it('says what it would do, asks, takes the last run back, and can be taken back', async () => {
    await makeHistory();
    const dry = await ferry('undo', '--dry-run');
    expect(dry.stdout).toContain('letter.txt');
    expect(dry.stderr).toContain('would be 4 restored');
    const asked = await runFerry(home, ['undo', 'p']);
    expect(asked.code).not.toBe(0);
    expect(asked.stderr).toContain('--yes');
    expect(await text(local, 'letter.txt')).toBe('second draft');

    const report = await json<ChangeReport>('undo', 'p', '--yes');
    expect(report).toMatchObject({ run: 3, undoOf: 2, refused: [] });
    expect(await text(local, 'letter.txt')).toBe('first draft');
    expect(await text(local, 'photos/one.jpg')).toBe('picture 1');
    const { stdout } = await ferry('undo', 'p', '--list');
    expect(stdout).toMatch(/run 3 .* undo of run 2 .*\nrun 2 .* sync .* 4 deleted here/);

    await ferry('sync', 'p');
    expect(await text(remote, 'list.txt')).toBe('milk');
    await ferry('undo', 'p', '3', '--yes', '--additions');
    expect(await text(local, 'letter.txt')).toBe('second draft');
    expect(await readdir(local)).not.toContain('list.txt');
  }, 60_000);

  it('works the same while the daemon has the pair', async () => {
    await makeHistory();
    await ferry('daemon', 'start');
    const listed = await json<ListedVersion[]>('versions', join(local, 'letter.txt'));
    expect(listed).toMatchObject([{ cause: 'replaced', run: 2 }]);
    const restored = await json<ChangeReport>('restore', join(local, 'list.txt'));
    expect(restored.steps).toMatchObject([{ action: 'restore', path: 'list.txt' }]);
    const missing = await runFerry(home, ['restore', join(local, 'nothing.txt')]);
    expect(missing.code).toBe(3);
    await write(local, 'letter.txt', 'edited since');
    const undone = await runFerry(home, ['undo', 'p', '2', '--yes']);
    expect(undone.code).toBe(1);
    expect(undone.stderr).toMatch(/letter\.txt: left as it is: it was changed since/);
    expect(await text(local, 'photos/two.jpg')).toBe('picture 2');
    expect(await text(local, 'letter.txt')).toBe('edited since');
  }, 60_000);
});
