import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { LockTable } from '../../server/lock-table.ts';
import type { ResourcePath } from '../../server/request-path.ts';
import { hashPassword } from '../../server/users.ts';
import { type Answer, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

afterEach(async () => {
  await site?.close();
});

/** Documents that make a careless parser read files, ask other servers, or fill the memory. */
const XML_BOMBS: Readonly<Record<string, string | Buffer>> = {
  'an external entity':
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><D:propfind xmlns:D="DAV:">&e;</D:propfind>',
  'a document type elsewhere': '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>',
  'parameter entities': '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><a/>',
  'entities in entities': `<!DOCTYPE a [<!ENTITY a0 "xxxxxxxxxx">${Array.from({ length: 9 }, (_, n) => `<!ENTITY a${n + 1} "${`&a${n};`.repeat(10)}">`).join('')}]><a>&a9;</a>`,
  'one large entity, many times': `<!DOCTYPE a [<!ENTITY e "${'x'.repeat(50_000)}">]><a>${'&e;'.repeat(50_000)}</a>`,
  'a document type in UTF-16': Buffer.concat([
    Buffer.from([0xff, 0xfe]),
    Buffer.from('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', 'utf16le'),
  ]),
  'a document type in UTF-7': '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
  'elements in elements': '<a>'.repeat(100_000),
  'a hundred thousand attributes': `<a ${Array.from({ length: 60_000 }, (_, n) => `a${n}="" `).join('')}/>`,
  'a text without end': `<a>${'x'.repeat(900_000)}</a>`,
  'nothing but elements': `<a>${'<b/>'.repeat(200_000)}</a>`,
};

describe('XML that attacks its reader', () => {
  test.each(Object.entries(XML_BOMBS))(
    '%s is refused by every method that reads XML',
    async (_, body) => {
      site = await startServer();
      await site.ask('PUT', '/file', {}, 'content');
      const headers = { 'content-type': 'application/xml', depth: '0' };
      const before = process.memoryUsage().rss;
      for (const [method, path] of [
        ['PROPFIND', '/file'],
        ['PROPPATCH', '/file'],
        ['LOCK', '/file'],
        ['LOCK', '/unmapped'],
        ['MKCOL', '/new'],
        ['REPORT', '/'],
      ] as const) {
        const answer = await site.ask(method, path, headers, body);
        expect([method, answer.status]).toEqual([method, 400]);
        expect(answer.body).not.toContain('root:');
        if (`${body}`.includes('<!DOCTYPE')) expect(answer.body).toContain('no-external-entities');
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
      expect((await readdir(site.directory)).sort()).toEqual(['.ferry', 'file']);
    },
  );
});

test('no address carries a right: what a query or a user part of it says lets nobody in', async () => {
  const users = [{ name: 'ann', passwordHash: await hashPassword('pass') }];
  site = await startServer({ users });
  const signed =
    'X-Amz-Signature=0&OC-Credential=ann&OC-Signature=0&OC-Verb=GET&OC-Expires=9&OC-Date=0';
  for (const target of [
    `/?${signed}`,
    '/?access_token=pass&token=pass&user=ann&password=pass',
    '/?authorization=Basic%20YW5uOnBhc3M=',
    '/?_method=GET&X-HTTP-Method-Override=GET',
    'http://ann:pass@127.0.0.1/',
  ])
    for (const method of ['GET', 'PUT', 'PROPFIND', 'POST', 'DELETE'])
      expect([target, method, (await site.ask(method, target, {}, 'x')).status]).toEqual([
        target,
        method,
        401,
      ]);
  const override = {
    authorization: `Basic ${btoa('ann:pass')}`,
    'x-http-method-override': 'DELETE',
  };
  await site.ask('PUT', '/kept', override, 'kept');
  await site.ask('GET', '/kept', override);
  await site.ask('POST', '/kept', override);
  expect((await site.ask('GET', '/kept', override)).body).toBe('kept');
});

describe('locks', () => {
  test('cannot be taken without end: one user is stopped, and others are not', () => {
    let now = 0;
    const locks = new LockTable({ now: () => now });
    const grant = (principal: string, n: number) =>
      locks.grant({
        path: `${principal}/${n}` as ResourcePath,
        scope: 'exclusive',
        depth: '0',
        ownerXml: '',
        principal,
        timeoutS: 3600,
      });
    for (let n = 0; n < 10_000; n++) grant('ann', n);
    expect(() => grant('ann', 10_000)).toThrow(expect.objectContaining({ status: 503 }));
    expect(grant('bob', 0).principal).toBe('bob');
    now = 3_600_000;
    expect(grant('ann', 10_000).principal).toBe('ann');
  });

  test('of one resource are few, as each is told of all that is below', () => {
    const locks = new LockTable({ now: () => 0 });
    const grant = (): unknown =>
      locks.grant({
        path: 'shared' as ResourcePath,
        scope: 'shared',
        depth: 'infinity',
        ownerXml: '',
        principal: 'ann',
        timeoutS: 3600,
      });
    for (let n = 0; n < 100; n++) grant();
    expect(grant).toThrow(expect.objectContaining({ status: 503 }));
  });

  test('show their token in no answer to anybody else, an error least of all', async () => {
    const passwordHash = await hashPassword('pass');
    const users = ['ann', 'bob'].map((name) => ({ name, passwordHash }));
    site = await startServer({ users });
    const as = (name: string) => ({ authorization: `Basic ${btoa(`${name}:pass`)}` });
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const { headers } = await site.ask('LOCK', '/file', as('ann'), body);
    const token = `${headers['lock-token']}`.slice(1, -1);
    expect(token).toMatch(/^urn:uuid:/);
    const asked: Answer[] = [];
    for (const [method, more] of [
      ['PUT', {}],
      [
        'PATCH',
        { 'content-type': 'application/x-sabredav-partialupdate', 'x-update-range': 'append' },
      ],
      ['DELETE', {}],
      ['MOVE', { destination: '/other' }],
      ['PROPPATCH', {}],
      ['LOCK', {}],
      ['UNLOCK', { 'lock-token': '<urn:uuid:00000000-0000-4000-8000-000000000000>' }],
      ['PROPFIND', { depth: '0' }],
      ['GET', {}],
    ] as const)
      asked.push(
        await site.ask(
          method,
          '/file',
          { ...as('bob'), ...more },
          method === 'LOCK' ? body : undefined,
        ),
      );
    for (const answer of asked)
      expect(`${JSON.stringify(answer.headers)}${answer.body}`).not.toContain(token);
    // Knowing it is not enough either: it is ann's.
    const stolen = { ...as('bob'), if: `(<${token}>)`, 'lock-token': `<${token}>` };
    expect((await site.ask('PUT', '/file', stolen, 'x')).status).toBe(423);
    expect((await site.ask('UNLOCK', '/file', stolen)).status).toBe(403);
  });
});

test('a tree that was put back from a backup has another epoch, and no cursor from before is followed', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'ferry-backup-'));
  try {
    site = await startServer();
    const changes = { accept: 'application/vnd.ferry.changes' };
    const point = async (): Promise<{ cursor: string; epoch: string }> => {
      const { body } = await site.ask('GET', '/', changes);
      return JSON.parse(body.trim().split('\n').at(-1) ?? '');
    };
    const { directory } = site;
    await site.ask('PUT', '/old', {}, 'old');
    const before = await point();
    await site.server.close();
    await cp(directory, join(parent, 'backup'), { recursive: true, preserveTimestamps: true });
    site = await startServer({ directory });
    expect((await point()).epoch).toBe(before.epoch);
    await site.ask('PUT', '/new', {}, 'new');
    const after = await point();
    await site.server.close();
    await rm(directory, { recursive: true });
    await cp(join(parent, 'backup'), directory, { recursive: true, preserveTimestamps: true });
    site = await startServer({ directory });
    expect((await point()).epoch).not.toBe(before.epoch);
    for (const { cursor } of [before, after])
      expect((await site.ask('GET', '/', { ...changes, 'ferry-cursor': cursor })).status).toBe(410);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});
