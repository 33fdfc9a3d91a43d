import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Answer, etagIn, type Fixture, startServer } from './support/running-server.ts';

const TYPE = 'application/x-sabredav-partialupdate';
const LOCK =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
  await site.ask('PUT', '/file', { 'ferry-mode': '0640' }, '0123456789');
});

afterEach(async () => {
  expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
  await site.close();
});

const patch = (range: string, body: string, headers = {}): Promise<Answer> =>
  site.ask('PATCH', '/file', { 'content-type': TYPE, 'x-update-range': range, ...headers }, body);

const content = async (): Promise<string> => (await site.ask('GET', '/file')).body;

describe('PATCH with X-Update-Range', () => {
  test.each([
    ['bytes=0-2', 'abc', 'abc3456789'],
    ['bytes=3-5', 'abc', '012abc6789'],
    ['bytes=3-', 'abc', '012abc6789'],
    ['bytes=8-', 'abc', '01234567abc'],
    ['bytes=8-10', 'abc', '01234567abc'],
    ['bytes=10-', 'abc', '0123456789abc'],
    ['bytes=-4', 'ab', '012345ab89'],
    ['bytes=-2', 'abc', '01234567abc'],
    ['append', 'abc', '0123456789abc'],
    ['append', '', '0123456789'],
  ])('%s writes %j', async (range, body, expected) => {
    const answer = await patch(range, body);
    expect(answer.status).toBe(204);
    expect(await content()).toBe(expected);
    expect(etagIn(await site.ask('HEAD', '/file'))).toBe(etagIn(answer));
    expect((await stat(site.at('file'))).mode & 0o777).toBe(0o640);
  });

  test.each([
    ['a range behind the end', 'bytes=11-', 'abc', {}, 416],
    ['more from the end than there is', 'bytes=-11', 'abc', {}, 416],
    ['a range of another length than the body', 'bytes=0-9', 'abc', {}, 416],
    ['a range that ends before it begins', 'bytes=5-3', 'abc', {}, 416],
    ['a range that cannot be read', 'lines=1-2', 'abc', {}, 400],
    ['no range', '', 'abc', {}, 400],
    ['another media type', 'append', 'abc', { 'content-type': 'text/plain' }, 415],
    ['a body without a length', 'append', 'abc', { 'transfer-encoding': 'chunked' }, 411],
    ['a wrong If-Match', 'append', 'abc', { 'if-match': '"x"' }, 412],
    ['If-None-Match: *', 'append', 'abc', { 'if-none-match': '*' }, 412],
    ['a damaged body', 'append', 'abc', { 'content-digest': digestOf('abd') }, 400],
  ])('refuses %s', async (_, range, body, headers, status) => {
    expect((await patch(range, body, headers)).status).toBe(status);
    expect(await content()).toBe('0123456789');
  });

  test('goes by conditions and locks', async () => {
    const etag = etagIn(await site.ask('HEAD', '/file'));
    const digest = { 'content-digest': digestOf('abc') };
    expect((await patch('append', 'abc', { 'if-match': etag, ...digest })).status).toBe(204);
    expect((await patch('append', 'abc', { 'if-match': etag })).status).toBe(412);
    const locked = await site.ask('LOCK', '/file', {}, LOCK);
    expect((await patch('append', 'abc')).status).toBe(423);
    const token = { if: `(${locked.headers['lock-token']})` };
    expect((await patch('append', 'def', token)).status).toBe(204);
    expect(await content()).toBe('0123456789abcdef');
  });

  test('keeps the state before, and answers with its version', async () => {
    const { headers } = await patch('append', 'abc');
    const before = await site.ask('GET', '/file', { 'ferry-version': `${headers['ferry-kept']}` });
    expect(before.body).toBe('0123456789');
  });

  test('at the same time never mix: each that succeeds is in the file, whole', async () => {
    const parts = Array.from({ length: 12 }, (_, n) => String.fromCharCode(97 + n).repeat(50_000));
    const answers = await Promise.all(parts.map((part) => patch('append', part)));
    const stored = parts.filter((_, n) => answers[n]?.status === 204);
    expect(stored.length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 204 || status === 409)).toBe(true);
    const added = (await content()).slice(10);
    expect(added).toHaveLength(stored.length * 50_000);
    for (const part of stored) expect(added).toContain(part);
  });

  test('is for files only', async () => {
    await site.ask('MKCOL', '/dir');
    const headers = { 'content-type': TYPE, 'x-update-range': 'append' };
    expect((await site.ask('PATCH', '/none', headers, 'x')).status).toBe(404);
    expect((await site.ask('PATCH', '/dir', headers, 'x')).status).toBe(405);
  });

  test('is announced', async () => {
    const { headers } = await site.ask('OPTIONS', '/file');
    expect(headers['dav']).toContain('sabredav-partialupdate');
    expect(headers['allow']).toContain('PATCH');
    expect(headers['accept-patch']).toBe(TYPE);
  });
});

function digestOf(text: string): string {
  return `sha-256=:${createHash('sha256').update(text).digest('base64')}:`;
}
