import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BATCH_GET_TYPE } from '../../protocol/batch.ts';
import { FRAMES_TYPE } from '../../protocol/frames.ts';
import { batchBody, fresh } from './support/batch-bodies.ts';
import { HOSTILE, ODD } from './support/hostile-targets.ts';
import { type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;
let outer: string;

beforeAll(async () => {
  outer = await mkdtemp(join(tmpdir(), 'ferry-outer-'));
  await mkdir(join(outer, 'served/a'), { recursive: true });
  await mkdir(join(outer, 'elsewhere'));
  await writeFile(join(outer, 'secret'), 'secret');
  await writeFile(join(outer, 'elsewhere/file'), 'secret');
  const directory = join(outer, 'served');
  await symlink(join(outer, 'elsewhere'), join(directory, 'link'));
  await symlink('loop', join(directory, 'loop'));
  await symlink('..', join(directory, 'upward'));
  site = await startServer({ directory });
  await site.ask('PUT', '/source', {}, 'source');
});

afterAll(async () => {
  await site.close();
  await rm(outer, { recursive: true, force: true });
});

/** Sends one request as raw bytes, so that nothing tidies the target up; returns status and body. */
function send(method: string, target: string, headers = '', body = ''): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(site.server.port, '127.0.0.1');
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve([Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]), text]));
    const host = `Host: 127.0.0.1:${site.server.port}`;
    const head = `${method} ${target} HTTP/1.1\r\n${host}\r\nConnection: close\r\n${headers}`;
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`, 'latin1');
  });
}

async function outside(): Promise<string> {
  const names = [await readdir(outer), await readdir(join(outer, 'elsewhere'))];
  const contents = [
    await readFile(join(outer, 'secret'), 'utf8'),
    await readFile(join(outer, 'elsewhere/file'), 'utf8'),
  ];
  // Not what a request removed, which is kept there.
  const own = (await readdir(join(outer, 'served/.ferry'))).filter((name) => name !== 'versions');
  return JSON.stringify([names, contents, own]);
}

const PROPPATCH =
  '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="y">1</x></D:prop></D:set></D:propertyupdate>';
const LOCK =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';

const PATCH = 'Content-Type: application/x-sabredav-partialupdate\r\nX-Update-Range: append\r\n';

test('there are enough hostile targets to mean something', () => {
  expect(HOSTILE.length).toBeGreaterThanOrEqual(300);
});

describe('a hostile request target', () => {
  test.each(HOSTILE)('reaches nothing by any method: %j', async (target) => {
    const before = await outside();
    const requests: [string, string?, string?][] = [
      ['GET'],
      ['HEAD'],
      ['PUT', '', 'x'],
      ['DELETE'],
      ['MKCOL'],
      ['PROPFIND', 'Depth: infinity\r\n'],
      ['PROPPATCH', '', PROPPATCH],
      ['LOCK', '', LOCK],
      ['PATCH', PATCH, 'x'],
      ['REPORT', '', '<D:sync-collection xmlns:D="DAV:"><D:sync-token/></D:sync-collection>'],
      ['POST', `Content-Type: ${FRAMES_TYPE}\r\n`, batchBody([fresh('x', 'x')]).toString('latin1')],
      ['POST', `Content-Type: ${BATCH_GET_TYPE}\r\n`, '{"entries":[["secret","\\"a\\""]]}'],
      ['PUT', 'Content-Type: application/vnd.ferry.recipe\r\nIf-Match: "a-6-b-c"\r\n', 'x'],
      ['PUT', 'Ferry-Upload: one\r\nContent-Range: bytes 0-0/1\r\n', 'x'],
      ['GET', 'Accept: application/vnd.ferry.chunks\r\n'],
      ['GET', 'Accept: application/vnd.ferry.changes\r\n'],
      ['GET', 'Accept: text/event-stream\r\n'],
      ['GET', 'Accept: application/vnd.ferry.versions\r\n'],
      ['GET', 'Accept: application/vnd.ferry.listings\r\n'],
      ['UNLOCK', 'Lock-Token: <urn:x>\r\n'],
      ['COPY', 'Destination: /copied\r\n'],
      ['MOVE', 'Destination: /moved\r\n'],
    ];
    const answers = await Promise.all(
      requests.map(async ([method, headers, body]) => ({
        method,
        answer: await send(method, target, headers, body),
      })),
    );
    for (const { method, answer } of answers) {
      const [status, text] = answer;
      // Deleting a link's name or making a collection over it is refused, too. An answer with a line for each entry may
      // refuse each of them.
      const isRefusedInside = status === 200 && !/"status":2|"hash"|\["/.test(text);
      const isRefused = status >= 400 && status < 500;
      expect([method, isRefused || isRefusedInside, text]).toEqual([method, true, text]);
      expect(text).not.toContain('root:');
      if (method === 'GET') expect(text.split('\r\n\r\n')[1]).not.toBe('secret');
    }
    expect(await outside()).toBe(before);
  });

  test.each(HOSTILE)('is no destination of COPY and MOVE: %j', async (target) => {
    const before = await outside();
    for (const method of ['COPY', 'MOVE']) {
      const [status] = await send(method, '/source', `Destination: ${target}\r\n`);
      expect([method, status >= 400 && status < 600 && status !== 500]).toEqual([method, true]);
    }
    expect((await site.ask('GET', '/source')).body).toBe('source');
    expect(await outside()).toBe(before);
  });
});

/** The names as the bodies of Ferry's own requests would have them: as text, with and without their percent signs. */
const PLAIN = HOSTILE.flatMap((target) => {
  const plain = target.replace(/^\/(?=.)/, '');
  return [plain, unescape(plain)];
});

describe('a hostile path in a body', () => {
  test('is refused, or a name like any other below the collection', async () => {
    const before = await outside();
    await site.ask('MKCOL', '/batched');
    const types = { frames: FRAMES_TYPE, get: BATCH_GET_TYPE };
    const post = (type: string, body: string | Buffer) =>
      site.ask('POST', '/batched/', { 'content-type': type }, body);
    for (const path of PLAIN) {
      const wishes = [
        { op: 'mkcol', path },
        fresh(path, 'x'),
        { op: 'delete', path, if: '"a-1-b-c"' },
        { op: 'delete', path, if: 'collection' },
      ] as const;
      const answers = await Promise.all([
        ...wishes.map((wish) => post(types.frames, batchBody([wish]))),
        post(types.get, JSON.stringify({ entries: [[path, '"a-6-b-c"']], only: 'hash' })),
      ]);
      for (const { status, body } of answers) {
        expect([path, status === 200 || status === 400]).toEqual([path, true]);
        expect(body).not.toMatch(/secret"?$|"status":5/);
      }
    }
    await site.ask('DELETE', '/batched');
    expect(await outside()).toBe(before);
  }, 60_000);
});

describe('a hostile resource in an If header', () => {
  test('has no state, so that nothing holds on it', async () => {
    for (const target of HOSTILE.filter((one) => !/[<>"]/.test(one))) {
      const headers = `If: <${target}> (["anything"])\r\n`;
      const [status, text] = await send('PUT', '/unwritten', headers, 'x');
      expect([target, status === 412 || status === 400]).toEqual([target, true]);
      expect(text).not.toContain('secret');
    }
    expect((await site.ask('GET', '/unwritten')).status).toBe(404);
  }, 60_000);
});

describe('an odd name', () => {
  test.each(ODD)('is stored and read like any other: %s', async (target) => {
    const before = await outside();
    expect((await send('PUT', target, '', 'odd'))[0]).toBe(201);
    expect((await send('GET', target))[1]).toMatch(/\r\n\r\nodd$/);
    const listing = await site.ask('PROPFIND', '/', { depth: '1' });
    expect(listing.status).toBe(207);
    expect((await send('DELETE', target))[0]).toBe(204);
    expect(await outside()).toBe(before);
  });
});

describe('Destination', () => {
  test('on another server is refused with 502', async () => {
    const headers = { destination: 'http://example.com/x' };
    expect((await site.ask('COPY', '/source', headers)).status).toBe(502);
    const port = { destination: `http://127.0.0.1:${site.server.port + 1}/x` };
    expect((await site.ask('COPY', '/source', port)).status).toBe(502);
    const login = { destination: `http://u@127.0.0.1:${site.server.port}/x` };
    expect((await site.ask('COPY', '/source', login)).status).toBe(502);
  });

  test('may be a whole URL of this server or only a path', async () => {
    const url = { destination: `${site.server.url}one` };
    expect((await site.ask('COPY', '/source', url)).status).toBe(201);
    expect((await site.ask('COPY', '/source', { destination: '/two' })).status).toBe(201);
  });
});

test('an absolute request target names the same resource', async () => {
  const [status, text] = await send('GET', `http://127.0.0.1:${site.server.port}/source`);
  expect([status, text.split('\r\n\r\n')[1]]).toEqual([200, 'source']);
});

test('links, special files and the private folder are not listed', async () => {
  const listing = await site.ask('PROPFIND', '/', { depth: 'infinity' });
  for (const name of ['.ferry', 'link', 'loop', 'upward', 'secret'])
    expect(listing.body).not.toContain(`/${name}`);
});
