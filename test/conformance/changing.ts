import { expect, test } from '@jest/globals';
import {
  at,
  type ConformanceSetting,
  expectChanged,
  expectFerryError,
  NEVER_VERSION,
  notApplicable,
  observeAll,
  oddNames,
  put,
  textOutside,
  versionOf,
} from './setting.ts';

/** What `makeDirectory`, `makeLink`, `move`, `remove`, `setMetadata` and `flush` do. */
export function changingBehaviour(current: () => ConformanceSetting): void {
  makingDirectories(current);
  moving(current);
  removing(current);
  settingMetadata(current);
}

function makingDirectories(current: () => ConformanceSetting): void {
  test('a directory is made, and one that is there already is adopted', async () => {
    const { replica, outside } = current();
    expect(await replica.makeDirectory(at('folder'))).toMatchObject({ kind: 'directory' });
    await outside.write('folder/file.txt', 'x');
    expect(await replica.makeDirectory(at('folder'))).toMatchObject({ path: 'folder' });
    expect(await textOutside(outside, 'folder/file.txt')).toBe('x');
  });

  test('directories with odd names are made', async () => {
    const { replica } = current();
    for (const name of oddNames(current())) {
      await replica.makeDirectory(at(name));
      await replica.makeDirectory(at(`${name}/${name}`));
    }
    expect((await observeAll(replica)).entries.size).toBe(oddNames(current()).length * 2);
  });

  test('a directory is not made where a file is, nor without its parent', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'x');
    await expectChanged(replica.makeDirectory(at('file.txt')));
    await expectFerryError(replica.makeDirectory(at('none/folder')));
    expect(await outside.list('')).toEqual(['file.txt']);
  });

  test('a symbolic link is kept as a link, or refused where the side keeps none', async () => {
    const { replica } = current();
    const link = replica.makeLink(at('link'), 'folder/file.txt');
    if (!replica.capabilities.symlinks) {
      await expect(link).rejects.toMatchObject({ code: 'KIND_NOT_SUPPORTED' });
      return;
    }
    expect(await link).toMatchObject({ kind: 'symlink', target: 'folder/file.txt' });
    expect((await observeAll(replica)).entries.get('link')).toEqual(await link);
    await expectChanged(replica.makeLink(at('link'), 'other'));
  });
}

function moving(current: () => ConformanceSetting): void {
  test('a file is moved with its content', async () => {
    const { replica, outside } = current();
    await outside.write('a/old name #1', 'content');
    await outside.makeDirectory('b');
    await current().settle();
    const expected = await versionOf(replica, 'a/old name #1');
    const entry = await replica.move(at('a/old name #1'), at('b/new näme'), { expected });
    expect(entry).toMatchObject({ kind: 'file', path: 'b/new näme', sizeBytes: 7 });
    expect(await textOutside(outside, 'b/new näme')).toBe('content');
    expect(await outside.list('a')).toEqual([]);
    await current().settle();
    expect(await versionOf(replica, 'b/new näme')).toBe(entry.version);
  });

  test('files with odd names are replaced, moved and removed', async () => {
    const { replica, outside } = current();
    await outside.makeDirectory('in ä#');
    for (const name of oddNames(current())) await outside.write(name, 'old');
    await current().settle();
    for (const name of oddNames(current())) {
      const expected = await versionOf(replica, name);
      const { version } = await put(replica, name, 'new', { expected });
      const to = at(`in ä#/${name}`);
      const moved = await replica.move(at(name), to, { expected: version });
      expect(await textOutside(outside, to)).toBe('new');
      await replica.remove(to, { expected: moved.version });
    }
    expect(await outside.list('')).toEqual(['in ä#']);
    expect(await outside.list('in ä#')).toEqual([]);
  });

  test('a directory is moved with all that it holds', async () => {
    const { replica, outside } = current();
    await outside.write('old ä/sub/file.txt', 'content');
    await outside.makeDirectory('other');
    const entry = await replica.move(at('old ä'), at('other/new %'), { expected: 'directory' });
    expect(entry).toMatchObject({ kind: 'directory', path: 'other/new %' });
    expect(await textOutside(outside, 'other/new %/sub/file.txt')).toBe('content');
    expect(await outside.list('')).toEqual(['other']);
  });

  test('nothing is ever moved onto something else', async () => {
    const { replica, outside } = current();
    await outside.write('one', '1');
    await outside.write('two', '2');
    await outside.write('folder/file.txt', 'x');
    await outside.makeDirectory('empty');
    await current().settle();
    const expected = await versionOf(replica, 'one');
    await expectChanged(replica.move(at('one'), at('two'), { expected }));
    await expectChanged(replica.move(at('one'), at('empty'), { expected }));
    await expectChanged(replica.move(at('folder'), at('empty'), { expected: 'directory' }));
    await expectChanged(replica.move(at('folder'), at('two'), { expected: 'directory' }));
    expect(await textOutside(outside, 'one')).toBe('1');
    expect(await textOutside(outside, 'two')).toBe('2');
    expect(await textOutside(outside, 'folder/file.txt')).toBe('x');
  });

  test('another version, another kind, or nothing is not moved', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'x');
    await outside.makeDirectory('folder');
    await expectChanged(replica.move(at('file.txt'), at('b'), { expected: NEVER_VERSION }));
    await expectChanged(replica.move(at('none'), at('b'), { expected: NEVER_VERSION }));
    await expectChanged(replica.move(at('none'), at('b'), { expected: 'directory' }));
    await expectChanged(replica.move(at('file.txt'), at('b'), { expected: 'directory' }));
    expect([...(await outside.list(''))].sort()).toEqual(['file.txt', 'folder']);
  });

  test('the identity of a file and of a directory survives a move', async () => {
    const { replica, outside } = current();
    if (!replica.capabilities.identities) return notApplicable('the side gives no identities');
    await outside.write('folder/file.txt', 'x');
    const before = await observeAll(replica);
    const expected = await versionOf(replica, 'folder/file.txt');
    await replica.move(at('folder/file.txt'), at('folder/renamed.txt'), { expected });
    await replica.move(at('folder'), at('renamed'), { expected: 'directory' });
    const after = await observeAll(replica);
    const identity = before.entries.get('folder/file.txt')?.identity;
    expect(identity).toBeDefined();
    expect(after.entries.get('renamed/renamed.txt')?.identity).toBe(identity);
    expect(after.entries.get('renamed')?.identity).toBe(before.entries.get('folder')?.identity);
    expect(after.entries.get('renamed')?.identity).not.toBe(identity);
  });
}

