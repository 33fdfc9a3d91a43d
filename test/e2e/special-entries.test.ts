import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { RunSummary } from '../../core/engine/pair-engine.ts';
import type { PairSettings } from '../../core/engine/pair-settings.ts';
import type { Side } from '../../core/model/entry.ts';
import { diskSide } from '../support/disk-scenario.ts';
import { FolderPair } from '../support/folder-pair.ts';
import type { Drawn } from '../support/scenario-steps.ts';

const run = promisify(execFile);
const NOBODY = 65_534;

jest.setTimeout(60_000);

let pair: FolderPair;
afterEach(() => pair.close());

async function open(settings: Partial<PairSettings> = {}): Promise<void> {
  pair = await FolderPair.open({ settings });
}

const at = (side: Side, path: string): string => join(pair.roots[side], path);
const tree = (side: Side): Promise<Drawn> => diskSide(pair.roots[side]).snapshot();

function problemsOf({ problems }: RunSummary): readonly string[] {
  return problems.map(({ path, code }) => `${path}: ${code}`).sort();
}

async function expectQuiet(): Promise<void> {
  const nothing = { uploaded: 0, downloaded: 0, moved: 0, deletedLocal: 0, deletedRemote: 0 };
  expect(await pair.sync()).toMatchObject({ ...nothing, complete: true });
}

