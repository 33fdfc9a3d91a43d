import type { ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import { at, bytesIn } from '../../conformance/setting.ts';
import { answerListing } from '../../support/servers/misbehaving.ts';
import { closeFakesAfterEach, fakeRemote } from './fake-remote.ts';

closeFakesAfterEach();

const EXPECTED = 'e:v1' as Version;
const RANGE = { offset: 2, length: 3 };

/** Reads a file of ten digits from a server that answers GET with `answer`. */
async function reading(
  answer: (response: ServerResponse) => void,
  range?: { offset: number; length: number },
  listed: { sizeBytes: number; etag: string } = { sizeBytes: 10, etag: '"v1"' },
): Promise<string> {
  const { replica } = await fakeRemote((request, response) => {
    if (request.method === 'GET') answer(response);
    else answerListing(response, [{ href: '/file', ...listed }]);
  });
  const options = range === undefined ? { expected: EXPECTED } : { expected: EXPECTED, range };
  return (await bytesIn(await replica.read(at('file'), options))).toString();
}

function send(
  response: ServerResponse,
  body: string,
  headers: Record<string, string | number> = {},
  status = 200,
): void {
  response.writeHead(status, { etag: '"v1"', ...headers });
  response.write(body);
  response.end();
}

describe('a body', () => {
  test('that is right is read', async () => {
    expect(await reading((r) => send(r, '0123456789', { 'content-length': 10 }))).toBe(
      '0123456789',
    );
  });

  test('of a compressing proxy that only marked the ETag is read', async () => {
    const headers = { 'content-length': 10, etag: 'W/"v1-gzip"' };
    expect(await reading((r) => send(r, '0123456789', headers))).toBe('0123456789');
  });

  test('without a length is held against the listed one', async () => {
    expect(await reading((r) => send(r, '0123456789'))).toBe('0123456789');
    await expect(reading((r) => send(r, '01234'))).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
    });
    await expect(reading((r) => send(r, '0123456789abc'))).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
    });
  });

  test('that is cut off is never taken for the file', async () => {
    const cut = reading((response) => {
      response.writeHead(200, { etag: '"v1"', 'content-length': 10 });
      response.write('01234', () => response.destroy());
    });
    await expect(cut).rejects.toMatchObject({ name: 'FerryError' });
  });

  test('that is cut off without a length is never taken for the file', async () => {
    const cut = reading((response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\nETag: "v1"\r\nConnection: close\r\n\r\n01234');
    });
    await expect(cut).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
  });

  test('of another version is not read', async () => {
    const headers = { etag: '"v2"', 'content-length': 10 };
    await expect(reading((r) => send(r, '0123456789', headers))).rejects.toMatchObject({
      code: 'CHANGED',
    });
  });

  test('without an ETag is held against the listed one', async () => {
    const headers = { 'content-length': 10, etag: '' };
    expect(await reading((r) => send(r, '0123456789', headers))).toBe('0123456789');
    const other = { sizeBytes: 10, etag: '"v2"' };
    await expect(
      reading((r) => send(r, '0123456789', headers), undefined, other),
    ).rejects.toMatchObject({ code: 'CHANGED' });
  });

  test('of another size than listed is not read, whatever its ETag says', async () => {
    const headers = { 'content-length': 5, etag: '' };
    await expect(reading((r) => send(r, '01234', headers))).rejects.toMatchObject({
      code: 'CHANGED',
    });
  });

  test('that is compressed although that was refused is not read', async () => {
    const headers = { 'content-length': 10, 'content-encoding': 'gzip' };
    await expect(reading((r) => send(r, '0123456789', headers))).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
    });
  });

  test('of a sign-in page is not read', async () => {
    const page = (response: ServerResponse): void => {
      response.writeHead(200, { 'content-type': 'text/html', 'content-length': 10 });
      response.end('<html>....');
    };
    const other = { sizeBytes: 99, etag: '"v1"' };
    await expect(reading(page, undefined, other)).rejects.toMatchObject({ code: 'CHANGED' });
  });
});

describe('a part of a body', () => {
  const partHeaders = { 'content-range': 'bytes 2-4/10', 'content-length': 3 };

  test('that is the one asked for is read', async () => {
    expect(await reading((r) => send(r, '234', partHeaders, 206), RANGE)).toBe('234');
  });

  test('is taken out of the whole where the server ignores ranges', async () => {
    const whole = { 'content-length': 10 };
    expect(await reading((r) => send(r, '0123456789', whole), RANGE)).toBe('234');
  });

  test('comes with all the rest where the server ignores ranges and the reader has a use for it', async () => {
    const { replica } = await fakeRemote((request, response) => {
      const whole = { 'content-length': 10 };
      if (request.method === 'GET') send(response, '0123456789', whole);
      else answerListing(response, [{ href: '/file', sizeBytes: 10, etag: '"v1"' }]);
    });
    const options = { expected: EXPECTED, range: RANGE, acceptsWhole: true };
    const content = await replica.read(at('file'), options);
    expect(content.part).toEqual({ offset: 0, length: 10 });
    expect((await bytesIn(content)).toString()).toBe('0123456789');
  });

  test.each([
    ['another part', { 'content-range': 'bytes 3-5/10', 'content-length': 3 }],
    ['a part without a name', { 'content-length': 3 }],
    ['a longer part', { 'content-range': 'bytes 2-5/10', 'content-length': 4 }],
    ['nonsense', { 'content-range': 'bytes */10', 'content-length': 3 }],
  ])('is refused when it is %s', async (_name, headers) => {
    await expect(reading((r) => send(r, '2345', headers, 206), RANGE)).rejects.toMatchObject({
      name: 'FerryError',
    });
  });

  test('is refused when fewer or more bytes come than it names', async () => {
    const headers = { 'content-range': 'bytes 2-4/10' };
    for (const body of ['23', '2345'])
      await expect(reading((r) => send(r, body, headers, 206), RANGE)).rejects.toMatchObject({
        code: 'REMOTE_PROTOCOL',
      });
  });

  test('beyond the end means that the file is another one by now', async () => {
    const answer = (r: ServerResponse): void => {
      r.writeHead(416, { 'content-range': 'bytes */1' }).end();
    };
    await expect(reading(answer, RANGE)).rejects.toMatchObject({ code: 'CHANGED' });
  });
});

describe('a read that a program waits for', () => {
  const urgent = { expected: EXPECTED, isUrgent: true };

  test('fails at once where nobody listens, and the next one without trying', async () => {
    const { replica, server, slept } = await fakeRemote(() => {});
    await server.close();
    for (let times = 0; times < 2; times += 1)
      await expect(replica.read(at('file'), urgent)).rejects.toMatchObject({
        code: 'REMOTE_UNREACHABLE',
      });
    expect([slept, server.seen]).toEqual([[], []]);
  });

  test('is sent again where the connection was lost', async () => {
    let times = 0;
    const { replica } = await fakeRemote((_, response) => {
      times += 1;
      if (times === 1) response.destroy();
      else send(response, '0123456789', { 'content-length': 10 });
    });
    expect((await bytesIn(await replica.read(at('file'), urgent))).toString()).toBe('0123456789');
  });
});
