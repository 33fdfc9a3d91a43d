import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { hashPassword, loadUsers, parsePasswordFile, verifyPassword } from '../../server/users.ts';
import { type Fixture, startServer } from './support/running-server.ts';

let annHash: string;

beforeAll(async () => {
  annHash = await hashPassword('correct horse');
});

const basic = (name: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

describe('signing in', () => {
  let site: Fixture;
  let now: number;

  beforeEach(async () => {
    now = 1_700_000_000_000;
    const users = [
      { name: 'ann', passwordHash: annHash },
      { name: 'bob', passwordHash: annHash },
    ];
    site = await startServer({ users, clock: { now: () => now } });
  });

  afterEach(() => site.close());

  const attempt = async (name: string, password: string) =>
    (await site.ask('OPTIONS', '/', basic(name, password))).status;

  test('is asked for with a Basic challenge', async () => {
    const answer = await site.ask('GET', '/');
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="Ferry", charset="UTF-8"');
  });

  test.each([
    ['a wrong password', basic('ann', 'wrong')],
    ['an unknown user', basic('eve', 'correct horse')],
    ['an empty password', basic('ann', '')],
    ['another scheme', { authorization: 'Bearer abc' }],
    ['no colon', { authorization: `Basic ${Buffer.from('ann').toString('base64')}` }],
    ['no base64', { authorization: 'Basic ???' }],
  ])('fails with %s', async (_, headers) => {
    expect((await site.ask('PUT', '/x', headers, 'x')).status).toBe(401);
    expect((await site.ask('GET', '/x', basic('ann', 'correct horse'))).status).toBe(404);
  });

  test('succeeds with the right password, and costs one hash for many requests', async () => {
    const startedAt = performance.now();
    for (let n = 0; n < 200; n++) expect(await attempt('ann', 'correct horse')).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(4000);
  });

  test('is refused for a while after many failures, also with the right password', async () => {
    for (let n = 0; n < 5; n++) expect(await attempt('ann', `guess ${n}`)).toBe(401);
    const answer = await site.ask('OPTIONS', '/', basic('ann', 'correct horse'));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    now += 2000;
    expect(await attempt('ann', 'correct horse')).toBe(200);
  });

  test('waits longer after each further failure', async () => {
    for (let n = 0; n < 5; n++) await attempt('ann', `guess ${n}`);
    now += 1001;
    expect(await attempt('ann', 'guess')).toBe(401);
    now += 1001;
    expect(await attempt('ann', 'guess')).toBe(429);
    now += 1000;
    expect(await attempt('ann', 'guess')).toBe(401);
  });

  test('of somebody who is signed in goes on while others guess', async () => {
    expect(await attempt('ann', 'correct horse')).toBe(200);
    for (let n = 0; n < 8; n++) await attempt('ann', `guess ${n}`);
    expect(await attempt('ann', 'correct horse')).toBe(200);
    expect(await attempt('bob', 'correct horse')).toBe(429);
  });

  test('leaves failures in the log, without passwords', async () => {
    await attempt('ann', 'sesame');
    const log = site.log.join('\n');
    expect(log).toContain('warn sign-in failed {"user":"ann","address":"127.0.0.1"}');
    expect(log).not.toContain('sesame');
    expect(log).not.toContain(basic('ann', 'sesame').authorization.slice(6));
  });
});

describe('a password file', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ferry-users-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  const load = async (text: string, user?: string) => {
    const passwordFile = join(directory, 'passwords');
    await writeFile(passwordFile, text);
    return await loadUsers(user === undefined ? { passwordFile } : { user, passwordFile });
  };

  test('is a list of names and hashes, with comments', () => {
    const users = parsePasswordFile(`# people\n\nann:${annHash}\r\nbob:${annHash}\n`);
    expect(users.map(({ name }) => name)).toEqual(['ann', 'bob']);
  });

  test.each([
    ['a line without a hash', 'ann:secret\n', /line 1/],
    ['a user twice', `ann:$argon2id$x\nann:$argon2id$y\n`, /line 2 .* ann again/],
    ['no user', '# nobody\n', /names no user/],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parsePasswordFile(text)).toThrow(message);
  });

  test('holds the plain password of the one user that is named', async () => {
    const [user] = await load('pass word \nsecond line\n', 'ann');
    expect(user?.name).toBe('ann');
    expect(await verifyPassword(user?.passwordHash ?? '', 'pass word ')).toBe(true);
    expect(user?.passwordHash).not.toContain('pass word');
  });

  test('holds the hash of the one user that is named, or a list with them', async () => {
    expect(await load(`${annHash}\n`, 'ann')).toEqual([{ name: 'ann', passwordHash: annHash }]);
    const list = `ann:${annHash}\nbob:$argon2id$other\n`;
    expect(await load(list, 'ann')).toEqual([{ name: 'ann', passwordHash: annHash }]);
    expect(await load(list)).toHaveLength(2);
    await expect(load(list, 'eve')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('that is empty or missing is an error that names it', async () => {
    await expect(load('', 'ann')).rejects.toThrow(/is empty/);
    const passwordFile = join(directory, 'none');
    await expect(loadUsers({ passwordFile })).rejects.toThrow(passwordFile);
  });
});
