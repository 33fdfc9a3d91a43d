import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  type Access,
  type AccessToken,
  type AccessUser,
  accessText,
  parseAccess,
  rootPath,
  withoutToken,
  withoutUser,
  withToken,
  withUser,
} from '../../server/access/access-file.ts';
import { readLastUses } from '../../server/access/last-use.ts';
import { hashToken, isTokenShaped, makeToken } from '../../server/access/token.ts';
import { hashPassword } from '../../server/users.ts';
import { type Fixture, startServer } from './support/running-server.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

const NOW = 1_700_000_000_000;
const SECRET = makeToken();
let passwordHash: string;

beforeAll(async () => {
  passwordHash = await hashPassword('pass');
});

const user = (name: string, more: Partial<AccessUser> = {}): AccessUser => ({
  name,
  passwordHash,
  root: rootPath(''),
  readOnly: false,
  ...more,
});

const token = (secret: string, more: Partial<AccessToken> = {}): AccessToken => ({
  id: 't1',
  user: 'ann',
  name: 'laptop',
  hash: hashToken(secret),
  root: rootPath(''),
  readOnly: false,
  createdMs: NOW,
  expiresMs: null,
  ...more,
});

const basic = (name: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

describe('an app token', () => {
  test('has 160 bits, is recognised by its shape, and is kept as a hash', () => {
    const tokens = Array.from({ length: 50 }, makeToken);
    expect(new Set(tokens).size).toBe(50);
    expect(tokens.every((one) => isTokenShaped(one) && /^ferry_[a-z2-7]{32}$/.test(one))).toBe(
      true,
    );
    expect(isTokenShaped('ferry_short')).toBe(false);
    expect(hashToken(SECRET)).toMatch(/^[\w-]{43}$/);
  });
});

describe('an access file', () => {
  test('is read as it was written', () => {
    const access = withToken(withUser({ users: [], tokens: [] }, user('ann')), token(SECRET));
    expect(parseAccess(accessText(access))).toEqual(access);
    expect(withoutToken(access, 't1').tokens).toEqual([]);
    expect(withoutUser(access, 'ann')).toEqual({ users: [], tokens: [] });
  });

  test.each([
    ['no JSON', 'ann:secret'],
    ['another version', '{"version": 2, "users": [], "tokens": []}'],
    ['a user twice', accessText({ users: [user('ann'), user('ann')], tokens: [] })],
    ['a token of nobody', accessText({ users: [], tokens: [token(SECRET)] })],
    [
      'no word on writing',
      accessText({ users: [user('ann')], tokens: [] }).replace('readOnly', 'ro'),
    ],
    ...['../x', 'a/../b', 'a//b', '.ferry', 'a/.ferry/b', 'a\0b'].map(
      (root) =>
        [
          `the root ${JSON.stringify(root)}`,
          accessText({ users: [{ ...user('ann'), root: root as AccessUser['root'] }], tokens: [] }),
        ] as const,
    ),
  ])('with %s is refused, without a word of its secrets', (_, text) => {
    expect(() => parseAccess(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => parseAccess(text)).not.toThrow(/argon2|secret/);
  });
});

describe('a server with an access file', () => {
  let state: string;
  let file: string;
  let site: Fixture;
  let now: number;

  async function grant(access: Access): Promise<void> {
    await writeFile(`${file}.new`, accessText(access), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  async function settled(status: number, headers: object): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      // A request that is under way when its sign-in is taken back is cut.
      const answer = await site.ask('OPTIONS', '/', { ...headers }).catch(() => null);
      if (answer?.status === status) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the server did not come to answer ${status}`);
  }

  const ann = () => user('ann', { root: rootPath('home/ann') });

  beforeEach(async () => {
    now = NOW;
    state = await mkdtemp(join(tmpdir(), 'ferry-access-'));
    file = join(state, 'access.json');
    await grant({ users: [ann()], tokens: [token(SECRET)] });
    site = await startServer({ accessFile: file, clock: { now: () => now } });
    await mkdir(site.at('home/ann/docs'), { recursive: true });
  });

  afterEach(async () => {
    await site.close();
    await rm(state, { recursive: true, force: true });
  });

  test('lets a token in as a password and as Bearer, with the rights of its user', async () => {
    expect((await site.ask('PUT', '/a', basic('ann', SECRET), 'x')).status).toBe(201);
    const bearer = { authorization: `Bearer ${SECRET}` };
    expect((await site.ask('GET', '/a', bearer)).body).toBe('x');
    expect(await readFile(site.at('home/ann/a'), 'utf8')).toBe('x');
    expect((await site.ask('GET', '/a', basic('ann', 'pass'))).status).toBe(200);
    expect((await site.ask('GET', '/a', basic('bob', SECRET))).status).toBe(401);
    expect((await site.ask('GET', '/a')).status).toBe(401);
  });

  test('keeps a token to its own directory, to reading, and to its time', async () => {
    const narrow = makeToken();
    const short = makeToken();
    const tokens = [
      token(narrow, { root: rootPath('docs'), readOnly: true }),
      token(short, { id: 't2', expiresMs: NOW + 1000 }),
    ];
    await grant({ users: [ann()], tokens });
    await settled(200, basic('ann', narrow));
    await writeFile(site.at('home/ann/docs/b'), 'b');
    expect((await site.ask('GET', '/b', basic('ann', narrow))).body).toBe('b');
    expect((await site.ask('PUT', '/c', basic('ann', narrow), 'c')).status).toBe(403);
    expect((await site.ask('GET', '/docs/b', basic('ann', short))).body).toBe('b');
    now += 1000;
    expect((await site.ask('GET', '/docs/b', basic('ann', short))).status).toBe(401);
  });

  test('notices new users and changed rights while it runs', async () => {
    await settled(401, basic('bob', 'pass'));
    await grant({ users: [ann(), user('bob', { readOnly: true })], tokens: [] });
    await settled(200, basic('bob', 'pass'));
    expect((await site.ask('PUT', '/x', basic('bob', 'pass'), 'x')).status).toBe(403);
    await grant({ users: [ann(), user('bob')], tokens: [] });
    for (let tries = 0; tries < 200; tries++) {
      const answer = await site.ask('PUT', '/x', basic('bob', 'pass'), 'x').catch(() => null);
      if (answer !== null && answer.status < 300) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await readFile(site.at('x'), 'utf8')).toBe('x');
  });

  test('forgets at once a sign-in that it remembered, when the password or the user is gone', async () => {
    expect((await site.ask('OPTIONS', '/', basic('ann', 'pass'))).status).toBe(200);
    const other = await hashPassword('other');
    await grant({ users: [{ ...ann(), passwordHash: other }], tokens: [] });
    await settled(401, basic('ann', 'pass'));
    expect((await site.ask('OPTIONS', '/', basic('ann', 'other'))).status).toBe(200);
    await rm(file);
    await settled(401, basic('ann', 'other'));
  });

  test('goes on with what it knew while the file is damaged, and says so once', async () => {
    await writeFile(`${file}.new`, 'damaged');
    await rename(`${file}.new`, file);
    const complaints = () => site.log.filter((line) => line.includes('cannot be used'));
    for (let tries = 0; complaints().length === 0 && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    // It is looked at every second.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect((await site.ask('OPTIONS', '/', basic('ann', SECRET))).status).toBe(200);
    expect(complaints()).toHaveLength(1);
    await expect(startServer({ accessFile: file })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test.each([
    ['an upload', 'PUT /big HTTP/1.1\r\nContent-Length: 1000000\r\n'],
    ['a download that nobody reads', 'GET /large HTTP/1.1\r\n'],
  ])('cuts %s whose token is revoked meanwhile', async (_, head) => {
    await writeFile(site.at('home/ann/large'), Buffer.alloc(40_000_000));
    const socket = connect(site.server.port, '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined); // it is cut
    socket.write(`${head}Host: x\r\nAuthorization: Bearer ${SECRET}\r\n\r\nsome bytes`);
    for (let tries = 0; site.server.stats.activeRequests === 0 && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await grant({ users: [ann()], tokens: [] });
    await settled(401, basic('ann', SECRET));
    socket.resume();
    await closed;
    for (let tries = 0; site.server.stats.activeRequests > 0 && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(site.server.stats.activeRequests).toBe(0);
    expect((await site.ask('GET', '/big', basic('ann', 'pass'))).status).toBe(404);
  });

  test('refuses a revoked token on a connection that is open already', async () => {
    const ask = () => site.ask('OPTIONS', '/', { authorization: `Bearer ${SECRET}` });
    const before = site.server.stats.connections;
    expect((await ask()).status).toBe(200);
    await grant({ users: [ann()], tokens: [] });
    await settled(401, { authorization: `Bearer ${SECRET}` });
    expect(site.server.stats.connections).toBe(before + 1);
  });

  test('notes the last use of a token, to the hour', async () => {
    await site.ask('OPTIONS', '/', basic('ann', SECRET));
    await site.server.close();
    const used = (await readLastUses(file)).get('t1') ?? 0;
    expect(Date.now() - used).toBeLessThan(3600_000 + 60_000);
    expect(used % 3600_000).toBe(0);
  });

  test('lets nobody in while the file is missing', async () => {
    const open = await startServer({ accessFile: join(state, 'none.json') });
    expect((await open.ask('GET', '/')).status).toBe(401);
    await open.close();
  });
});

describe('guessing', () => {
  test('10,000 tokens takes little time and memory, and does not lock the owner of a right one out', async () => {
    const state = await mkdtemp(join(tmpdir(), 'ferry-access-'));
    const file = join(state, 'access.json');
    await writeFile(file, accessText({ users: [user('ann')], tokens: [token(SECRET)] }));
    const site = await startServer({ accessFile: file });
    const before = process.memoryUsage().heapUsed;
    const startedAt = performance.now();
    const statuses = new Map<number, number>();
    for (let round = 0; round < 100; round++) {
      const guesses = Array.from({ length: 100 }, (_, index) => {
        const name = index % 2 === 0 ? 'ann' : `made up ${round} ${index}${'x'.repeat(200)}`;
        return site.ask('GET', '/', basic(name, makeToken()));
      });
      for (const { status } of await Promise.all(guesses))
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(performance.now() - startedAt).toBeLessThan(40_000);
    expect([...statuses.keys()].sort()).toEqual([401, 429]);
    expect(statuses.get(401)).toBeLessThan(500);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
    expect((await site.ask('OPTIONS', '/', basic('ann', SECRET))).status).toBe(200);
    await site.close();
    await rm(state, { recursive: true, force: true });
  });
});

describe('one user', () => {
  test('cannot take up more requests than allowed, and leaves room for others', async () => {
    const users = [
      { name: 'ann', passwordHash },
      { name: 'bob', passwordHash },
    ];
    const site = await startServer({ users, userLimits: { requests: 3, connections: 100 } });
    await site.ask('OPTIONS', '/', basic('ann', 'pass'));
    const { authorization } = basic('ann', 'pass');
    const sockets = Array.from({ length: 3 }, (_, n) => {
      const socket = connect(site.server.port, '127.0.0.1');
      socket.on('error', () => undefined); // closed at the end
      socket.write(
        `PUT /${n} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 9\r\n\r\n`,
      );
      return socket;
    });
    for (let tries = 0; site.server.stats.activeRequests < 3 && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const refused = await site.ask('OPTIONS', '/', basic('ann', 'pass'));
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect((await site.ask('OPTIONS', '/', basic('bob', 'pass'))).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    for (let tries = 0; site.server.stats.activeRequests > 0 && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await site.ask('OPTIONS', '/', basic('ann', 'pass'))).status).toBe(200);
    await site.close();
  });
});
