import { describe, expect, test } from '@jest/globals';
import { at, observeAll } from '../../conformance/setting.ts';
import {
  answerListing,
  answerXml,
  multistatus,
  WELL_BEHAVED,
} from '../../support/servers/misbehaving.ts';
import { closeFakesAfterEach, fakeRemote } from './fake-remote.ts';

closeFakesAfterEach();

const ROOT_AND_FILE = [{ href: '/' }, { href: '/file.txt', sizeBytes: 1 }];

describe('a listing that is not what it seems', () => {
  test('a sign-in page is not an empty folder, and the message says what it may be', async () => {
    const { replica } = await fakeRemote((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html><body>Welcome to the hotel</body></html>');
    });
    const listing = observeAll(replica);
    await expect(listing).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
    await expect(listing).rejects.toThrow(/sign-in page/);
    await expect(replica.identify()).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
  });

  test.each([
    ['a page with status 207', 'text/html', '<html></html>'],
    ['nothing at all', 'application/xml', ''],
    ['other XML', 'application/xml', '<feed xmlns="DAV:"></feed>'],
    ['text that is not XML', 'application/xml', 'service unavailable'],
    ['a listing that is cut off', 'application/xml', multistatus(ROOT_AND_FILE).slice(0, -20)],
    [
      'a listing cut off between entries',
      'text/xml',
      `${multistatus([{ href: '/' }]).slice(0, -16)}`,
    ],
    ['an empty listing', 'application/xml', multistatus([])],
    ['a listing of another folder', 'application/xml', multistatus([{ href: '/other/' }])],
    ['bytes that are not UTF-8', 'application/xml', Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0xfe])],
  ])('%s is refused as a whole', async (_name, type, body) => {
    const { replica } = await fakeRemote((_, response) => {
      response.writeHead(207, { 'content-type': type });
      response.end(body);
    });
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
  });

  test('a listing with status 200 is refused', async () => {
    const { replica } = await fakeRemote((_, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      response.end(multistatus(ROOT_AND_FILE));
    });
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
  });

  test('a connection that is cut in the middle of a listing is no shorter listing', async () => {
    const { replica } = await fakeRemote((_, response) => {
      const text = multistatus(ROOT_AND_FILE);
      response.writeHead(207, { 'content-type': 'text/xml', 'content-length': text.length + 100 });
      response.write(text, () => response.destroy());
    });
    await expect(observeAll(replica)).rejects.toMatchObject({ name: 'FerryError' });
  });

  test('entities, and so bombs made of them, are refused before they grow', async () => {
    const lines = Array.from(
      { length: 12 },
      (_, index) => `<!ENTITY e${index + 1} "${`&e${index};`.repeat(10)}">`,
    );
    const bomb = `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "lol">${lines.join('')}]><d:multistatus xmlns:d="DAV:"><d:response><d:href>&e12;</d:href></d:response></d:multistatus>`;
    const { replica } = await fakeRemote((_, response) => answerXml(response, bomb));
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
    const plain = `<d:multistatus xmlns:d="DAV:"><d:response><d:href>&lol;</d:href></d:response></d:multistatus>`;
    const second = await fakeRemote((_, response) => answerXml(response, plain));
    await expect(observeAll(second.replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
  });

  test.each([
    ['nesting without end', '<a>'.repeat(100)],
    ['a text without end', 'x'.repeat(200_000)],
    ['an attribute without end', `<a b="${'x'.repeat(200_000)}"/>`],
    ['a comment without end', `<!-- ${'x'.repeat(200_000)} -->`],
    ['many texts that make a long one', 'x<!-- -->'.repeat(20_000).repeat(4)],
  ])('%s is refused', async (_name, inside) => {
    const text = `<d:multistatus xmlns:d="DAV:"><d:response><d:href>${inside}`;
    const { replica } = await fakeRemote((_, response) => answerXml(response, text));
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
  });
});

