import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { availableBackends } from './backends.ts';

/** More directories than a group keeps open at once. */
const MANY = 150;

describe.each(availableBackends())('groups of files (%s)', (backend) => {
  let top: string;
  let root: SafeRoot;
  const at = (name: string) => join(top, 'root', name);
  const text = (name: string) => fs.readFileSync(at(name), 'utf8');

  beforeEach(async () => {
    top = fs.mkdtempSync('/tmp/ferry-test-');
    fs.mkdirSync(at('a/b'), { recursive: true });
    fs.mkdirSync(join(top, 'outside'));
    fs.symlinkSync('../outside', at('link'));
    root = await openSafeRoot(join(top, 'root'), { backend });
  });
  afterEach(async () => {
    await root.close();
    fs.rmSync(top, { recursive: true, force: true });
  });

  it('creates each file with its content, mode and time, and says what it is then', async () => {
    const created = await root.createFiles([
      { path: 'a/one', content: Buffer.from('one'), mode: 0o666, mtimeNs: 5_000n },
      { path: 'a/b/two', content: Buffer.from('two two'), mode: 0o4555, mtimeNs: 1_500_000_000n },
      { path: 'top', content: new Uint8Array(), mode: 0o600 },
    ]);
    for (const [index, path] of ['a/one', 'a/b/two', 'top'].entries())
      expect(created[index]).toEqual(await root.stat(path));
    expect(created[0]).toMatchObject({ mode: 0o666, sizeBytes: 3, mtimeNs: 5_000n });
    expect(created[1]).toMatchObject({ mode: 0o4555, sizeBytes: 7, mtimeNs: 1_500_000_000n });
    expect(created[2]).toMatchObject({ mode: 0o600, sizeBytes: 0 });
    expect([text('a/one'), text('a/b/two'), text('top')]).toEqual(['one', 'two two', '']);
  });

  it('goes on after a file that cannot be created, and leaves nothing of it', async () => {
    fs.writeFileSync(at('a/taken'), 'kept');
    const content = Buffer.from('new');
    const paths = ['a/taken', 'missing/file', 'link/file', '../out', '', 'a/../b', 'a/fine'];
    const created = await root.createFiles(paths.map((path) => ({ path, content, mode: 0o600 })));
    const errnos = created.map((each) => ('errno' in each ? each.errno : 'made'));
    expect(errnos[0]).toBe('EEXIST');
    expect(errnos[1]).toBe('ENOENT');
    expect(['ELOOP', 'ENOTDIR']).toContain(errnos[2]);
    expect(errnos.slice(3)).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'made']);
    expect(text('a/taken')).toBe('kept');
    expect(text('a/fine')).toBe('new');
    expect(fs.readdirSync(join(top, 'outside'))).toEqual([]);
  });

  it('works in more directories than it keeps open', async () => {
    const names = Array.from({ length: MANY }, (_, index) => `${index}`);
    const made = await root.makeDirectories(names.map((path) => ({ path, mode: 0o700 })));
    expect(made).toHaveLength(MANY);
    expect(made.every((each) => !('errno' in each) && each.kind === 'directory')).toBe(true);
    await root.createFiles(
      names.map((name) => ({ path: `${name}/file`, content: Buffer.from(name), mode: 0o600 })),
    );
    const across = names.map((name) => ({
      from: `${name}/file`,
      to: `${(+name + 75) % MANY}/new`,
    }));
    const renamed = await root.renameFiles(across);
    expect(renamed.every((each) => !('errno' in each))).toBe(true);
    const read = await root.readFiles(names.map((name) => ({ path: `${name}/new`, maxBytes: 9 })));
    const contents = read.map((each) => ('errno' in each ? each.errno : `${each.content}`));
    expect(contents).toEqual(names.map((name) => `${(+name + 75) % MANY}`));
  });

  it('reads each file, and nothing that is large or no file', async () => {
    fs.writeFileSync(at('file'), 'some content');
    fs.writeFileSync(at('a/b/empty'), '');
    execFileSync('mkfifo', [at('fifo')]);
    const paths = ['file', 'missing', 'a/b/empty', 'a', 'fifo', 'link/secret', 'file'];
    const read = await root.readFiles(paths.map((path) => ({ path, maxBytes: 12 })));
    const contents = read.map((each) => ('errno' in each ? each.errno : each.content));
    expect(contents.map((each) => (each instanceof Uint8Array ? `${each}` : each))).toEqual([
      'some content',
      'ENOENT',
      '',
      null,
      null,
      expect.stringMatching(/^(ELOOP|ENOTDIR)$/u),
      'some content',
    ]);
    const stat = await root.stat('file');
    expect(read[0]).toMatchObject({ before: stat, after: stat });
    expect(read[3]).toMatchObject({ before: { kind: 'directory' } });
    const [tooLarge] = await root.readFiles([{ path: 'file', maxBytes: 11 }]);
    expect(tooLarge).toMatchObject({ before: stat, content: null });
  });

  it('renames only to free names, and says what has them then', async () => {
    for (const name of ['one', 'two', 'a/taken']) fs.writeFileSync(at(name), name);
    const renamed = await root.renameFiles([
      { from: 'one', to: 'a/b/one' },
      { from: 'two', to: 'a/taken' },
      { from: 'missing', to: 'a/new' },
      { from: 'two', to: 'link/two' },
      { from: 'two', to: 'a/two' },
    ]);
    expect(renamed[0]).toEqual(await root.stat('a/b/one'));
    expect(renamed[1]).toEqual({ errno: 'EEXIST' });
    expect(renamed[2]).toEqual({ errno: 'ENOENT' });
    expect(['ELOOP', 'ENOTDIR', 'EXDEV']).toContain((renamed[3] as { errno?: string }).errno);
    expect(renamed[4]).toEqual(await root.stat('a/two'));
    expect([text('a/b/one'), text('a/taken'), text('a/two')]).toEqual(['one', 'a/taken', 'two']);
    expect(fs.existsSync(at('one'))).toBe(false);
  });

  it('makes directories in ones of the same group, and says which names are taken', async () => {
    const made = await root.makeDirectories([
      { path: 'new', mode: 0o750 },
      { path: 'new/below', mode: 0o700 },
      { path: 'a', mode: 0o700 },
      { path: 'new/below/it', mode: 0o700 },
    ]);
    expect(made[0]).toMatchObject({ kind: 'directory', ino: (await root.stat('new'))?.ino });
    expect(made[2]).toEqual({ errno: 'EEXIST' });
    expect(made[3]).toMatchObject({ kind: 'directory', mode: 0o700 });
  });

  it('does nothing for an empty group', async () => {
    expect(await root.createFiles([])).toEqual([]);
    expect(await root.readFiles([])).toEqual([]);
    expect(await root.renameFiles([])).toEqual([]);
    expect(await root.makeDirectories([])).toEqual([]);
  });

  it('keeps contents alive until they are written', async () => {
    const group = (round: number) =>
      Array.from({ length: 50 }, (_, index) => ({
        path: `a/${round}-${index}`,
        content: Uint8Array.from({ length: 40 + index * 10 }, () => index),
        mode: 0o600,
      }));
    await Promise.all([0, 1, 2, 3].map((round) => root.createFiles(group(round))));
    for (let round = 0; round < 4; round++)
      for (let index = 0; index < 50; index++)
        expect(fs.readFileSync(at(`a/${round}-${index}`)).every((byte) => byte === index)).toBe(
          true,
        );
  });
});
