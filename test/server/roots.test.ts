import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ResourcePath } from '../../server/request-path.ts';
import { hashPassword } from '../../server/users.ts';
import { type Answer, etagIn, type Fixture, startServer } from './support/running-server.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

const ROOTS = ['alpha', 'beta', 'deep/gamma'] as const;
const USERS = { ann: 'alpha', bob: 'beta', cid: 'deep/gamma' } as const;
type Name = keyof typeof USERS | 'all' | 'reader';

const LOCK_BODY =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>';
const PATCH_BODY =
  '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="urn:x">1</x></D:prop></D:set></D:propertyupdate>';
const BODIES: Readonly<Record<string, string>> = {
  PUT: 'written',
  PROPPATCH: PATCH_BODY,
  LOCK: LOCK_BODY,
  PATCH: 'more',
};
const PARTIAL_UPDATE = {
  'content-type': 'application/x-sabredav-partialupdate',
  'x-update-range': 'append',
};
const METHODS = [
  ...['OPTIONS', 'GET', 'HEAD', 'PROPFIND', 'PUT', 'DELETE', 'MKCOL', 'COPY', 'MOVE'],
  ...['PROPPATCH', 'LOCK', 'UNLOCK', 'PATCH', 'POST', 'REPORT'],
];

let site: Fixture;

const as = (name: Name) => ({
  authorization: `Basic ${Buffer.from(`${name}:pass`).toString('base64')}`,
});

beforeAll(async () => {
  const passwordHash = await hashPassword('pass');
  const users = Object.entries(USERS).map(([name, root]) => {
    return { name, passwordHash, root: root as ResourcePath };
  });
  const reader = { name: 'reader', passwordHash, root: 'beta' as ResourcePath, readOnly: true };
  site = await startServer({ users: [...users, reader, { name: 'all', passwordHash }] });
  for (const root of ROOTS) {
    await mkdir(site.at(root), { recursive: true });
    await writeFile(site.at(`${root}/visible`), `content of ${root}`);
    await writeFile(site.at(`${root}/known only in ${root.replace('/', '-')}`), 'x');
  }
});

afterAll(() => site.close());

const ask = (name: Name, method: string, path: string, headers = {}, body?: string) =>
  site.ask(
    method,
    path,
    { ...as(name), ...(method === 'PATCH' ? PARTIAL_UPDATE : {}), ...headers },
    body,
  );

/** Everything in a root, as text. */
async function contentsOf(root: string): Promise<string> {
  const names = await readdir(site.at(root), { recursive: true });
  const lines = names.sort().map(async (name) => {
    const text = await readFile(join(site.at(root), name), 'utf8').catch(() => 'directory');
    return `${name}: ${text}`;
  });
  return (await Promise.all(lines)).join('\n');
}

function saidIn({ body, headers }: Answer): string {
  return decodeURIComponent(
    `${body} ${JSON.stringify(headers)}`.replaceAll(/%(?![0-9a-f]{2})/gi, ''),
  );
}

