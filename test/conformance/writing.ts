import { expect, test } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import { TEMPORARY_PREFIX } from '../../core/model/path.ts';
import type { WriteItem } from '../../core/ports.ts';
import {
  at,
  type ConformanceSetting,
  item,
  NEVER_VERSION,
  notApplicable,
  observeAll,
  oddNames,
  put,
  textOutside,
  versionOf,
  writeAll,
  writeCode,
} from './setting.ts';

const MTIME_NS = 1_600_000_000_123_456_789n;

/** What `writeMany` does. */
export function writingBehaviour(current: () => ConformanceSetting): void {
  creating(current);
  refusing(current);
  failing(current);
}

function creating(current: () => ConformanceSetting): void {
  test('a new file is there with its content', async () => {
    const { replica, outside } = current();
    const entry = await put(replica, 'file.txt', 'content');
    expect(entry).toMatchObject({ kind: 'file', path: 'file.txt', sizeBytes: 7 });
    expect(await textOutside(outside, 'file.txt')).toBe('content');
  });

  test('an empty file is written', async () => {
    const { replica, outside } = current();
    expect((await put(replica, 'empty', '')).sizeBytes).toBe(0);
    expect(await textOutside(outside, 'empty')).toBe('');
  });

  test('a file of some megabytes is written and replaced byte for byte', async () => {
    const { replica, outside } = current();
    const bytes = Buffer.alloc(3 * 1024 * 1024 + 17, 'ferry 0123456789');
    const { version } = await put(replica, 'large.bin', bytes);
    expect(bytes.equals((await outside.read('large.bin')) ?? Buffer.alloc(0))).toBe(true);
    bytes.fill('x', 5);
    await put(replica, 'large.bin', bytes, { expected: version });
    expect(bytes.equals((await outside.read('large.bin')) ?? Buffer.alloc(0))).toBe(true);
  });

  test('a file of the expected version is replaced and gets another version', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'old content');
    await current().settle();
    const expected = await versionOf(replica, 'file.txt');
    const entry = await put(replica, 'file.txt', 'new', { expected });
    expect(await textOutside(outside, 'file.txt')).toBe('new');
    expect(entry.version).not.toBe(expected);
  });

  test('what was just written is replaced with the version that the write reported', async () => {
    const { replica, outside } = current();
    const first = await put(replica, 'file.txt', 'one');
    const second = await put(replica, 'file.txt', 'two', { expected: first.version });
    await put(replica, 'file.txt', 'three', { expected: second.version });
    expect(await textOutside(outside, 'file.txt')).toBe('three');
  });

  test('odd names are written as they are', async () => {
    const { replica, outside } = current();
    await outside.makeDirectory('in ä#');
    const paths = oddNames(current()).flatMap((name) => [name, `in ä#/${name}`]);
    const results = await writeAll(
      replica,
      paths.map((path) => item(path, path)),
    );
    expect([...results.values()].filter((result) => 'error' in result)).toEqual([]);
    for (const path of paths) expect(await textOutside(outside, path)).toBe(path);
  });

  test('three hundred small files are written, in more than one group', async () => {
    const { replica, outside } = current();
    await outside.makeDirectory('many');
    const paths = Array.from({ length: 300 }, (_, index) => `many/file ${index}.txt`);
    let groups = 0;
    const written = new Set<string>();
    for await (const group of replica.writeMany(paths.map((path) => item(path, path)))) {
      groups += 1;
      for (const result of group) {
        expect(result).not.toHaveProperty('error');
        written.add(result.item.path);
      }
    }
    expect(groups).toBeGreaterThan(1);
    expect(written).toEqual(new Set(paths));
    expect(await outside.list('many')).toHaveLength(300);
    expect(await textOutside(outside, 'many/file 299.txt')).toBe('many/file 299.txt');
  });

  test('items may come from a stream', async () => {
    const { replica, outside } = current();
    async function* stream(): AsyncIterable<WriteItem> {
      yield item('one', '1');
      yield item('two', '2');
    }
    for await (const group of replica.writeMany(stream())) expect(group.length).toBeGreaterThan(0);
    expect([...(await outside.list(''))].sort()).toEqual(['one', 'two']);
  });

  test('the modification time is kept as precisely as the side can', async () => {
    const { replica } = current();
    const entry = await put(replica, 'file.txt', 'x', { mtimeNs: MTIME_NS });
    const precision = replica.capabilities.mtimePrecisionNs;
    if (precision === null) return notApplicable('the side keeps no times');
    const kept = MTIME_NS - (MTIME_NS % precision);
    expect(entry.mtimeNs).toBe(kept);
    expect(await replica.stat(at('file.txt'))).toMatchObject({ mtimeNs: kept });
  });

  test('permission bits are kept where the side keeps any', async () => {
    const { replica } = current();
    const entry = await put(replica, 'run.sh', 'x', { mode: 0o755 });
    if (!replica.capabilities.modes) return notApplicable('the side keeps no modes');
    expect(entry.mode).toBe(0o755);
    expect(await replica.stat(at('run.sh'))).toMatchObject({ mode: 0o755 });
  });
}

