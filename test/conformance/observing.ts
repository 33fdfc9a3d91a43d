import { expect, test } from '@jest/globals';
import { PRIVATE_FOLDER, ROOT, TEMPORARY_PREFIX } from '../../core/model/path.ts';
import {
  at,
  type ConformanceSetting,
  expectFerryError,
  observeAll,
  oddNames,
  put,
  versionOf,
} from './setting.ts';

/** What `identify`, `observe` and `stat` do. */
export function observingBehaviour(current: () => ConformanceSetting): void {
  test('an empty tree holds nothing, not even its root', async () => {
    const seen = await observeAll(current().replica);
    expect(seen.order).toEqual([]);
    expect(seen.problems).toEqual([]);
  });

  test('the identity of the root stays the same', async () => {
    const { replica } = current();
    const first = await replica.identify({ create: true });
    expect(await replica.identify()).toEqual(first);
  });

  test('every entry is seen once, and each directory before what it holds', async () => {
    const { replica, outside } = current();
    const files = ['a/b/c/d.txt', 'a/b/e.txt', 'a/z.txt', 'b.txt', 'a.txt', 'a-b/c.txt'];
    for (const path of files) await outside.write(path, path);
    await outside.makeDirectory('empty/also empty');
    const { order, entries, problems } = await observeAll(replica);
    const directories = ['a', 'a/b', 'a/b/c', 'a-b', 'empty', 'empty/also empty'];
    expect([...order].sort()).toEqual([...files, ...directories].sort());
    expect(problems).toEqual([]);
    for (const path of order) {
      const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
      if (parent !== '') expect(order.indexOf(parent)).toBeLessThan(order.indexOf(path));
    }
    for (const path of directories) expect(entries.get(path)?.kind).toBe('directory');
  });

  test('files are seen with their sizes, empty ones too', async () => {
    const { replica, outside } = current();
    await outside.write('empty', '');
    await outside.write('five', '12345');
    const { entries } = await observeAll(replica);
    expect(entries.get('empty')).toMatchObject({ kind: 'file', sizeBytes: 0 });
    expect(entries.get('five')).toMatchObject({ kind: 'file', sizeBytes: 5 });
  });

  test('odd names come through as they are, for files and directories', async () => {
    const { replica, outside } = current();
    for (const name of oddNames(current())) {
      await outside.write(name, name);
      await outside.write(`in/${name}/${name}`, 'deep');
    }
    const { entries, problems } = await observeAll(replica);
    expect(problems).toEqual([]);
    for (const name of oddNames(current())) {
      expect(entries.get(name)).toMatchObject({ kind: 'file', path: name });
      expect(entries.get(`in/${name}/${name}`)).toMatchObject({ kind: 'file', sizeBytes: 4 });
    }
    expect(entries.size).toBe(oddNames(current()).length * 3 + 1);
  });

  test('a second look at an unchanged tree gives equal entries', async () => {
    const { replica, outside } = current();
    await outside.write('a/planted.txt', 'planted');
    await put(replica, 'written.txt', 'written');
    await current().settle();
    const first = await observeAll(replica);
    const second = await observeAll(replica);
    expect(second.entries).toEqual(first.entries);
  });

  test('what a write reported is what is observed afterwards', async () => {
    const { replica } = current();
    const written = await put(replica, 'file.txt', 'content');
    await current().settle();
    const { entries } = await observeAll(replica);
    expect(entries.get('file.txt')).toEqual(written);
    expect(await replica.stat(at('file.txt'))).toEqual(written);
  });

  test('an edit of equal size gives another version', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'one');
    await current().settle();
    const before = await versionOf(replica, 'file.txt');
    await outside.write('file.txt', 'two');
    expect(await versionOf(replica, 'file.txt')).not.toBe(before);
  });

  test('an ignored directory is reported and not entered, ignored files are left out', async () => {
    const { replica, outside } = current();
    await outside.write('kept/file.txt', 'x');
    await outside.write('kept/scratch.tmp', 'x');
    await outside.write('node_modules/package/index.js', 'x');
    const asked: string[] = [];
    const ignored: string[] = [];
    const { order } = await observeAll(replica, {
      isIgnored(path, isDirectory) {
        asked.push(path);
        return path.endsWith('.tmp') || (isDirectory && path.endsWith('node_modules'));
      },
      onIgnored: (path) => ignored.push(path),
    });
    expect([...order].sort()).toEqual(['kept', 'kept/file.txt']);
    expect([...ignored].sort()).toEqual(['kept/scratch.tmp', 'node_modules']);
    expect(asked).not.toContain('node_modules/package');
  });

  test("Ferry's own folder and temporary names are never seen", async () => {
    const { replica, outside } = current();
    await outside.write(`${PRIVATE_FOLDER}/records`, 'x');
    await outside.write(`folder/${TEMPORARY_PREFIX}someone-1`, 'x');
    await outside.write('folder/file.txt', 'x');
    expect([...(await observeAll(replica)).order].sort()).toEqual(['folder', 'folder/file.txt']);
  });

  test('observing stops when it is cancelled', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'x');
    const signal = AbortSignal.abort();
    await expect(observeAll(replica, { signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('stat tells files and directories apart and finds nothing where nothing is', async () => {
    const { replica, outside } = current();
    await outside.write('folder/file.txt', 'x');
    expect(await replica.stat(at('folder'))).toMatchObject({ kind: 'directory', path: 'folder' });
    expect(await replica.stat(at('folder/file.txt'))).toMatchObject({ kind: 'file', sizeBytes: 1 });
    expect(await replica.stat(at('folder/none'))).toBeNull();
    expect(await replica.stat(at('none/none'))).toBeNull();
    expect(await replica.stat(ROOT)).toMatchObject({ kind: 'directory' });
  });

  test('stat gives the same entry as observe', async () => {
    const { replica, outside } = current();
    await outside.write('folder/file.txt', 'x');
    await current().settle();
    const { entries } = await observeAll(replica);
    for (const [path, entry] of entries) expect(await replica.stat(at(path))).toEqual(entry);
  });

  test('stat is cancelled', async () => {
    await expectFerryError(current().replica.stat(at('x'), { signal: AbortSignal.abort() }));
  });
}