describe('a listing with entries that cannot be trusted', () => {
  const HOSTILE = [
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/a/../../../x',
    '/..%2f..%2fetc%2fpasswd',
    '/a%2Fb',
    '/%00',
    '/nul%00byte',
    '//double/slash',
    '/./x',
    '/%ff%fe',
    '/%c0%ae%c0%ae/x',
    '/100%',
    '/%ED%A0%80',
    'http://elsewhere.example/../x',
  ];

  test('no path comes out of a name that leads anywhere else', async () => {
    const { replica } = await fakeRemote((request, response) => {
      const hostile = HOSTILE.map((href) => ({ href, sizeBytes: 1 }));
      if (request.url === '/') answerListing(response, [...ROOT_AND_FILE, ...hostile]);
      else response.writeHead(404).end();
    });
    const { order, problems } = await observeAll(replica);
    expect(order).toEqual(['file.txt']);
    expect(problems.length).toBeGreaterThan(HOSTILE.length / 2);
    for (const problem of problems) expect(problem).toMatch(/: NAME_NOT_ALLOWED$/);
  });

  test('entries of other folders and of folders below are left out of a folder', async () => {
    const { replica } = await fakeRemote(
      (_, response) =>
        answerListing(response, [
          { href: '/base/' },
          { href: '/base/file.txt', sizeBytes: 1 },
          { href: '/base/deep/file.txt', sizeBytes: 1 },
          { href: '/other/file.txt', sizeBytes: 1 },
          { href: '/basement/file.txt', sizeBytes: 1 },
        ]),
      { folder: 'base' },
    );
    expect((await observeAll(replica)).order).toEqual(['file.txt']);
  });

  test('a folder that holds a file without a usable name does not count as empty', async () => {
    const { replica, server } = await fakeRemote((_, response) =>
      answerListing(response, [{ href: '/folder/' }, { href: '/folder/caf%E9', sizeBytes: 1 }]),
    );
    const removal = replica.remove(at('folder'), { expected: 'directory' });
    await expect(removal).rejects.toMatchObject({ code: 'NOT_EMPTY' });
    expect(server.seen.map(({ method }) => method)).not.toContain('DELETE');
  });

  test('a name is decoded once only', async () => {
    const { replica } = await fakeRemote((_, response) =>
      answerListing(response, [{ href: '/' }, { href: '/%252e%252e', sizeBytes: 1 }]),
    );
    expect((await observeAll(replica)).order).toEqual(['%2e%2e']);
  });

  test('absolute addresses and another host name in them do not matter', async () => {
    const { replica } = await fakeRemote((_, response) =>
      answerListing(response, [
        { href: 'https://behind.proxy.example/' },
        { href: 'https://behind.proxy.example/file.txt', sizeBytes: 1 },
      ]),
    );
    expect((await observeAll(replica)).order).toEqual(['file.txt']);
  });

  test('an entry without size or version is a problem, the others are seen', async () => {
    const { replica } = await fakeRemote((_, response) => {
      const bare =
        '<d:response><d:href>/bare</d:href><d:propstat><d:prop><d:resourcetype/></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>';
      const forbidden =
        '<d:response><d:href>/secret</d:href><d:status>HTTP/1.1 403 Forbidden</d:status></d:response>';
      const text = multistatus(ROOT_AND_FILE);
      answerXml(response, text.replace('</d:multistatus>', `${bare}${forbidden}</d:multistatus>`));
    });
    const { order, problems } = await observeAll(replica);
    expect(order).toEqual(['file.txt']);
    expect(problems).toEqual(['bare: REMOTE_PROTOCOL', 'secret: REMOTE_FORBIDDEN']);
  });

  test('two names that differ only in how letters are composed are a problem, not one file', async () => {
    const { replica } = await fakeRemote((_, response) =>
      answerListing(response, [
        { href: '/' },
        { href: '/%C3%A4', sizeBytes: 1 },
        { href: '/a%CC%88', sizeBytes: 2 },
      ]),
    );
    expect(await observeAll(replica)).toMatchObject({
      order: [],
      problems: ['ä: NAME_NOT_ALLOWED'],
    });
  });

  test('a name that the server composes differently is asked for as the server spells it', async () => {
    const { replica, server } = await fakeRemote((request, response) => {
      if (request.method === 'PROPFIND' && request.url === '/')
        answerListing(response, [{ href: '/' }, { href: '/a%CC%88/' }]);
      else if (request.url === '/a%CC%88/') answerListing(response, [{ href: '/a%CC%88/' }]);
      else response.writeHead(404).end();
    });
    expect(await observeAll(replica)).toMatchObject({ order: ['ä'], problems: [] });
    expect(server.seen.map(({ url }) => url)).toEqual(['/', '/a%CC%88/']);
  });
});

describe('a folder that cannot be listed', () => {
  test('because it holds itself without end is given up at some depth', async () => {
    const nested = Array.from({ length: 1_200 }, (_, depth) => ({
      href: `/${'a/'.repeat(depth)}`,
    }));
    const { replica } = await fakeRemote((_, response) => answerListing(response, nested), {
      probe: { ...WELL_BEHAVED, depthInfinity: true },
    });
    const { order, problems } = await observeAll(replica);
    expect(order).toHaveLength(1_100);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/: REMOTE_PROTOCOL$/);
  });

  test('below the root it is one problem, and the rest is seen', async () => {
    const { replica } = await fakeRemote((request, response) => {
      if (request.url === '/')
        answerListing(response, [{ href: '/' }, { href: '/bad/' }, { href: '/good/' }]);
      else if (request.url === '/good/')
        answerListing(response, [{ href: '/good/' }, { href: '/good/x', sizeBytes: 1 }]);
      else response.writeHead(500).end('storage is away');
    });
    const { order, problems } = await observeAll(replica);
    expect([...order].sort()).toEqual(['bad', 'good', 'good/x']);
    expect(problems).toEqual(['bad: REMOTE_PROTOCOL']);
  });

  test.each([
    [401, 'REMOTE_UNAUTHORIZED'],
    [403, 'REMOTE_FORBIDDEN'],
    [404, 'REMOTE_NOT_FOUND'],
    [500, 'REMOTE_PROTOCOL'],
    [502, 'REMOTE_UNREACHABLE'],
  ])('a root that answers %d ends the run', async (status, code) => {
    const { replica, server } = await fakeRemote((_, response) => response.writeHead(status).end());
    await expect(observeAll(replica)).rejects.toMatchObject({ code });
    expect(server.seen).toHaveLength(1);
  });

  test('a sign-in that is refused in the middle ends the run at once, so that no account is locked', async () => {
    const folders = Array.from({ length: 50 }, (_, index) => ({ href: `/${index}/` }));
    const { replica, server } = await fakeRemote(
      (request, response) => {
        if (request.url === '/') answerListing(response, [{ href: '/' }, ...folders]);
        else response.writeHead(401).end();
      },
      { parallelism: 2 },
    );
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_UNAUTHORIZED' });
    expect(server.seen.length).toBeLessThanOrEqual(4);
  });
});
