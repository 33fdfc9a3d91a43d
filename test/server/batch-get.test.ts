import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashOf } from '../../core/transfer/verified-stream.ts';
import { BATCH_GET_TYPE } from '../../protocol/batch.ts';
import { getBatch } from './support/batch-bodies.ts';
import { etagIn, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
});
afterEach(() => site.close());

async function written(path: string, content: string | Buffer): Promise<string> {
  await writeFile(site.at(path), content);
  return etagIn(await site.ask('HEAD', `/${path}`));
}

describe('batch-get', () => {
  test('answers with files in the order asked for, with their hashes', async () => {
    const wanted: [string, string][] = [];
    for (let index = 0; index < 300; index++)
      wanted.push([`f${index}`, await written(`f${index}`, `content of ${index}`.repeat(index))]);
    const got = await getBatch(site, wanted.toReversed());
    expect(got.map(({ content }) => content)).toEqual(
      wanted.map((_, index) => `content of ${index}`.repeat(index)).toReversed(),
    );
    for (const { hash, content } of got) expect(hash).toBe(hashOf(Buffer.from(content)));
  }, 20_000);

  test('says of each that it cannot give why', async () => {
    const etag = await written('file', 'x');
    const gone = await written('gone', 'x');
    const large = await written('large', Buffer.alloc(4 * 1024 * 1024 + 1));
    await rm(site.at('gone'));
    await mkdir(site.at('directory'));
    await symlink('file', site.at('link'));
    const got = await getBatch(site, [
      ['file', etag],
      ['gone', gone],
      ['file', large],
      ['file', '"nonsense"'],
      ['large', large],
      ['directory', etag],
      ['link', etag],
      ['.ferry/server.json', etag],
      ['file/below', etag],
    ]);
    expect(got.map(({ status }) => status)).toEqual([200, 404, 412, 412, 413, 404, 404, 404, 404]);
    expect(got.slice(1).every(({ content }) => content === '')).toBe(true);
  });

  test('gives hashes alone, of files of any size', async () => {
    const content = Buffer.alloc(5 * 1024 * 1024 + 17, 'abcdefg');
    const large = await written('large', content);
    const small = await written('small', 'x');
    const got = await getBatch(
      site,
      [
        ['large', large],
        ['small', small],
        ['small', large],
        ['none', large],
      ],
      'hash',
    );
    expect(got).toEqual([
      { status: 200, hash: hashOf(content), content: '' },
      { status: 200, hash: hashOf(Buffer.from('x')), content: '' },
      { status: 412, content: '' },
      { status: 404, content: '' },
    ]);
  });

  test('divides what is large into several groups', async () => {
    const content = 'x'.repeat(700_000);
    const wanted: [string, string][] = [];
    for (let index = 0; index < 8; index++)
      wanted.push([`f${index}`, await written(`f${index}`, content)]);
    const got = await getBatch(site, wanted);
    expect(got.map((one) => one.content === content)).toEqual(wanted.map(() => true));
  });

  test.each([
    ['no JSON', '{'],
    ['nothing asked for', '{}'],
    ['too much', JSON.stringify({ entries: Array.from({ length: 1001 }, () => ['a', '"b"']) })],
    ['another question', '{"entries":[],"only":"size"}'],
    ['a path that leads out', '{"entries":[["../x","\\"a\\""]]}'],
  ])('refuses %s', async (_, body) => {
    const answer = await site.ask('POST', '/', { 'content-type': BATCH_GET_TYPE }, body);
    expect(answer.status).toBe(400);
  });

  test('refuses a question of more than a mebibyte', async () => {
    const body = ' '.repeat(1024 * 1024 + 1);
    const answer = await site.ask('POST', '/', { 'content-type': BATCH_GET_TYPE }, body);
    expect(answer.status).toBe(413);
  });
});
