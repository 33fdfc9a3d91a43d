import { readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { etagIn, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
});

afterEach(() => site.close());

async function staged(): Promise<readonly string[]> {
  return await readdir(site.at('.ferry/stage'));
}

/** Sends bytes as they are and cuts the connection after a moment; returns what came back. */
function sendRaw(text: string, cutAfterMs: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(site.server.port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => undefined); // a reset is one of the outcomes that are looked at
    socket.on('close', () => resolve(answer));
    setTimeout(() => socket.destroy(), cutAfterMs);
  });
}

describe('PUT', () => {
  test('stores a new file, answers 201 with the ETag that GET gives', async () => {
    const stored = await site.ask('PUT', '/a.txt', {}, 'hello');
    expect(stored.status).toBe(201);
    expect(etagIn(stored)).toMatch(/^"[^"]+"$/);
    const read = await site.ask('GET', '/a.txt');
    expect(read.body).toBe('hello');
    expect(read.headers.etag).toBe(stored.headers.etag);
    expect(read.headers['content-type']).toBe('text/plain');
  });

  test('replaces a file with 204 and another ETag, keeping its permission bits', async () => {
    await writeFile(site.at('run.sh'), 'one', { mode: 0o755 });
    const before = await site.ask('HEAD', '/run.sh');
    const stored = await site.ask('PUT', '/run.sh', {}, 'two');
    expect(stored.status).toBe(204);
    expect(etagIn(stored)).not.toBe(etagIn(before));
    expect((await stat(site.at('run.sh'))).mode & 0o777).toBe(0o755);
  });

  test('keeps the time of X-OC-Mtime to nine decimals and says so', async () => {
    const stored = await site.ask('PUT', '/t', { 'x-oc-mtime': '1234567890.123456789' }, 'x');
    expect(stored.headers['x-oc-mtime']).toBe('accepted');
    const { mtimeNs } = await stat(site.at('t'), { bigint: true });
    expect(mtimeNs).toBe(1_234_567_890_123_456_789n);
  });

  test.each(['today', '99999999999', '1e9', ''])('refuses the time %j', async (time) => {
    expect((await site.ask('PUT', '/t', { 'x-oc-mtime': time }, 'x')).status).toBe(400);
    expect((await site.ask('GET', '/t')).status).toBe(404);
  });

  test('keeps the permission bits of Ferry-Mode without set-id bits', async () => {
    expect((await site.ask('PUT', '/m', { 'ferry-mode': '4755' }, 'x')).status).toBe(201);
    expect((await stat(site.at('m'))).mode & 0o7777).toBe(0o755);
  });

  test('stores a body of several megabytes, chunked, byte for byte', async () => {
    const content = Buffer.alloc(3_000_001, 'ferry ');
    const headers = { 'transfer-encoding': 'chunked' };
    const stored = await site.ask('PUT', '/large', headers, content);
    expect(stored.status).toBe(201);
    expect((await readFile(site.at('large'))).equals(content)).toBe(true);
  });

  test('leaves nothing of a body that was cut', async () => {
    const head = 'PUT /cut HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n';
    await sendRaw(`${head}only this`, 150);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await site.ask('GET', '/cut')).status).toBe(404);
    expect(await staged()).toEqual([]);
  });

  test('leaves the old file when the body of its replacement was cut', async () => {
    await site.ask('PUT', '/kept', {}, 'old');
    const head = 'PUT /kept HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n';
    await sendRaw(`${head}5\r\nnew`, 150);
    expect((await site.ask('GET', '/kept')).body).toBe('old');
  });

  test('refuses a part of a file instead of taking it for the whole', async () => {
    await site.ask('PUT', '/whole', {}, '0123456789');
    const answer = await site.ask('PUT', '/whole', { 'content-range': 'bytes 2-3/10' }, 'xx');
    expect(answer.status).toBe(400);
    expect((await site.ask('GET', '/whole')).body).toBe('0123456789');
  });

  test('answers 409 below a missing collection and 405 on a collection', async () => {
    expect((await site.ask('PUT', '/none/a', {}, 'x')).status).toBe(409);
    await site.ask('MKCOL', '/dir');
    expect((await site.ask('PUT', '/dir', {}, 'x')).status).toBe(405);
    expect((await site.ask('PUT', '/dir/', {}, 'x')).status).toBe(405);
    expect(await staged()).toEqual([]);
  });

  test('neither follows nor replaces a symbolic link', async () => {
    await writeFile(site.at('target'), 'safe');
    await symlink('target', site.at('link'));
    expect((await site.ask('PUT', '/link', {}, 'x')).status).toBe(403);
    expect((await site.ask('GET', '/link')).status).toBe(404);
    expect(await readFile(site.at('target'), 'utf8')).toBe('safe');
  });

  test('tells a waiting client before it sends the body that a condition fails', async () => {
    await site.ask('PUT', '/busy', {}, 'x');
    const answer = await sendRaw(
      'PUT /busy HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\nIf-None-Match: *\r\nExpect: 100-continue\r\n\r\n',
      300,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 412 /);
    expect(answer).not.toContain('100 Continue');
  });

  test('asks a waiting client for the body when nothing is in the way', async () => {
    const answer = await sendRaw(
      'PUT /go HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok',
      300,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
  });

  test('answers 507 for a body that can never fit, before it is sent', async () => {
    const answer = await sendRaw(
      'PUT /huge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000000000000\r\nExpect: 100-continue\r\n\r\n',
      300,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 507 /);
    expect(answer).toContain('sufficient-disk-space');
  });

  test('stores a hundred files at the same time', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `/file-${index}`);
    const answers = await Promise.all(names.map((name) => site.ask('PUT', name, {}, name)));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 201));
    expect(await readFile(site.at('file-57'), 'utf8')).toBe('/file-57');
  });
});