describe('pipes and sockets', () => {
  it('are reported and never opened, and everything else goes on', async () => {
    await open();
    await run('mkfifo', [at('local', 'pipe')]);
    const server = createServer().listen(at('local', 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    await pair.write('local', 'd/f', 'content');
    await run('mkfifo', [at('remote', 'other pipe')]);
    const summary = await pair.sync();
    server.close();
    expect(problemsOf(summary)).toEqual([
      'other pipe: KIND_NOT_SUPPORTED',
      'pipe: KIND_NOT_SUPPORTED',
      'socket: KIND_NOT_SUPPORTED',
    ]);
    expect(await tree('remote')).toEqual({ d: '/', 'd/f': 'content' });
    await expectQuiet();
  });

  it('in the place of a file are no deletion of it', async () => {
    await open();
    await pair.write('local', 'f', 'content');
    await pair.sync();
    await fs.rm(at('local', 'f'));
    await run('mkfifo', [at('local', 'f')]);
    expect(problemsOf(await pair.sync())).toEqual(['f: KIND_NOT_SUPPORTED']);
    expect(await tree('remote')).toEqual({ f: 'content' });
    await fs.rm(at('local', 'f'));
    await pair.sync();
    expect(await tree('remote')).toEqual({});
  });
});

describe('several names of one file', () => {
  async function linked(): Promise<void> {
    await open();
    await pair.write('local', 'a', 'content');
    await fs.link(at('local', 'a'), at('local', 'b'));
    await pair.sync();
  }

  it('are files of their own on the other side', async () => {
    await linked();
    expect(await tree('remote')).toEqual({ a: 'content', b: 'content' });
    expect((await fs.stat(at('remote', 'a'))).nlink).toBe(1);
    await expectQuiet();
  });

  it('follow an edit through one of them, a removal of one of them, and a new name', async () => {
    await linked();
    await fs.writeFile(at('local', 'a'), 'edited');
    await pair.sync();
    expect(await tree('remote')).toEqual({ a: 'edited', b: 'edited' });
    await fs.rm(at('local', 'a'));
    await pair.sync();
    expect(await tree('remote')).toEqual({ b: 'edited' });
    await fs.link(at('local', 'b'), at('local', 'c'));
    await fs.rename(at('local', 'b'), at('local', 'd'));
    await pair.sync();
    expect(await tree('remote')).toEqual({ c: 'edited', d: 'edited' });
    await expectQuiet();
  });

  it('come apart when the other side edits one of them', async () => {
    await linked();
    await pair.write('remote', 'b', 'edited there');
    await pair.sync();
    expect(await tree('local')).toEqual({ a: 'content', b: 'edited there' });
    await expectQuiet();
  });
});

describe('symbolic links', () => {
  it('are kept as links while they lead to something inside, there or not, and are never followed', async () => {
    await open();
    await pair.write('local', 'd/f', 'content');
    const targets = { 'd/up': '../d/f', dangling: 'nowhere', folder: 'd', 'd/loop': 'loop' };
    for (const [path, target] of Object.entries(targets))
      await fs.symlink(target, at('local', path));
    for (const [path, target] of [
      ['absolute', '/etc/passwd'],
      ['d/outside', '../../outside'],
    ] as const)
      await fs.symlink(target, at('local', path));
    const summary = await pair.sync();
    expect(problemsOf(summary)).toEqual([
      'absolute: KIND_NOT_SUPPORTED',
      'd/outside: KIND_NOT_SUPPORTED',
    ]);
    expect(await tree('remote')).toEqual({
      d: '/',
      'd/f': 'content',
      'd/loop': '-> loop',
      'd/up': '-> ../d/f',
      dangling: '-> nowhere',
      folder: '-> d',
    });
    await expectQuiet();
  });

  it('in the place of a directory are no way into what they lead to', async () => {
    await open();
    await pair.write('local', 'd/f', 'content');
    await pair.write('local', 'e/f', 'another');
    await pair.sync();
    await fs.rm(at('local', 'd'), { recursive: true });
    await fs.symlink('e', at('local', 'd'));
    await pair.write('remote', 'd/f', 'edited there');
    await pair.sync();
    expect(await fs.readFile(at('local', 'e/f'), 'utf8')).toBe('another');
    expect(Object.values(await tree('local'))).toContain('edited there');
    expect(await tree('local')).toEqual(await tree('remote'));
    await expectQuiet();
  });
});

/** Runs the pair as a user whom permissions stop; tests that run as root become nobody for it. */
async function syncAsUser(): Promise<RunSummary> {
  if (process.getuid?.() !== 0) return pair.sync();
  process.seteuid?.(NOBODY);
  try {
    return await pair.sync();
  } finally {
    process.seteuid?.(0);
  }
}

async function openAsUser(): Promise<void> {
  await open();
  if (process.getuid?.() === 0)
    await run('chown', ['-R', `${NOBODY}:${NOBODY}`, join(pair.roots.local, '..')]);
}

async function writeAsUser(side: Side, path: string, content: string): Promise<void> {
  await pair.write(side, path, content);
  if (process.getuid?.() !== 0) return;
  const segments = path.split('/');
  for (const count of segments.keys())
    await fs.lchown(at(side, segments.slice(0, count + 1).join('/')), NOBODY, NOBODY);
}

describe.each(['local', 'remote'] as const)('what may not be read on the %s side', (side) => {
  const other: Side = side === 'local' ? 'remote' : 'local';

  it('is a problem, and what the other side has of it stays as it is', async () => {
    await openAsUser();
    await writeAsUser(side, 'f', 'first');
    await writeAsUser(side, 'g', 'first');
    await syncAsUser();
    await writeAsUser(side, 'f', 'second');
    await writeAsUser(side, 'g', 'second');
    await writeAsUser(side, 'new', 'hidden');
    for (const name of ['f', 'new']) await fs.chmod(at(side, name), 0);
    const summary = await syncAsUser();
    expect(problemsOf(summary)).toEqual(['f: LOCAL_PERMISSION', 'new: LOCAL_PERMISSION']);
    expect(await tree(other)).toEqual({ f: 'first', g: 'second' });
    for (const name of ['f', 'new']) await fs.chmod(at(side, name), 0o644);
    await syncAsUser();
    expect(await tree(other)).toEqual({ f: 'second', g: 'second', new: 'hidden' });
  });

  it('says nothing about what is in it when it is a directory', async () => {
    await openAsUser();
    await writeAsUser(side, 'd/a', 'one');
    await writeAsUser(side, 'd/sub/b', 'two');
    await syncAsUser();
    await fs.chmod(at(side, 'd'), 0);
    await fs.rm(at(other, 'd/sub'), { recursive: true });
    await writeAsUser(other, 'd/new', 'new');
    await writeAsUser(other, 'e', 'beside it');
    const summary = await syncAsUser();
    expect(problemsOf(summary)).toEqual(['d: LOCAL_PERMISSION']);
    expect(await tree(other)).toEqual({ d: '/', 'd/a': 'one', 'd/new': 'new', e: 'beside it' });
    await fs.chmod(at(side, 'd'), 0o755);
    await syncAsUser();
    expect(await tree(side)).toEqual(await tree(other));
    expect(await tree(side)).toEqual({ d: '/', 'd/a': 'one', 'd/new': 'new', e: 'beside it' });
  });

  it('and may not be written into either, takes nothing, and the rest goes on', async () => {
    await openAsUser();
    await writeAsUser(side, 'd/a', 'one');
    await syncAsUser();
    await fs.chmod(at(side, 'd'), 0o555);
    await writeAsUser(other, 'd/b', 'two');
    await writeAsUser(other, 'e', 'three');
    const summary = await syncAsUser();
    expect(problemsOf(summary)).toEqual(['d/b: LOCAL_PERMISSION']);
    expect(await tree(side)).toEqual({ d: '/', 'd/a': 'one', e: 'three' });
    await fs.chmod(at(side, 'd'), 0o755);
    await syncAsUser();
    expect(await tree(side)).toEqual(await tree(other));
  });
});

describe.each(['remote-to-local', 'local-to-remote'] as const)(
  'a folder that is kept %s',
  (direction) => {
    const [master, other]: readonly [Side, Side] =
      direction === 'remote-to-local' ? ['remote', 'local'] : ['local', 'remote'];

    it('is identical to the master with mirror, whatever was done to it', async () => {
      await open({ direction, mirror: true });
      for (const name of ['a', 'b', 'c', 'd'])
        await pair.write(master, `dir/${name}`, `content ${name}`);
      await fs.mkdir(at(master, 'empty'));
      await pair.sync();
      const before = await tree(master);
      await pair.write(other, 'dir/a', 'edited');
      await pair.remove(other, 'dir/b');
      await pair.move(other, 'dir/c', 'elsewhere/c');
      await pair.remove(other, 'dir/d');
      await pair.write(other, 'dir/d/kind', 'changed');
      await pair.write(other, 'own/file', 'own');
      await pair.remove(other, 'empty');
      await pair.sync();
      expect(await tree(other)).toEqual(before);
      expect(await tree(master)).toEqual(before);
      await expectQuiet();
    });

    it('loses nothing with deletes: keep, and takes what is new', async () => {
      await open({ direction, deletes: 'keep' });
      for (const name of ['a', 'b', 'c'])
        await pair.write(master, `dir/${name}`, `content ${name}`);
      await pair.sync();
      await pair.remove(master, 'dir/a');
      await pair.write(master, 'dir/b', 'edited');
      await pair.write(master, 'new', 'new');
      await pair.sync();
      await pair.remove(master, 'dir');
      await pair.sync();
      expect(await tree(other)).toEqual({
        dir: '/',
        'dir/a': 'content a',
        'dir/b': 'edited',
        'dir/c': 'content c',
        new: 'new',
      });
      await expectQuiet();
    });
  },
);

describe('a guard file', () => {
  it('lets a run begin only while it is there and has the content that it must have', async () => {
    await open({ guardFile: { path: 'disk/id.txt', pattern: '^disk number \\d$' } });
    await pair.write('remote', 'f', 'content');
    await expect(pair.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    await pair.write('local', 'disk/id.txt', 'another disk');
    await expect(pair.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    expect(await tree('local')).toEqual({ disk: '/', 'disk/id.txt': 'another disk' });
    await pair.write('local', 'disk/id.txt', 'disk number 7');
    expect(await pair.sync()).toMatchObject({ complete: true, downloaded: 1 });
    await pair.remove('local', 'disk');
    await expect(pair.sync()).rejects.toMatchObject({ code: 'GUARD_STOPPED' });
    expect(await tree('remote')).toMatchObject({ 'disk/id.txt': 'disk number 7' });
  });
});
