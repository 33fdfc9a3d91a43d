import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { END_OF_FRAMES, encodeFrame } from '../../protocol/frames.ts';
import { type AccessUser, accessText, rootPath } from '../../server/access/access-file.ts';
import { hashPassword } from '../../server/users.ts';
import { type Fixture, startServer } from './support/running-server.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

const CHANGES = { accept: 'application/vnd.ferry.changes' };
const USERS = { ann: 'alpha', bob: 'beta', top: '' } as const;
type Name = keyof typeof USERS;

let site: Fixture;
let state: string;
let passwordHash: string;

beforeAll(async () => {
  passwordHash = await hashPassword('pass');
});

const file = () => join(state, 'access.json');

async function grant(users: readonly Partial<AccessUser>[]): Promise<void> {
  const whole = users.map((user) => ({
    ...{ name: '', passwordHash, root: rootPath(''), readOnly: false },
    ...user,
  }));
  await writeFile(`${file()}.new`, accessText({ users: whole, tokens: [] }));
  await rename(`${file()}.new`, file());
}

const everybody = () =>
  Object.entries(USERS).map(([name, root]) => ({ name, root: rootPath(root) }));

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'ferry-roots-'));
  await grant(everybody());
  site = await startServer({ accessFile: file() });
  for (const root of ['alpha', 'beta']) await mkdir(site.at(root));
});

afterEach(async () => {
  await site.close();
  await rm(state, { recursive: true, force: true });
});

const signedIn = (name: Name) => ({
  authorization: `Basic ${Buffer.from(`${name}:pass`).toString('base64')}`,
});
const ask = (name: Name, method: string, path: string, headers = {}, body?: string | Buffer) =>
  site.ask(method, path, { ...signedIn(name), ...headers }, body);

async function cursorFor(name: Name): Promise<string> {
  const { body } = await ask(name, 'GET', '/', CHANGES);
  return JSON.parse(body.trim().split('\n').at(-1) ?? '').cursor;
}

const changesFor = (name: Name, cursor: string) =>
  ask(name, 'GET', '/', { ...CHANGES, 'ferry-cursor': cursor });

