import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashPassword } from '../../server/users.ts';
import { type Answer, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;
let now: number;

const basic = (name: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:pass`).toString('base64')}`,
});
const asAnn = (method: string, path: string, headers = {}, body?: string) =>
  site.ask(method, path, { ...basic('ann'), ...headers }, body);
const asBob = (method: string, path: string, headers = {}, body?: string) =>
  site.ask(method, path, { ...basic('bob'), ...headers }, body);

beforeEach(async () => {
  now = 1_700_000_000_000;
  const passwordHash = await hashPassword('pass');
  const users = [
    { name: 'ann', passwordHash },
    { name: 'bob', passwordHash },
  ];
  site = await startServer({ users, clock: { now: () => now } });
  await asAnn('MKCOL', '/dir');
  await asAnn('PUT', '/dir/file', {}, 'content');
});

afterEach(() => site.close());

const lockBody = (scope: string) =>
  `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>mailto:ann</D:href></D:owner></D:lockinfo>`;

async function lock(
  path: string,
  options: { scope?: string; depth?: string; timeout?: string } = {},
): Promise<{ answer: Answer; token: string }> {
  const { scope = 'exclusive', depth = 'infinity', timeout = 'Second-600' } = options;
  const answer = await asAnn('LOCK', path, { depth, timeout }, lockBody(scope));
  return { answer, token: String(answer.headers['lock-token'] ?? '') };
}

