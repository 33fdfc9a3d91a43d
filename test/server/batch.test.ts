import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FRAMES_TYPE } from '../../protocol/frames.ts';
import { batchBody, fresh, sendBatch, type Wish } from './support/batch-bodies.ts';
import { etagIn, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
});
afterEach(() => site.close());

const typed = { 'content-type': FRAMES_TYPE };

/** Sends one group and returns the statuses. */
async function statuses(...group: readonly Wish[]): Promise<readonly number[]> {
  return (await sendBatch(site, [group])).map(({ status }) => status);
}

async function put(path: string, content: string): Promise<string> {
  return etagIn(await site.ask('PUT', path, {}, content));
}

async function leftInStage(): Promise<readonly string[]> {
  return readdir(site.at('.ferry/stage'));
}

describe('a batch', () => {
  test('is announced, with the extensions, where a client looks first', async () => {
    for (const method of ['OPTIONS', 'PROPFIND']) {
      const { headers } = await site.ask(method, '/', { depth: '0' });
      expect(`${headers['ferry']}`.split(/[; ]+/)).toEqual(
        expect.arrayContaining(['batch', 'batch-get']),
      );
    }
  });

  test('makes collections and files with their times and modes, and says what they are', async () => {
    const [made, file, other] = await sendBatch(site, [
      [
        { op: 'mkcol', path: 'a', mode: '0750' },
        { op: 'mkcol', path: 'a/b' },
      ],
      [fresh('a/b/file', 'content', { mtime: '1600000000123456789', mode: '0640' })],
    ]);
    expect(made).toMatchObject({ status: 201, mode: '0750', id: expect.stringMatching(/./) });
    expect(file).toMatchObject({ status: 201 });
    const head = await site.ask('HEAD', '/a/b/file');
    expect(other).toEqual({
      status: 201,
      etag: head.headers.etag,
      id: expect.stringMatching(/./),
      mtime: '1600000000123456789',
      mode: '0640',
    });
    expect(await readFile(site.at('a/b/file'), 'utf8')).toBe('content');
    expect((await stat(site.at('a'))).mode & 0o777).toBe(0o750);
    expect(await leftInStage()).toEqual([]);
  });

  test('of many groups is carried out group after group', async () => {
    const groups = Array.from({ length: 30 }, (_, index) => [
      { op: 'mkcol', path: `${'d/'.repeat(index)}d` } as const,
      fresh(`${'d/'.repeat(index)}d/file`, `${index}`),
    ]);
    const results = await sendBatch(site, groups);
    expect(results.map(({ status }) => status)).toEqual(groups.flatMap(() => [201, 201]));
    expect(await readFile(site.at(`${'d/'.repeat(29)}d/file`), 'utf8')).toBe('29');
  });

  test('without groups, and with an empty one, is answered with nothing', async () => {
    expect(await sendBatch(site, [])).toEqual([]);
    expect(await sendBatch(site, [[]])).toEqual([]);
  });

  test('replaces and removes only what is as expected, and keeps what gives way', async () => {
    const [one, two, three] = [
      await put('/1', 'one'),
      await put('/2', 'two'),
      await put('/3', '3'),
    ];
    await mkdir(site.at('empty'));
    await mkdir(site.at('full/within'), { recursive: true });
    const results = await sendBatch(site, [
      [
        { path: '1', if: one, content: 'new one' },
        { path: '2', if: one, content: 'not this' },
        { op: 'delete', path: '3', if: three, onlyCopy: true },
        { op: 'delete', path: 'empty', if: 'collection' },
        { op: 'delete', path: 'full', if: 'collection' },
        { op: 'delete', path: '4', if: three },
      ],
    ]);
    expect(results.map(({ status }) => status)).toEqual([204, 412, 204, 204, 409, 404]);
    expect(await readFile(site.at('1'), 'utf8')).toBe('new one');
    expect(await readFile(site.at('2'), 'utf8')).toBe('two');
    expect((await site.ask('HEAD', '/2')).headers.etag).toBe(two);
    expect((await readdir(site.directory)).sort()).toEqual(['.ferry', '1', '2', 'full']);
    for (const [index, path, old] of [
      [0, '/1', 'one'],
      [2, '/3', '3'],
    ] as const) {
      const kept = { 'ferry-version': `${results[index]?.kept}` };
      expect((await site.ask('GET', path, kept)).body).toBe(old);
    }
    expect(await leftInStage()).toEqual([]);
  });

  test('empties a tree in one group, what is in a collection before it', async () => {
    const etag = await put('/file', 'x');
    await mkdir(site.at('a/b'), { recursive: true });
    expect(
      await statuses(
        { op: 'delete', path: 'a/b', if: 'collection' },
        { op: 'delete', path: 'a', if: 'collection' },
        { op: 'delete', path: 'file', if: etag },
      ),
    ).toEqual([204, 204, 204]);
    expect(await readdir(site.directory)).toEqual(['.ferry']);
  });

  test('refuses each entry by itself, and nothing that it refuses is harmed', async () => {
    await put('/there', 'as it was');
    await mkdir(site.at('directory'));
    await symlink('directory', site.at('link'));
    const results = await sendBatch(site, [
      [
        fresh('there', 'other'),
        fresh('directory', 'other'),
        fresh('missing/file', 'x'),
        fresh('there/below', 'x'),
        fresh('link/file', 'x'),
        fresh('link', 'x'),
        fresh('.ferry/versions/x', 'x'),
        fresh('damaged', 'content', { hash: 'a'.repeat(64) }),
        fresh('x'.repeat(256), 'x'),
        { op: 'mkcol', path: 'there/collection' },
        { op: 'mkcol', path: 'directory/new' },
        { path: 'gone', if: '"an-etag"', content: 'x' },
        fresh('good', 'content'),
      ],
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      412, 405, 409, 409, 409, 403, 403, 422, 400, 409, 201, 412, 201,
    ]);
    expect(await readFile(site.at('there'), 'utf8')).toBe('as it was');
    expect((await readdir(site.directory)).sort()).toEqual([
      '.ferry',
      'directory',
      'good',
      'link',
      'there',
    ]);
    expect(await readdir(site.at('directory'))).toEqual(['new']);
    expect(await leftInStage()).toEqual([]);
    expect(
      await statuses({ op: 'mkcol', path: 'directory' }, { op: 'mkcol', path: 'there' }),
    ).toEqual([200, 405]);
  });

  test('is about what is below its collection', async () => {
    await mkdir(site.at('a/b'), { recursive: true });
    const [result] = await sendBatch(site, [[fresh('file', 'x')]], { at: '/a/b/' });
    expect(result).toMatchObject({ status: 201 });
    expect(await readFile(site.at('a/b/file'), 'utf8')).toBe('x');
    for (const [at, status] of [
      ['/none/', 404],
      ['/a/b/file', 409],
    ] as const)
      expect((await site.ask('POST', at, typed, batchBody([fresh('x', 'x')]))).status).toBe(status);
  });

  test('keeps to locks, and takes their tokens from the request', async () => {
    const etag = await put('/locked', 'x');
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const locked = await site.ask('LOCK', '/locked', { depth: '0' }, body);
    const token = `${locked.headers['lock-token']}`;
    const group: Wish[] = [{ path: 'locked', if: etag, content: 'y' }];
    expect(await statuses(...group, fresh('free', 'x'))).toEqual([423, 201]);
    const shown = { headers: { if: `</locked> (${token})` } };
    expect((await sendBatch(site, [group], shown)).map(({ status }) => status)).toEqual([204]);
  });

  test('of two that make the same files at the same time, one makes each', async () => {
    const group = (content: string) =>
      Array.from({ length: 50 }, (_, index) => fresh(`${index}`, `${content} ${index}`));
    const both = await Promise.all([
      sendBatch(site, [group('one')]),
      sendBatch(site, [group('two')]),
    ]);
    for (let index = 0; index < 50; index++) {
      const [one, two] = both.map((results) => results[index]?.status);
      expect([one, two].sort()).toEqual([201, 412]);
      const winner = one === 201 ? 'one' : 'two';
      expect(await readFile(site.at(`${index}`), 'utf8')).toBe(`${winner} ${index}`);
    }
  });

  test('keeps the permission bits of what it replaces unless it names others', async () => {
    await put('/script', 'x');
    await site.ask(
      'PROPPATCH',
      '/script',
      {},
      '<D:propertyupdate xmlns:D="DAV:" xmlns:F="urn:ferry"><D:set><D:prop><F:mode>0751</F:mode></D:prop></D:set></D:propertyupdate>',
    );
    const etag = etagIn(await site.ask('HEAD', '/script'));
    const [result] = await sendBatch(site, [[{ path: 'script', if: etag, content: 'y' }]]);
    expect(result).toMatchObject({ status: 204, mode: '0751' });
  });

  test('a new file has none of the properties of one that had its name', async () => {
    await put('/file', 'x');
    await site.ask(
      'PROPPATCH',
      '/file',
      {},
      '<D:propertyupdate xmlns:D="DAV:" xmlns:T="urn:t"><D:set><D:prop><T:old>1</T:old></D:prop></D:set></D:propertyupdate>',
    );
    const etag = etagIn(await site.ask('HEAD', '/file'));
    expect(await statuses({ op: 'delete', path: 'file', if: etag })).toEqual([204]);
    expect(await statuses(fresh('file', 'y'))).toEqual([201]);
    expect((await site.ask('PROPFIND', '/file', { depth: '0' })).body).not.toContain('urn:t');
  });

  test('is refused where nothing may be changed, and questions are not', async () => {
    await writeFile(site.at('file'), 'x');
    const reading = await startServer({ directory: site.directory, readOnly: true });
    const ask = (type: string, body: string | Buffer) =>
      reading.ask('POST', '/', { 'content-type': type }, body);
    expect((await ask(FRAMES_TYPE, batchBody([fresh('x', 'x')]))).status).toBe(403);
    expect((await ask('application/vnd.ferry.batch-get', '{"entries":[]}')).status).toBe(200);
    expect(`${(await reading.ask('OPTIONS', '/')).headers['ferry']}`).toMatch(/ batch-get/);
    await reading.server.close();
  });
});