function removing(current: () => ConformanceSetting): void {
  test('a file of the expected version is removed', async () => {
    const { replica, outside } = current();
    await outside.write("a b%20#?&+;'.txt", 'x');
    await outside.write('other', 'x');
    await current().settle();
    const expected = await versionOf(replica, "a b%20#?&+;'.txt");
    await replica.remove(at("a b%20#?&+;'.txt"), { expected });
    expect(await outside.list('')).toEqual(['other']);
  });

  test('what was just written is removed with the version that the write reported', async () => {
    const { replica, outside } = current();
    const { version } = await put(replica, 'file.txt', 'x');
    await replica.remove(at('file.txt'), { expected: version });
    expect(await outside.list('')).toEqual([]);
  });

  test('another version, another kind, or nothing is not removed', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'one');
    await outside.makeDirectory('folder');
    await current().settle();
    const expected = await versionOf(replica, 'file.txt');
    await outside.write('file.txt', 'two');
    await expectChanged(replica.remove(at('file.txt'), { expected }));
    await expectChanged(replica.remove(at('file.txt'), { expected: 'directory' }));
    await expectChanged(replica.remove(at('folder'), { expected }));
    await expectChanged(replica.remove(at('none'), { expected }));
    await expectChanged(replica.remove(at('none'), { expected: 'directory' }));
    expect(await textOutside(outside, 'file.txt')).toBe('two');
    expect([...(await outside.list(''))].sort()).toEqual(['file.txt', 'folder']);
  });

  test('an empty directory is removed, one that holds something is not', async () => {
    const { replica, outside } = current();
    await outside.makeDirectory('empty');
    await outside.write('full/file.txt', 'x');
    await outside.makeDirectory('nested/empty');
    await replica.remove(at('empty'), { expected: 'directory' });
    for (const path of ['full', 'nested'])
      await expect(replica.remove(at(path), { expected: 'directory' })).rejects.toMatchObject({
        code: 'NOT_EMPTY',
      });
    expect(await textOutside(outside, 'full/file.txt')).toBe('x');
    expect([...(await outside.list(''))].sort()).toEqual(['full', 'nested']);
  });
}

function settingMetadata(current: () => ConformanceSetting): void {
  test('the time of a file is set as far as the side can, and its content stays', async () => {
    const { replica, outside } = current();
    const { version } = await put(replica, 'file.txt', 'content');
    const mtimeNs = 1_500_000_000_987_654_321n;
    const entry = await replica.setMetadata(at('file.txt'), { mtimeNs }, { expected: version });
    expect(await textOutside(outside, 'file.txt')).toBe('content');
    await current().settle();
    expect(await replica.stat(at('file.txt'))).toEqual(entry);
    const precision = replica.capabilities.mtimePrecisionNs;
    if (precision === null) return notApplicable('the side keeps no times');
    expect(entry).toMatchObject({ mtimeNs: mtimeNs - (mtimeNs % precision) });
  });

  test('the mode of a file is set where the side keeps one', async () => {
    const { replica } = current();
    const { version } = await put(replica, 'file.txt', 'content', { mode: 0o644 });
    const entry = await replica.setMetadata(at('file.txt'), { mode: 0o700 }, { expected: version });
    if (!replica.capabilities.modes) return notApplicable('the side keeps no modes');
    expect(entry).toMatchObject({ mode: 0o700 });
    expect(await replica.stat(at('file.txt'))).toMatchObject({ mode: 0o700 });
  });

  test('metadata of another version, or of nothing, is not set', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'x');
    const expected = NEVER_VERSION;
    const metadata = { mtimeNs: 1_500_000_000_000_000_000n };
    await expectChanged(replica.setMetadata(at('file.txt'), metadata, { expected }));
    await expectChanged(replica.setMetadata(at('none'), metadata, { expected }));
  });

  test('finished mutations can be made durable', async () => {
    const { replica } = current();
    await put(replica, 'file.txt', 'x');
    await expect(replica.flush()).resolves.toBeUndefined();
  });
}