function refusing(current: () => ConformanceSetting): void {
  test('a file that is expected to be absent but is there stays untouched', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'theirs');
    expect(await writeCode(replica, item('file.txt', 'ours'))).toBe('CHANGED');
    expect(await textOutside(outside, 'file.txt')).toBe('theirs');
  });

  test('a file of another version than expected stays untouched', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'one');
    await current().settle();
    const expected = await versionOf(replica, 'file.txt');
    await outside.write('file.txt', 'two');
    expect(await writeCode(replica, item('file.txt', 'ours', { expected }))).toBe('CHANGED');
    expect(await textOutside(outside, 'file.txt')).toBe('two');
  });

  test('a file that is expected but gone is not made again', async () => {
    const { replica, outside } = current();
    const one = item('file.txt', 'ours', { expected: NEVER_VERSION });
    expect(await writeCode(replica, one)).toBe('CHANGED');
    expect(await outside.list('')).toEqual([]);
  });

  test('a directory is never replaced by a file', async () => {
    const { replica, outside } = current();
    await outside.write('folder/file.txt', 'x');
    expect(await writeCode(replica, item('folder', 'ours'))).toBe('CHANGED');
    const expected = NEVER_VERSION;
    expect(await writeCode(replica, item('folder', 'ours', { expected }))).toBe('CHANGED');
    expect(await textOutside(outside, 'folder/file.txt')).toBe('x');
  });

  test('a name that the side cannot hold is refused, for files, directories and moves', async () => {
    const { replica, outside, unusableNames = [] } = current();
    const { version } = await put(replica, 'file.txt', 'x');
    for (const name of unusableNames) {
      expect(await writeCode(replica, item(name, 'ours'))).toBe('NAME_NOT_ALLOWED');
      const refused = { code: 'NAME_NOT_ALLOWED' };
      await expect(replica.makeDirectory(at(name))).rejects.toMatchObject(refused);
      const move = replica.move(at('file.txt'), at(name), { expected: version });
      await expect(move).rejects.toMatchObject(refused);
    }
    expect(await outside.list('')).toEqual(['file.txt']);
  });

  test('a file without its parent directory is an error of that file', async () => {
    const { replica, outside } = current();
    expect(await writeCode(replica, item('none/file.txt', 'x'))).not.toBeNull();
    expect(await outside.list('')).toEqual([]);
  });
}