describe('the change feed of a user with a root directory', () => {
  test('tells what happens in it by its own paths, and nothing of what others do', async () => {
    const before = { ann: await cursorFor('ann'), bob: await cursorFor('bob') };
    await ask('ann', 'MKCOL', '/of-ann');
    await ask('ann', 'PUT', '/of-ann/secret-of-ann', {}, 'x');
    await ask('bob', 'PUT', '/secret-of-bob', {}, 'x');
    await ask('top', 'PUT', '/secret-of-top', {}, 'x');
    await ask('top', 'MKCOL', '/of-top');
    await ask('top', 'MOVE', '/beta/secret-of-bob', { destination: '/of-top/was-of-bob' });
    const ann = (await changesFor('ann', before.ann)).body;
    expect(ann).toContain('"of-ann/secret-of-ann"');
    expect(ann).not.toMatch(/alpha|beta|bob|top/);
    const bob = (await changesFor('bob', before.bob)).body;
    expect(bob).not.toMatch(/alpha|beta|ann|top/);
  });

  test('does not say where something came from or went to when that is outside', async () => {
    await ask('top', 'MKCOL', '/hidden-place');
    await ask('top', 'MKCOL', '/hidden-place/dir');
    await ask('top', 'PUT', '/hidden-place/dir/file', {}, 'x');
    const before = await cursorFor('ann');
    await ask('top', 'MOVE', '/hidden-place/dir', { destination: '/alpha/dir' });
    const arrived = await changesFor('ann', before);
    expect(arrived.body).toContain('"dir"');
    expect(arrived.body).not.toMatch(/hidden-place|alpha/);
    const { cursor } = JSON.parse(arrived.body.trim().split('\n').at(-1) ?? '');
    await ask('top', 'MOVE', '/alpha/dir', { destination: '/hidden-place/gone' });
    const left = await changesFor('ann', cursor);
    expect(left.body).toContain('"gone"');
    expect(left.body.replaceAll('"kind":"gone"', '')).not.toMatch(/hidden-place|alpha|gone/);
  });

  test('is the same for clients that sync by RFC 6578', async () => {
    const report = async (token: string) => {
      const level = '<D:sync-level>infinite</D:sync-level><D:prop><D:getetag/></D:prop>';
      const body = `<D:sync-collection xmlns:D="DAV:"><D:sync-token>${token}</D:sync-token>${level}</D:sync-collection>`;
      const answer = await ask('ann', 'REPORT', '/', {}, body);
      return { ...answer, token: /<D:sync-token>([^<]+)</.exec(answer.body)?.[1] ?? '' };
    };
    await ask('bob', 'PUT', '/secret-of-bob', {}, 'x');
    const first = await report('');
    await ask('ann', 'PUT', '/mine', {}, 'x');
    await ask('bob', 'PUT', '/more-of-bob', {}, 'x');
    const second = await report(first.token);
    expect([first.status, second.status]).toEqual([207, 207]);
    expect(second.body).toContain('<D:href>/mine</D:href>');
    expect(first.body + second.body).not.toMatch(/bob|alpha|beta/);
  });

  test('does not follow the cursor of another user, of another root, or a made-up one', async () => {
    const cursors = { ann: await cursorFor('ann'), bob: await cursorFor('bob') };
    expect((await changesFor('bob', cursors.ann)).status).toBe(410);
    expect((await changesFor('top', cursors.bob)).status).toBe(410);
    const parts = cursors.bob.split('.');
    const earlier = [parts[0], '0', ...parts.slice(2)].join('.');
    expect((await changesFor('bob', earlier)).status).toBe(410);
    await grant([...everybody().slice(1), { name: 'ann', root: rootPath('beta') }]);
    for (let tries = 0; tries < 100; tries++) {
      const answer = await changesFor('ann', cursors.ann).catch(() => null); // cut meanwhile
      if (answer?.status === 410) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('a cursor of another root was followed');
  });

  test('gives hints about that root only, and ends when the user is removed', async () => {
    let said = '';
    const ended = new Promise<void>((resolve) => {
      const headers = { ...signedIn('ann'), accept: 'text/event-stream' };
      const request = get(site.server.url, { headers }, (response) => {
        response.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
        response.on('close', () => resolve()).on('error', () => undefined); // it is cut
      });
      request.on('error', () => resolve());
    });
    for (let tries = 0; tries < 100 && !said.includes('mine'); tries++) {
      await ask('bob', 'PUT', '/secret-of-bob', {}, `${tries}`);
      await ask('ann', 'PUT', '/mine', {}, `${tries}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(said).toContain('"mine"');
    expect(said).not.toMatch(/bob|alpha|beta/);
    await grant(everybody().slice(1));
    await ended;
  });
});

describe('a batch of a user with a root directory', () => {
  test.each(['../beta/x', '..', 'a/../../beta/x', '/beta/x', 'a//b', 'a\0b'])(
    'cannot name %j',
    async (path) => {
      await writeFile(site.at('beta/x'), 'of bob');
      const batch = Buffer.concat([
        encodeFrame([{ op: 'delete', path, if: '"any"' }], []),
        END_OF_FRAMES,
      ]);
      const type = { 'content-type': 'application/vnd.ferry.batch' };
      const deleted = await ask('ann', 'POST', '/', type, batch);
      expect(deleted.status).toBe(400);
      const question = JSON.stringify({ entries: [[path, '"any"']] });
      const asked = { 'content-type': 'application/vnd.ferry.batch-get' };
      const got = await ask('ann', 'POST', '/', asked, question).catch(() => null);
      // Where the answer has begun, the connection is cut.
      expect(got === null || got.status === 400 || !got.body.includes('of bob')).toBe(true);
      expect(await readFile(site.at('beta/x'), 'utf8')).toBe('of bob');
    },
  );

  test('has its answers about its own paths', async () => {
    const batch = Buffer.concat([
      encodeFrame(
        [
          { op: 'mkcol', path: 'dir' },
          { op: 'mkcol', path: 'none/dir' },
          { op: 'delete', path: 'missing', if: '"any"' },
        ],
        [],
      ),
      END_OF_FRAMES,
    ]);
    const type = { 'content-type': 'application/vnd.ferry.batch' };
    const { body } = await ask('ann', 'POST', '/', type, batch);
    const statuses = body
      .trim()
      .split('\n')
      .slice(0, 3)
      .map((line) => JSON.parse(line).status);
    expect(statuses).toEqual([201, 409, 404]);
    expect(body).not.toContain('alpha');
    expect((await ask('top', 'GET', '/alpha/dir')).status).toBe(200);
  });

  test('changes nothing for a user who may only read', async () => {
    await grant([
      { name: 'ann', root: rootPath('alpha'), readOnly: true },
      ...everybody().slice(1),
    ]);
    const batch = Buffer.concat([encodeFrame([{ op: 'mkcol', path: 'dir' }], []), END_OF_FRAMES]);
    const type = { 'content-type': 'application/vnd.ferry.batch' };
    for (let tries = 0; tries < 100; tries++) {
      // A request that is under way when the right is taken back is cut.
      const answer = await ask('ann', 'POST', '/', type, batch).catch(() => null);
      await ask('top', 'DELETE', '/alpha/dir');
      if (answer?.status === 403) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('a read-only user could change something');
  });
});

test('an upload that was cut belongs to its user and path', async () => {
  const part = { 'ferry-upload': 'same', 'content-range': 'bytes 0-3/8' };
  expect((await ask('ann', 'PUT', '/file', part, 'half')).status).toBe(202);
  const look = { 'ferry-upload': 'same' };
  expect((await ask('ann', 'HEAD', '/file', look)).headers['upload-offset']).toBe('4');
  for (const [name, path] of [
    ['bob', '/file'],
    ['top', '/alpha/file'],
    ['ann', '/other'],
  ] as const)
    expect([name, (await ask(name, 'HEAD', path, look)).status]).toEqual([name, 404]);
});