describe('GET', () => {
  beforeEach(async () => {
    await site.ask('PUT', '/r', { 'x-oc-mtime': '1000000000' }, '0123456789');
  });

  test.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=4-', '456789', 'bytes 4-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=8-100', '89', 'bytes 8-9/10'],
    ['bytes=-100', '0123456789', 'bytes 0-9/10'],
  ])('answers the range %s with 206', async (range, body, contentRange) => {
    const answer = await site.ask('GET', '/r', { range });
    expect([answer.status, answer.body]).toEqual([206, body]);
    expect(answer.headers['content-range']).toBe(contentRange);
  });

  test.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('answers 416 for %s', async (range) => {
    const answer = await site.ask('GET', '/r', { range });
    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe('bytes */10');
  });

  test.each(['bytes=5-2', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,3-4'])(
    'answers the whole file for %s',
    async (range) => {
      const answer = await site.ask('GET', '/r', { range });
      expect([answer.status, answer.body]).toEqual([200, '0123456789']);
    },
  );

  test('answers a range only of the version that If-Range names', async () => {
    const etag = etagIn(await site.ask('HEAD', '/r'));
    const range = 'bytes=0-1';
    expect((await site.ask('GET', '/r', { range, 'if-range': etag })).status).toBe(206);
    expect((await site.ask('GET', '/r', { range, 'if-range': '"old"' })).status).toBe(200);
    const date = new Date(1_000_000_000_000).toUTCString();
    expect((await site.ask('GET', '/r', { range, 'if-range': date })).status).toBe(206);
    expect((await site.ask('GET', '/r', { range, 'if-range': `W/${etag}` })).status).toBe(200);
  });

  test('answers HEAD with the length and no body', async () => {
    const answer = await site.ask('HEAD', '/r');
    expect([answer.status, answer.body, answer.headers['content-length']]).toEqual([200, '', '10']);
  });

  test('gives an empty file', async () => {
    await site.ask('PUT', '/empty', {}, '');
    const answer = await site.ask('GET', '/empty');
    expect([answer.status, answer.headers['content-length']]).toEqual([200, '0']);
  });

  test('lists a collection as a page in which names cannot become markup', async () => {
    await site.ask('PUT', `/${encodeURIComponent('<img src=x>.txt')}`, {}, 'x');
    const answer = await site.ask('GET', '/');
    expect(answer.body).toContain('&lt;img src=x&gt;.txt');
    expect(answer.body).not.toContain('<img');
    expect(answer.body).not.toContain('.ferry');
    expect(answer.headers['content-security-policy']).toBe('sandbox');
  });

  test('notices an edit that kept size and time', async () => {
    const before = etagIn(await site.ask('HEAD', '/r'));
    const { atime, mtime } = await stat(site.at('r'));
    await writeFile(site.at('r'), '9876543210');
    await utimes(site.at('r'), atime, mtime);
    expect(etagIn(await site.ask('HEAD', '/r'))).not.toBe(before);
  });
});
