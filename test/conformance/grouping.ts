import { expect, test } from '@jest/globals';
import { FerryError } from '../../core/model/errors.ts';
import type { WriteItem, WriteOptions } from '../../core/ports.ts';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import {
  at,
  bytesIn,
  type ConformanceSetting,
  item,
  NEVER_VERSION,
  notApplicable,
  textOutside,
  versionOf,
} from './setting.ts';

const LARGE = Buffer.alloc(3 * 1024 * 1024 + 17, 'ferry 0123456789');

function codeOf(answer: unknown): string {
  return answer instanceof FerryError ? answer.code : 'done';
}

/** Reads small items whole, as a source that can read groups does; and tells how large its groups were. */
function groupSource(sizes: number[] = []): NonNullable<WriteOptions['contents']> {
  return async (items) => {
    sizes.push(items.length);
    const read = async (one: WriteItem): Promise<Uint8Array | FerryError> => {
      try {
        const stream = await one.open();
        return await bytesIn({ sizeBytes: one.sizeBytes, stream });
      } catch (error) {
        return error as FerryError;
      }
    };
    return Promise.all(items.map(read));
  };
}

/** What replicas do that have methods for groups. */
export function groupingBehaviour(current: () => ConformanceSetting): void {
  reading(current);
  writing(current);
  changingNames(current);
}

function reading(current: () => ConformanceSetting): void {
  test('a group of files is read, each by itself', async () => {
    const { replica, outside } = current();
    if (replica.readMany === undefined) return notApplicable('no groups');
    const texts = ['', 'one', 'x'.repeat(100_000), 'ä 🚢'];
    for (const [index, text] of texts.entries()) await outside.write(`folder ${index}/ä`, text);
    await outside.write('changed', 'before');
    await current().settle();
    const changed = { path: at('changed'), expected: await versionOf(replica, 'changed') };
    await outside.write('changed', 'behind');
    const requests = await Promise.all(
      texts.map(async (text, index) => ({
        path: at(`folder ${index}/ä`),
        expected: await versionOf(replica, `folder ${index}/ä`),
        sizeBytes: Buffer.byteLength(text),
      })),
    );
    const results = await replica.readMany([
      { ...changed, sizeBytes: 6 },
      ...requests,
      { path: at('gone'), expected: NEVER_VERSION, sizeBytes: 1 },
      { path: at('folder 1'), expected: NEVER_VERSION, sizeBytes: 1 },
    ]);
    const found = results.map((result) =>
      'error' in result ? result.error.code : Buffer.from(result.content).toString(),
    );
    expect(found).toEqual(['CHANGED', ...texts, 'CHANGED', 'CHANGED']);
    expect(await replica.readMany([])).toEqual([]);
  });

  test('a group of files is hashed, large ones among them', async () => {
    const { replica, outside } = current();
    if (replica.hashMany === undefined) return notApplicable('no groups');
    await outside.write('small', 'small');
    await outside.write('folder/large', LARGE);
    await current().settle();
    const requests = await Promise.all(
      ['folder/large', 'small'].map(async (path) => ({
        path: at(path),
        expected: await versionOf(replica, path),
        sizeBytes: path === 'small' ? 5 : LARGE.length,
      })),
    );
    const gone = { path: at('gone'), expected: NEVER_VERSION, sizeBytes: 1 };
    const hashes = await replica.hashMany([...requests, gone]);
    expect(hashes.slice(0, 2)).toEqual([hashOf(LARGE), hashOf(Buffer.from('small'))]);
    expect(codeOf(hashes[2])).toBe('CHANGED');
  });

  test('a cancelled group is not read', async () => {
    const { replica, outside } = current();
    if (replica.readMany === undefined) return notApplicable('no groups');
    await outside.write('file', 'x');
    const request = { path: at('file'), expected: await versionOf(replica, 'file'), sizeBytes: 1 };
    const answer = await replica
      .readMany([request], { signal: AbortSignal.abort() })
      .then(([result]) => (result && 'error' in result ? result.error : null))
      .catch((error: unknown) => error);
    expect(answer).toMatchObject({ code: 'ABORTED' });
  });
}