describe('a batch that is no batch', () => {
  test.each<[string, Buffer]>([
    ['paths that lead out', batchBody([fresh('../out', 'x')])],
    ['an absolute path', batchBody([fresh('/etc/x', 'x')])],
    ['no path', batchBody([fresh('', 'x')])],
    ['a NUL in a path', batchBody([fresh('a\0b', 'x')])],
    ['a path twice', batchBody([fresh('a', 'x'), fresh('a', 'y')])],
    [
      'a file and a collection of one name',
      batchBody([fresh('a', 'x'), { op: 'mkcol', path: 'a' }]),
    ],
    ['a time out of range', batchBody([fresh('a', 'x', { mtime: '9999999999999999999' })])],
    ['a length that is none', batchBody([{ ...fresh('a', 'x'), bytes: -1 }])],
    ['a content that is longer than all there is', batchBody([{ ...fresh('a', 'x'), bytes: 99 }])],
    ['more content than a group may have', batchBody([{ ...fresh('a', 'x'), bytes: 2 ** 40 }])],
    ['a header without end', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7b])],
    ['something after its end', Buffer.concat([batchBody(), Buffer.from('x')])],
  ])('is refused for %s, and does nothing', async (_, body) => {
    expect((await site.ask('POST', '/', typed, body)).status).toBe(400);
    expect(await readdir(site.directory)).toEqual(['.ferry']);
    expect(await leftInStage()).toEqual([]);
  });

  test('has its connection cut after something was answered, and that stays', async () => {
    const groups = Array.from({ length: 6 }, (_, index) => [fresh(`${index}`, 'x')]);
    const body = Buffer.concat([batchBody(...groups).subarray(0, -4), Buffer.from('nonsense')]);
    const answered = await site.ask('POST', '/', typed, body).catch((error: Error) => error);
    expect(answered).toMatchObject({ code: 'ECONNRESET' });
    for (const name of await readdir(site.directory))
      if (name !== '.ferry') expect(await readFile(site.at(name), 'utf8')).toBe('x');
    expect(await leftInStage()).toEqual([]);
  });

  test('is another media type', async () => {
    for (const type of ['text/plain', `${FRAMES_TYPE}-other`])
      expect((await site.ask('POST', '/', { 'content-type': type }, 'x')).status).toBe(415);
  });

  test('that is cut off leaves whole groups only', async () => {
    const groups = Array.from({ length: 4 }, (_, group) =>
      Array.from({ length: 20 }, (_, index) => fresh(`${group}-${index}`, 'x'.repeat(5000))),
    );
    const body = batchBody(...groups);
    for (const share of [0.1, 0.3, 0.6, 0.9]) {
      const socket = connect(site.server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${FRAMES_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`;
      socket.write(head);
      await new Promise((resolve) =>
        socket.write(body.subarray(0, Math.floor(body.length * share)), resolve),
      );
      socket.destroy();
      for (let calm = 0, tries = 0; calm < 5 && tries < 200; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        calm = site.server.stats.activeRequests > 0 ? 0 : calm + 1;
      }
      const names = (await readdir(site.directory)).filter((name) => name !== '.ferry');
      for (const name of names) expect((await readFile(site.at(name), 'utf8')).length).toBe(5000);
      for (let group = 0; group < 4; group++)
        expect([0, 20]).toContain(names.filter((name) => name.startsWith(`${group}-`)).length);
      expect(await leftInStage()).toEqual([]);
    }
  });
});