describe('an exclusive lock', () => {
  test('keeps everybody from every change who does not submit its token', async () => {
    const { token } = await lock('/dir/file');
    const changes: [string, string, object, string?][] = [
      ['PUT', '/dir/file', {}, 'x'],
      ['DELETE', '/dir/file', {}],
      ['MOVE', '/dir/file', { destination: '/x' }],
      ['DELETE', '/dir', {}],
      ['MOVE', '/dir', { destination: '/x' }],
      ['COPY', '/dir', { destination: '/dir/file' }],
      ['PROPPATCH', '/dir/file', {}, '<D:propertyupdate xmlns:D="DAV:"/>'],
    ];
    for (const [method, path, headers, body] of changes) {
      const statuses = [
        (await asAnn(method, path, headers, body)).status,
        (
          await asBob(
            method,
            path,
            { ...headers, if: `<${site.server.url}dir/file> (${token})` },
            body,
          )
        ).status,
      ];
      const refused = method === 'COPY' ? 403 : 423;
      expect([method, path, ...statuses]).toEqual([method, path, refused, refused]);
    }
    expect((await asAnn('PUT', '/dir/file', { if: `(${token})` }, 'x')).status).toBe(204);
  });

  test('is named in the body of the refusal, but its token is not', async () => {
    const { token } = await lock('/dir/file');
    const { body } = await asBob('PUT', '/dir/file', {}, 'x');
    expect(body).toContain('<D:lock-token-submitted><D:href>/dir/file</D:href>');
    expect(body).not.toContain(token.slice(1, -1));
  });

  test('shows its token to its owner only', async () => {
    const { token, answer } = await lock('/dir/file');
    expect(answer.body).toContain('mailto:ann');
    const mine = await asAnn('PROPFIND', '/dir/file', { depth: '0' });
    const theirs = await asBob('PROPFIND', '/dir/file', { depth: '0' });
    expect(mine.body).toContain(token.slice(1, -1));
    expect(theirs.body).toContain('<D:activelock>');
    expect(theirs.body).not.toContain(token.slice(1, -1));
  });

  test('cannot be released or refreshed by somebody else', async () => {
    const { token } = await lock('/dir/file');
    expect((await asBob('UNLOCK', '/dir/file', { 'lock-token': token })).status).toBe(403);
    expect((await asBob('LOCK', '/dir/file', { if: `(${token})` })).status).toBe(412);
    expect((await asAnn('UNLOCK', '/dir/file', { 'lock-token': token })).status).toBe(204);
    expect((await asAnn('UNLOCK', '/dir/file', { 'lock-token': token })).status).toBe(409);
  });

  test('excludes every other lock on the same resource', async () => {
    await lock('/dir/file');
    for (const scope of ['exclusive', 'shared']) {
      const { answer } = await lock('/dir/file', { scope });
      expect(answer.status).toBe(423);
      expect(answer.body).toContain('<D:no-conflicting-lock><D:href>/dir/file</D:href>');
    }
    expect((await lock('/dir')).answer.status).toBe(423);
    expect((await lock('/dir', { depth: '0' })).answer.status).toBe(200);
  });

  test('ends when its time is over, and lives on when it is refreshed', async () => {
    const { token } = await lock('/dir/file', { timeout: 'Second-60' });
    now += 50_000;
    const refresh = { if: `(${token})`, timeout: 'Infinite, Second-60' };
    expect((await asAnn('LOCK', '/dir/file', refresh)).body).toContain('Second-60<');
    now += 50_000;
    expect((await asAnn('PUT', '/dir/file', {}, 'x')).status).toBe(423);
    now += 11_000;
    expect((await asAnn('PUT', '/dir/file', {}, 'x')).status).toBe(204);
  });

  test('is granted for an hour at most', async () => {
    const { answer } = await lock('/dir/file', { timeout: 'Infinite' });
    expect(answer.body).toContain('<D:timeout>Second-3600</D:timeout>');
  });

  test('on a collection covers what it holds and what is made in it', async () => {
    const { token } = await lock('/dir');
    expect((await asAnn('PUT', '/dir/file', {}, 'x')).status).toBe(423);
    expect((await asAnn('PUT', '/dir/new', {}, 'x')).status).toBe(423);
    expect((await asAnn('MKCOL', '/dir/new')).status).toBe(423);
    const held = { if: `<${site.server.url}dir/> (${token})` };
    expect((await asAnn('PUT', '/dir/new', held, 'x')).status).toBe(201);
  });

  test('of depth 0 guards the names in a collection, not the content of its files', async () => {
    await lock('/dir', { depth: '0' });
    expect((await asAnn('PUT', '/dir/file', {}, 'x')).status).toBe(204);
    expect((await asAnn('PUT', '/dir/new', {}, 'x')).status).toBe(423);
    expect((await asAnn('DELETE', '/dir/file')).status).toBe(423);
  });

  test('on an unused name makes an empty file', async () => {
    const { answer, token } = await lock('/fresh');
    expect(answer.status).toBe(201);
    expect((await asAnn('GET', '/fresh')).headers['content-length']).toBe('0');
    expect((await asAnn('PUT', '/fresh', {}, 'x')).status).toBe(423);
    expect((await asAnn('PUT', '/fresh', { if: `(${token})` }, 'x')).status).toBe(204);
    expect((await lock('/none/fresh')).answer.status).toBe(409);
  });

  test('ends with the file and does not follow it', async () => {
    const { token } = await lock('/dir/file');
    const headers = { destination: '/moved', if: `(${token})` };
    expect((await asAnn('MOVE', '/dir/file', headers)).status).toBe(201);
    expect((await asBob('PUT', '/moved', {}, 'x')).status).toBe(204);
    expect((await asBob('PUT', '/dir/file', {}, 'x')).status).toBe(201);
  });
});

describe('shared locks', () => {
  test('stand side by side, and one of them is enough to write', async () => {
    const first = await lock('/dir/file', { scope: 'shared' });
    const second = await lock('/dir/file', { scope: 'shared' });
    expect(second.answer.status).toBe(200);
    expect((await asAnn('PUT', '/dir/file', {}, 'x')).status).toBe(423);
    expect((await asAnn('PUT', '/dir/file', { if: `(${first.token})` }, 'x')).status).toBe(204);
    expect((await lock('/dir/file')).answer.status).toBe(423);
  });
});

test.each([
  ['no body and no If header', '', 400],
  ['another body', '<D:x xmlns:D="DAV:"/>', 400],
  ['an unknown type', '<D:lockinfo xmlns:D="DAV:"><D:lockscope/><D:locktype/></D:lockinfo>', 422],
])('LOCK with %s is refused', async (_, body, status) => {
  expect((await asAnn('LOCK', '/dir/file', {}, body)).status).toBe(status);
});