describe.each(Object.entries(USERS))('a user %s whose root is %s', (name, own) => {
  const user = name as keyof typeof USERS;

  describe.each(ROOTS.filter((root) => root !== own))('cannot reach %s', (other) => {
    const up = own
      .split('/')
      .map(() => '..')
      .join('/');
    const targets = [
      `/${other}/visible`,
      `/${up}/${other}/visible`,
      `/${up.replaceAll('.', '%2e')}/${other}/visible`,
      `/x/${up.replaceAll('/', '%2f')}/${other}/visible`,
      `/.ferry/../${other}/visible`,
    ];

    test.each(METHODS)('by %s, in its target or in its headers', async (method) => {
      const before = await contentsOf(other);
      for (const target of targets) {
        const url = `${site.server.url}${target.slice(1)}`;
        const attempts = [
          await ask(user, method, target, { depth: 'infinity' }, BODIES[method]),
          await ask(user, method, '/visible', {
            destination: url,
            overwrite: 'T',
            depth: method === 'PROPFIND' ? '0' : 'infinity',
            if: `<${url}> (<urn:uuid:none>)`,
            'lock-token': '<urn:uuid:none>',
          }),
        ];
        for (const answer of attempts) {
          expect(saidIn(answer)).not.toContain(`content of ${other}`);
          expect(saidIn(answer)).not.toContain(`known only in ${other.replace('/', '-')}`);
        }
      }
      expect(await contentsOf(other)).toBe(before);
      // What the requests changed in the user's own root is put back.
      await ask(user, 'DELETE', `/${other.split('/')[0]}`);
      await ask(user, 'PUT', '/visible', {}, `content of ${own}`);
    });
  });

  test('sees it as the whole server: listings, pages, versions, properties and errors', async () => {
    await ask(user, 'PUT', '/sub', {}, 'old');
    await ask(user, 'PUT', '/sub', {}, 'new');
    const answers = [
      await ask(user, 'PROPFIND', '/', { depth: 'infinity' }),
      await ask(user, 'GET', '/'),
      await ask(user, 'GET', '/', { accept: 'application/vnd.ferry.listings' }),
      await ask(user, 'GET', '/', { accept: 'application/vnd.ferry.versions' }),
      await ask(user, 'GET', '/missing'),
      await ask(user, 'PUT', '/no/parent', {}, 'x'),
      await ask(user, 'MKCOL', '/sub'),
      await ask(user, 'MOVE', '/sub', { destination: '/no/parent' }),
      await ask(user, 'UNLOCK', '/sub', { 'lock-token': '<urn:uuid:none>' }),
      await ask(user, 'PUT', '/sub', { 'if-match': '"none"' }, 'x'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([
      207, 200, 200, 200, 404, 409, 405, 409, 409, 412,
    ]);
    expect(answers[0]?.body).toContain('<D:href>/sub</D:href>');
    expect(answers[3]?.body).toContain('"sub"');
    const leaf = own.split('/').at(-1) ?? '';
    for (const answer of answers) {
      // The one file whose name says so is all that may tell of the root.
      const said = saidIn(answer).replaceAll(`known only in ${own.replace('/', '-')}`, '');
      expect(said).not.toContain(leaf);
    }
    await ask(user, 'DELETE', '/sub');
  });
});

describe('a root directory', () => {
  test('has an id of its own, and the same for all who have it', async () => {
    const body =
      '<D:propfind xmlns:D="DAV:"><D:prop><i:root-id xmlns:i="urn:ferry"/></D:prop></D:propfind>';
    const idOf = async (name: Name) => {
      const answer = await ask(name, 'PROPFIND', '/', { depth: '0' }, body);
      return /root-id>([0-9a-f-]{36})</.exec(answer.body)?.[1];
    };
    const ids = await Promise.all((['all', 'ann', 'bob', 'cid'] as const).map(idOf));
    expect(new Set(ids).size).toBe(4);
    expect(ids).not.toContain(undefined);
    expect(await idOf('reader')).toBe(ids[2]);
  });

  test('carries writes, moves, copies, versions and properties to their place in the served directory', async () => {
    await ask('cid', 'PUT', '/a', {}, 'one');
    await ask('cid', 'PROPPATCH', '/a', {}, PATCH_BODY);
    await ask('cid', 'MKCOL', '/d');
    expect((await ask('cid', 'MOVE', '/a', { destination: '/d/b' })).status).toBe(201);
    expect((await ask('cid', 'COPY', '/d', { destination: '/e' })).status).toBe(201);
    expect(await readFile(site.at('deep/gamma/e/b'), 'utf8')).toBe('one');
    const seen = await ask('all', 'PROPFIND', '/deep/gamma/e/b', { depth: '0' });
    expect(seen.body).toContain('urn:x');
    const { headers } = await ask('cid', 'PUT', '/e/b', {}, 'two');
    const kept = String(headers['ferry-kept']);
    expect((await ask('cid', 'GET', '/e/b', { 'ferry-version': kept })).body).toBe('one');
    expect((await ask('all', 'GET', '/deep/gamma/e/b', { 'ferry-version': kept })).body).toBe(
      'one',
    );
    expect((await ask('ann', 'GET', '/e/b', { 'ferry-version': kept })).status).toBe(404);
    for (const path of ['/d', '/e']) await ask('cid', 'DELETE', path);
  });

  test('cannot be removed, moved or replaced by who has it', async () => {
    expect((await ask('ann', 'DELETE', '/')).status).toBe(403);
    expect((await ask('ann', 'MOVE', '/', { destination: '/x' })).status).toBe(403);
    expect((await ask('ann', 'MOVE', '/visible', { destination: '/' })).status).toBe(403);
  });

  test('that has a folder of Ferry in it does not show that one, nor the server its own', async () => {
    await mkdir(site.at('alpha/.ferry/stage'), { recursive: true });
    const deep = await ask('ann', 'PROPFIND', '/', { depth: 'infinity' });
    const flat = await ask('ann', 'GET', '/', { accept: 'application/vnd.ferry.listings' });
    expect(deep.body + flat.body).not.toContain('.ferry');
    expect((await ask('ann', 'GET', '/.ferry/server.json')).status).toBe(404);
  });

  test('that is missing, or a link, is answered as a fault of the server, not as an empty one', async () => {
    await rename(site.at('alpha'), site.at('elsewhere'));
    for (const method of ['GET', 'PROPFIND', 'PUT', 'MKCOL'])
      expect([method, (await ask('ann', method, '/visible')).status]).toEqual([method, 503]);
    await symlink(site.at('elsewhere'), site.at('alpha'));
    expect((await ask('ann', 'GET', '/visible')).status).toBe(503);
    await rename(site.at('elsewhere'), site.at('back'));
    await (await import('node:fs/promises')).unlink(site.at('alpha'));
    await rename(site.at('back'), site.at('alpha'));
    expect((await ask('ann', 'GET', '/visible')).status).toBe(200);
    expect(site.log.join('\n')).toContain('"root":"alpha"');
  });
});

describe('a user who may only read', () => {
  test('changes nothing, while others do in the same place', async () => {
    const before = await contentsOf('beta');
    const changing = METHODS.slice(METHODS.indexOf('PUT'), METHODS.indexOf('POST'));
    for (const method of changing) {
      const answer = await ask('reader', method, '/visible', { destination: '/x' }, BODIES[method]);
      expect([method, answer.status]).toEqual([method, 403]);
    }
    expect(await contentsOf('beta')).toBe(before);
    const { headers } = await ask('reader', 'OPTIONS', '/');
    expect(headers['dav']).toBe('1');
    expect(headers.allow?.split(', ').filter((method) => changing.includes(method))).toEqual([]);
    expect((await ask('bob', 'PUT', '/new', {}, 'x')).status).toBe(201);
    expect((await ask('reader', 'GET', '/new')).body).toBe('x');
  });
});

describe('a lock', () => {
  test('holds for all who reach the resource, whatever path they know it by', async () => {
    const granted = await ask('bob', 'LOCK', '/visible', {}, LOCK_BODY);
    const token = String(granted.headers['lock-token']);
    expect(granted.body).toContain('<D:lockroot><D:href>/visible</D:href>');
    const refused = await ask('all', 'PUT', '/beta/visible', { if: `(${token})` }, 'x');
    expect(refused.status).toBe(423);
    expect(refused.body).toContain('<D:href>/beta/visible</D:href>');
    expect((await ask('all', 'UNLOCK', '/beta/visible', { 'lock-token': token })).status).toBe(403);
    const seen = await ask('all', 'PROPFIND', '/beta/visible', { depth: '0' });
    expect(seen.body).toContain('<D:lockroot><D:href>/beta/visible</D:href>');
    expect(seen.body).not.toContain('urn:uuid:');
    expect((await ask('ann', 'UNLOCK', '/visible', { 'lock-token': token })).status).toBe(409);
    expect(
      (await ask('bob', 'PUT', '/visible', { if: `(${token})` }, 'content of beta')).status,
    ).toBe(204);
    expect((await ask('bob', 'UNLOCK', '/visible', { 'lock-token': token })).status).toBe(204);
  });

  test('on a collection above a root holds there, and tells nothing of what is above', async () => {
    const granted = await ask('all', 'LOCK', '/deep', {}, LOCK_BODY.replace('me', 'boss'));
    const token = String(granted.headers['lock-token']);
    const refused = await ask('cid', 'PUT', '/visible', {}, 'x');
    expect(refused.status).toBe(423);
    expect(refused.body).toContain('<D:href>/</D:href>');
    const seen = await ask('cid', 'PROPFIND', '/visible', { depth: '0' });
    expect(seen.body).toContain('<D:lockroot><D:href>/</D:href>');
    expect(seen.body).not.toMatch(/deep|boss|urn:uuid:/);
    const rival = await ask('cid', 'LOCK', '/visible', {}, LOCK_BODY);
    expect([rival.status, rival.body.includes('deep')]).toEqual([423, false]);
    expect((await ask('cid', 'UNLOCK', '/', { 'lock-token': token })).status).toBe(403);
    expect((await ask('all', 'UNLOCK', '/deep', { 'lock-token': token })).status).toBe(204);
  });
});

test('an ETag is the same in every view, so that conditions hold across them', async () => {
  const etag = etagIn(await ask('all', 'GET', '/beta/visible'));
  expect(etagIn(await ask('bob', 'GET', '/visible'))).toBe(etag);
  expect(
    (await ask('bob', 'PUT', '/visible', { 'if-match': etag }, 'content of beta')).status,
  ).toBe(204);
});