function failing(current: () => ConformanceSetting): void {
  test('one failing file does not stop the others', async () => {
    const { replica, outside } = current();
    await outside.write('taken', 'theirs');
    const results = await writeAll(replica, [
      item('one', '1'),
      item('taken', 'ours'),
      item('broken', 'ours', { failure: new FerryError('LOCAL_IO', 'cannot be read') }),
      item('two', '2'),
    ]);
    expect(results.get('one')).toHaveProperty('entry');
    expect(results.get('two')).toHaveProperty('entry');
    expect(results.get('taken')).toMatchObject({ error: { code: 'CHANGED' } });
    expect(results.get('broken')).toMatchObject({ error: { code: 'LOCAL_IO' } });
    expect([...(await outside.list(''))].sort()).toEqual(['one', 'taken', 'two']);
  });

  const faults: [string, Partial<Parameters<typeof item>[2]>][] = [
    ['ends early', { actual: 'x'.repeat(50) }],
    ['is longer than announced', { actual: 'x'.repeat(200) }],
    ['fails at its end', { failure: new FerryError('CHANGED', 'changed while it was read') }],
    ['fails in the middle', { actual: 'x', failure: new FerryError('LOCAL_IO', 'unreadable') }],
  ];
  for (const [what, extras] of faults) {
    test(`nothing is visible of a new file whose content ${what}`, async () => {
      const { replica, outside } = current();
      expect(await writeCode(replica, item('f', 'x'.repeat(100), extras))).not.toBeNull();
      expect(await outside.list('')).toEqual([]);
    });

    test(`a file stays as it is when its new content ${what}`, async () => {
      const { replica, outside } = current();
      await outside.write('f', 'old');
      await current().settle();
      const expected = await versionOf(replica, 'f');
      const one = item('f', 'x'.repeat(100), { ...extras, expected });
      expect(await writeCode(replica, one)).not.toBeNull();
      expect(await textOutside(outside, 'f')).toBe('old');
      expect(await outside.list('')).toEqual(['f']);
    });
  }

  test('nothing is visible of a file of some megabytes whose content fails at its end', async () => {
    const { replica, outside } = current();
    const failure = new FerryError('CHANGED', 'changed while it was read');
    const one = item('large.bin', Buffer.alloc(3 * 1024 * 1024, 1), { failure });
    expect(await writeCode(replica, one)).toBe('CHANGED');
    expect(await outside.list('')).toEqual([]);
  });

  test('content that cannot be opened is an error of that file', async () => {
    const { replica, outside } = current();
    const closed: WriteItem = {
      ...item('file.txt', 'x'),
      open: () => Promise.reject(new FerryError('LOCAL_NOT_FOUND', 'gone')),
    };
    expect(await writeCode(replica, closed)).toBe('LOCAL_NOT_FOUND');
    expect(await outside.list('')).toEqual([]);
  });

  test('cancelling stops the writing and leaves whole files only', async () => {
    const { replica, outside } = current();
    const controller = new AbortController();
    const items = Array.from({ length: 40 }, (_, index) => item(`file ${index}`, 'whole'));
    const cancelling: WriteItem = {
      ...item('cancels', 'whole'),
      open() {
        controller.abort();
        return Promise.reject(new FerryError('ABORTED', 'cancelled'));
      },
    };
    const codes = new Set<string>();
    try {
      const { signal } = controller;
      for await (const group of replica.writeMany([cancelling, ...items], { signal }))
        for (const result of group) if ('error' in result) codes.add(result.error.code);
    } catch (error) {
      codes.add((error as FerryError).code);
    }
    expect(codes).toEqual(new Set(['ABORTED']));
    for (const name of await outside.list(''))
      expect(await textOutside(outside, name)).toBe('whole');
  });

  test('no temporary name is left, whatever happened', async () => {
    const { replica, outside } = current();
    await outside.write('folder/taken', 'theirs');
    const kept = await put(replica, 'folder/kept', 'one');
    await writeAll(replica, [
      item('folder/kept', 'two', { expected: kept.version }),
      item('folder/taken', 'ours'),
      item('folder/stale', 'ours', { expected: NEVER_VERSION }),
      item('folder/broken', 'ours', { failure: new FerryError('LOCAL_IO', 'cannot be read') }),
    ]);
    const names = await outside.list('folder');
    expect(names.filter((name) => name.startsWith(TEMPORARY_PREFIX))).toEqual([]);
    expect([...(await observeAll(replica)).order].sort()).toEqual([
      'folder',
      'folder/kept',
      'folder/taken',
    ]);
  });
}