function writing(current: () => ConformanceSetting): void {
  test('small contents that are read in groups are written, large ones and failing ones beside them', async () => {
    const { replica, outside } = current();
    await outside.write('folder/old', 'old');
    await outside.write('folder/theirs', 'theirs');
    await current().settle();
    const expected = await versionOf(replica, 'folder/old');
    const many = Array.from({ length: 40 }, (_, index) => item(`folder/${index}`, `${index}`));
    const broken = new FerryError('CHANGED', 'changed while it was read');
    const items = [
      item('folder/large', LARGE),
      ...many,
      item('folder/old', 'new', { expected }),
      item('folder/empty', ''),
      item('folder/theirs', 'ours'),
      item('folder/broken', 'broken', { failure: broken }),
      item('folder/short', 'announced', { actual: 'short' }),
      item('none/file', 'x'),
    ];
    const results = new Map<string, string>();
    for await (const group of replica.writeMany(items, { contents: groupSource() }))
      for (const result of group)
        results.set(result.item.path, 'error' in result ? result.error.code : 'written');
    expect(results.size).toBe(items.length);
    for (const { path } of [...many, { path: 'folder/large' }, { path: 'folder/old' }])
      expect(results.get(path)).toBe('written');
    expect(results.get('folder/theirs')).toBe('CHANGED');
    expect(results.get('folder/broken')).toBe('CHANGED');
    expect(results.get('folder/short')).not.toBe('written');
    expect(results.get('none/file')).not.toBe('written');
    expect(await textOutside(outside, 'folder/39')).toBe('39');
    expect(await textOutside(outside, 'folder/old')).toBe('new');
    expect(await textOutside(outside, 'folder/empty')).toBe('');
    expect(await textOutside(outside, 'folder/theirs')).toBe('theirs');
    expect(LARGE.equals((await outside.read('folder/large')) ?? Buffer.alloc(0))).toBe(true);
    expect(await outside.list('folder')).toHaveLength(44);
  });

  test('when no contents can be read, every file of the group says so', async () => {
    const { replica, outside } = current();
    const failure = new FerryError('REMOTE_UNREACHABLE', 'cut off');
    const codes: string[] = [];
    let isAsked = false;
    try {
      const contents = () => {
        isAsked = true;
        return Promise.reject(failure);
      };
      for await (const group of replica.writeMany([item('one', '1'), item('two', '2')], {
        contents,
      }))
        for (const result of group) codes.push('error' in result ? result.error.code : 'written');
    } catch (error) {
      codes.push((error as FerryError).code);
    }
    if (!isAsked) return notApplicable('it writes one file at a time');
    expect(new Set(codes)).not.toContain('written');
    expect(await outside.list('')).toEqual(expect.not.arrayContaining(['one']));
  });
}

function changingNames(current: () => ConformanceSetting): void {
  test('directories are made in one group, parents first, and existing ones are adopted', async () => {
    const { replica, outside } = current();
    if (replica.makeDirectories === undefined) return notApplicable('no groups');
    await outside.makeDirectory('there');
    await outside.write('file', 'x');
    const paths = ['new', 'new/below', 'there', 'new/below/ä', 'file', 'none/below'];
    const made = await replica.makeDirectories(paths.map((path) => ({ path: at(path) })));
    expect(made.map((answer) => (answer instanceof FerryError ? 'failed' : answer.path))).toEqual([
      'new',
      'new/below',
      'there',
      'new/below/ä',
      'failed',
      'failed',
    ]);
    expect(codeOf(made[4])).toBe('CHANGED');
    for (const path of paths.slice(0, 4))
      expect(await replica.stat(at(path))).toMatchObject({ kind: 'directory' });
    expect(made[1]).toEqual(await replica.stat(at('new/below')));
  });

  test('files and directories are removed in one group, each if it is what was expected', async () => {
    const { replica, outside } = current();
    if (replica.removeMany === undefined) return notApplicable('no groups');
    for (const path of ['a/b/one', 'a/two', 'full/kept', 'full/gone', 'changed'])
      await outside.write(path, path);
    await current().settle();
    const file = async (path: string) => ({
      path: at(path),
      expected: await versionOf(replica, path),
    });
    const directory = (path: string) => ({ path: at(path), expected: 'directory' as const });
    const removals = [
      await file('a/b/one'),
      await file('a/two'),
      await file('full/gone'),
      await file('changed'),
      { path: at('missing'), expected: NEVER_VERSION },
      directory('a/b'),
      directory('a'),
      directory('full'),
    ];
    await outside.write('changed', 'by now');
    const answers = await replica.removeMany(removals);
    expect(answers.map(codeOf)).toEqual([
      'done',
      'done',
      'done',
      'CHANGED',
      'CHANGED',
      'done',
      'done',
      'NOT_EMPTY',
    ]);
    expect([...(await outside.list(''))].sort()).toEqual(['changed', 'full']);
    expect(await outside.list('full')).toEqual(['kept']);
    expect(await textOutside(outside, 'changed')).toBe('by now');
  });
}
