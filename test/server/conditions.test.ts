import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { etagIn, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;
let etag: string;
const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
const same = new Date(1_600_000_000_000).toUTCString();

beforeEach(async () => {
  site = await startServer();
  await site.ask('PUT', '/f', { 'x-oc-mtime': '1600000000' }, 'content');
  etag = etagIn(await site.ask('HEAD', '/f'));
});

afterEach(() => site.close());

describe('conditional reads', () => {
  test('answer 304 when the client has this version', async () => {
    const answer = await site.ask('GET', '/f', { 'if-none-match': `"x", ${etag}` });
    expect([answer.status, answer.body, answer.headers.etag]).toEqual([304, '', etag]);
    expect((await site.ask('GET', '/f', { 'if-none-match': `W/${etag}` })).status).toBe(304);
    expect((await site.ask('GET', '/f', { 'if-modified-since': same })).status).toBe(304);
  });

  test('answer the file when it changed', async () => {
    expect((await site.ask('GET', '/f', { 'if-none-match': '"x"' })).status).toBe(200);
    expect((await site.ask('GET', '/f', { 'if-modified-since': past })).status).toBe(200);
    const both = { 'if-none-match': '"x"', 'if-modified-since': same };
    expect((await site.ask('GET', '/f', both)).status).toBe(200);
  });

  test('answer 412 when another version was wanted', async () => {
    expect((await site.ask('GET', '/f', { 'if-match': '"x"' })).status).toBe(412);
    expect((await site.ask('GET', '/f', { 'if-match': etag })).status).toBe(200);
    expect((await site.ask('GET', '/f', { 'if-unmodified-since': past })).status).toBe(412);
  });
});

describe.each([
  ['PUT', '/f', 204],
  ['DELETE', '/f', 204],
  ['MOVE', '/f', 201],
  ['COPY', '/f', 201],
  ['PROPPATCH', '/f', 207],
  ['LOCK', '/f', 200],
])('conditions on %s', (method, path, success) => {
  const bodies: Record<string, string> = {
    PUT: 'changed',
    PROPPATCH:
      '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="y">1</x></D:prop></D:set></D:propertyupdate>',
    LOCK: '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
  };
  const change = (headers: Record<string, string>) =>
    site.ask(method, path, { destination: '/g', ...headers }, bodies[method]);

  test.each([
    ['If-Match', () => ({ 'if-match': '"other"' })],
    ['a weak If-Match', () => ({ 'if-match': `W/${etag}` })],
    ['If-None-Match', () => ({ 'if-none-match': etag })],
    ['If-None-Match: *', () => ({ 'if-none-match': '*' })],
    ['If-Unmodified-Since', () => ({ 'if-unmodified-since': past })],
    ['an If list', () => ({ if: '(["other"])' })],
    ['a negated If list', () => ({ if: `(Not [${etag}])` })],
    ['an unknown state token', () => ({ if: '(<urn:uuid:nothing>)' })],
  ])('refuse it with 412 when %s fails, and change nothing', async (_, headers) => {
    expect((await change(headers())).status).toBe(412);
    expect(await readFile(site.at('f'), 'utf8')).toBe('content');
    expect((await site.ask('GET', '/g')).status).toBe(404);
    expect(etagIn(await site.ask('HEAD', '/f'))).toBe(etag);
  });

  test.each([
    ['If-Match', () => ({ 'if-match': `"a", ${etag}` })],
    ['If-Match: *', () => ({ 'if-match': '*' })],
    ['If-None-Match', () => ({ 'if-none-match': '"other"' })],
    ['If-Unmodified-Since', () => ({ 'if-unmodified-since': same })],
    ['one of the If lists', () => ({ if: `(["other"]) ([${etag}])` })],
    ['a tagged If list', () => ({ if: `<http://127.0.0.1:${site.server.port}/f> ([${etag}])` })],
  ])('let it through when %s holds', async (_, headers) => {
    expect((await change(headers())).status).toBe(success);
  });
});

describe('conditional creation', () => {
  test('If-None-Match: * creates once', async () => {
    const create = () => site.ask('PUT', '/new', { 'if-none-match': '*' }, 'x');
    expect((await create()).status).toBe(201);
    expect((await create()).status).toBe(412);
  });

  test('If-Match on a missing file fails', async () => {
    expect((await site.ask('PUT', '/none', { 'if-match': '*' }, 'x')).status).toBe(412);
    expect((await site.ask('PUT', '/none', { 'if-match': etag }, 'x')).status).toBe(412);
  });

  test('of fifty that create one name at the same time, one succeeds', async () => {
    const create = (_: unknown, n: number) =>
      site.ask('PUT', '/race', { 'if-none-match': '*' }, `writer ${n}`);
    const statuses = (await Promise.all(Array.from({ length: 50 }, create))).map((a) => a.status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(49);
  });
});

test('of fifty writers that race with the same If-Match, exactly one wins each round', async () => {
  for (let round = 0; round < 5; round++) {
    const expected = etagIn(await site.ask('HEAD', '/f'));
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, writer) => {
        const text = `round ${round} writer ${writer}`;
        const answer = await site.ask('PUT', '/f', { 'if-match': expected }, text);
        return { text, status: answer.status, etag: answer.headers.etag };
      }),
    );
    const winners = answers.filter(({ status }) => status === 204);
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
    expect((await site.ask('GET', '/f')).body).toBe(winners[0]?.text);
    expect(etagIn(await site.ask('HEAD', '/f'))).toBe(winners[0]?.etag);
  }
}, 30_000);

test.each(['', '()', '(<a>', '<x>', '([etag])', '(["a"]) trailing', '(Not)', '("a")', '(<a b>)'])(
  'an If header outside the grammar is refused with 400: %j',
  async (header) => {
    expect((await site.ask('PUT', '/f', { if: header }, 'x')).status).toBe(400);
    expect(await readFile(site.at('f'), 'utf8')).toBe('content');
  },
);
