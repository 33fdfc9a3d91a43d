import { expect, test } from '@jest/globals';
import type { Version } from '../../core/model/entry.ts';
import type { Replica } from '../../core/ports.ts';
import {
  at,
  bytesIn,
  type ConformanceSetting,
  expectChanged,
  expectFerryError,
  NEVER_VERSION,
  oddNames,
  put,
  versionOf,
} from './setting.ts';

async function text(
  replica: Replica,
  path: string,
  expected: Version,
  range?: { offset: number; length: number },
): Promise<string> {
  const options = range === undefined ? { expected } : { expected, range };
  return (await bytesIn(await replica.read(at(path), options))).toString();
}

/** What `read` does. */
export function readingBehaviour(current: () => ConformanceSetting): void {
  test('a file is read whole, with its size announced', async () => {
    const { replica, outside } = current();
    await outside.write('folder/file.txt', 'the content');
    await current().settle();
    const expected = await versionOf(replica, 'folder/file.txt');
    const content = await replica.read(at('folder/file.txt'), { expected });
    expect(content.sizeBytes).toBe(11);
    expect((await bytesIn(content)).toString()).toBe('the content');
  });

  test('an empty file is read', async () => {
    const { replica, outside } = current();
    await outside.write('empty', '');
    await current().settle();
    expect(await text(replica, 'empty', await versionOf(replica, 'empty'))).toBe('');
  });

  test('a file of some megabytes is read byte for byte', async () => {
    const { replica, outside } = current();
    const bytes = Buffer.alloc(3 * 1024 * 1024 + 17, 'ferry 0123456789');
    await outside.write('large.bin', bytes);
    await current().settle();
    const expected = await versionOf(replica, 'large.bin');
    const read = await bytesIn(await replica.read(at('large.bin'), { expected }));
    expect(read.equals(bytes)).toBe(true);
  });

  test('ranges are read exactly, at the beginning, in the middle and at the end', async () => {
    const { replica, outside } = current();
    await outside.write('digits', '0123456789');
    await current().settle();
    const expected = await versionOf(replica, 'digits');
    expect(await text(replica, 'digits', expected, { offset: 0, length: 3 })).toBe('012');
    expect(await text(replica, 'digits', expected, { offset: 4, length: 2 })).toBe('45');
    expect(await text(replica, 'digits', expected, { offset: 7, length: 3 })).toBe('789');
    const content = await replica.read(at('digits'), { expected, range: { offset: 4, length: 2 } });
    expect(content.sizeBytes).toBe(10);
    await bytesIn(content);
  });

  test('files with odd names are read', async () => {
    const { replica, outside } = current();
    for (const name of oddNames(current())) await outside.write(name, `content of ${name}`);
    await current().settle();
    for (const name of oddNames(current()))
      expect(await text(replica, name, await versionOf(replica, name))).toBe(`content of ${name}`);
  });

  test('another version than expected is not read', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'one');
    await current().settle();
    const before = await versionOf(replica, 'file.txt');
    await outside.write('file.txt', 'two');
    await expectChanged(text(replica, 'file.txt', before));
    await expectChanged(text(replica, 'file.txt', before, { offset: 0, length: 2 }));
    await expectChanged(text(replica, 'file.txt', NEVER_VERSION));
  });

  test('a file that is gone, or is a directory by now, is not read', async () => {
    const { replica, outside } = current();
    await outside.write('folder/file.txt', 'x');
    await expectChanged(text(replica, 'gone.txt', NEVER_VERSION));
    await expectChanged(text(replica, 'folder', NEVER_VERSION));
  });

  test('what was just written is read with the version that the write reported', async () => {
    const { replica } = current();
    const { version } = await put(replica, 'file.txt', 'fresh');
    expect(await text(replica, 'file.txt', version)).toBe('fresh');
  });

  test('reading is cancelled', async () => {
    const { replica, outside } = current();
    await outside.write('file.txt', 'x');
    const expected = await versionOf(replica, 'file.txt');
    const signal = AbortSignal.abort();
    await expectFerryError(
      replica.read(at('file.txt'), { expected, signal }).then((content) => bytesIn(content)),
    );
  });

  test('a reader may stop in the middle', async () => {
    const { replica, outside } = current();
    await outside.write('large.bin', Buffer.alloc(2 * 1024 * 1024, 7));
    await current().settle();
    const expected = await versionOf(replica, 'large.bin');
    const { stream } = await replica.read(at('large.bin'), { expected });
    for await (const chunk of stream) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await replica.stat(at('large.bin')))?.version).toBe(expected);
  });
}
