import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fixture, startServer } from './support/running-server.ts';

/** Targets that name something outside the tree, Ferry's own folder, or nothing at all. */
const HOSTILE: readonly string[] = [
  '/../secret',
  '/../../etc/passwd',
  '/../../../../../../etc/passwd',
  '/a/../../secret',
  '/a/../b',
  '/a/..',
  '/..',
  '/.',
  '/./a',
  '/a/.',
  '/a/./b',
  '/%2e%2e/secret',
  '/%2E%2E/secret',
  '/%2e./secret',
  '/.%2e/secret',
  '/a/%2e%2e/%2e%2e/secret',
  '/%2e',
  '/..%2fsecret',
  '/..%2Fsecret',
  '/a%2fb',
  '/a%2Fb',
  '/%2fetc%2fpasswd',
  '/%2f',
  '/a/%2f',
  '/..%2f..%2f..%2fetc%2fpasswd',
  '/%2e%2e%2fsecret',
  '/a%00',
  '/a%00.txt',
  '/%00',
  '/a%00/../secret',
  '//',
  '//etc/passwd',
  '///',
  '/a//b',
  '/a//',
  '/%c0%ae%c0%ae/secret',
  '/%c0%ae./secret',
  '/%e0%80%ae%e0%80%ae/secret',
  '/%c0%afetc',
  '/%c1%9c..',
  '/%f0%80%80%ae',
  '/%c0%80',
  '/%ff',
  '/%fe%fe',
  '/%80',
  '/a%c3',
  '/%ed%a0%80',
  '/%f4%90%80%80',
  '/\xff\xfe',
  '/\xc0\xae\xc0\xae/secret',
  '/%',
  '/%2',
  '/a%zz',
  '/%u002e%u002e/secret',
  '/a%',
  '/.ferry',
  '/.ferry/',
  '/.ferry/server.json',
  '/%2eferry/server.json',
  '/.%66erry/server.json',
  '/.f%65rr%79/stage',
  '/a/.ferry',
  '/a/.ferry/x',
  '/.ferry/stage/../server.json',
  '/.ferry?x',
  '/link/file',
  '/link',
  '/loop/loop/file',
  '/upward/secret',
  '/a#b',
  'secret',
  '../secret',
  '\\..\\secret',
  'file:///etc/passwd',
  'ftp://127.0.0.1/file',
];

/** Inside the tree, though they look odd: each is an ordinary file name here. */
const ODD = [
  '/..%5csecret',
  '/%5c..%5c..%5cetc',
  '/...',
  '/..a',
  '/a..',
  '/%252e%252e',
  '/C:',
  '/con',
  '/a%20b',
  '/%23',
  '/%3f',
  '/%25',
  '/%22%3cscript%3e',
  '/%e2%80%ae.txt',
  '/%f0%9f%9a%a2',
  '/~root',
  '/$(id)',
  '/%0a',
];

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
      ['UNLOCK', 'Lock-Token: <urn:x>\r\n'],
      ['COPY', 'Destination: /copied\r\n'],
      ['MOVE', 'Destination: /moved\r\n'],
    ];
    for (const [method, headers, body] of requests) {
      const [status, text] = await send(method, target, headers, body);
      // Deleting a link's name or making a collection over it is refused, too.
      expect([method, status >= 400 && status < 500]).toEqual([method, true]);
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
