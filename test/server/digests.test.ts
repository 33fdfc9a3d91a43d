import { createHash, randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
});

afterEach(async () => {
  expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
  await site.close();
});

const hex = (algorithm: string, content: string | Buffer): string =>
  createHash(algorithm).update(content).digest('hex');
const base64 = (algorithm: string, content: string | Buffer): string =>
  createHash(algorithm).update(content).digest('base64');

const checksumsOf = async (path: string): Promise<string | undefined> => {
  const body =
    '<D:propfind xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns"><D:prop><o:checksums/></D:prop></D:propfind>';
  const answer = await site.ask('PROPFIND', path, { depth: '0' }, body);
  return /<oc:checksum>([^<]*)</.exec(answer.body)?.[1];
};

/** Of "Wikipedia" and of the empty content, as published. */
const KNOWN: readonly (readonly [content: string, checksum: string])[] = [
  ['Wikipedia', 'ADLER32:11e60398'],
  ['', 'ADLER32:1'],
  ['Wikipedia', `MD5:${hex('md5', 'Wikipedia')}`],
  ['Wikipedia', `sha1:${hex('sha1', 'Wikipedia').toUpperCase()}`],
  ['Wikipedia', `SHA256:${hex('sha256', 'Wikipedia')}`],
  ['', 'BLAKE3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
];

describe('OC-Checksum on PUT', () => {
  test.each(KNOWN)('of %j as %s is checked and accepted', async (content, checksum) => {
    const headers = { 'oc-checksum': checksum };
    expect((await site.ask('PUT', '/file', headers, content)).status).toBe(201);
    expect((await site.ask('PUT', '/file', headers, `${content}!`)).status).toBe(400);
    expect((await site.ask('GET', '/file')).body).toBe(content);
  });

  test('is right for contents that arrive in many pieces', async () => {
    const content = randomBytes(3_000_001);
    let [low, high] = [1, 0];
    for (const byte of content) {
      low = (low + byte) % 65_521;
      high = (high + low) % 65_521;
    }
    const adler = (high * 65_536 + low).toString(16);
    const headers = { 'oc-checksum': `ADLER32:${adler} SHA1:${hex('sha1', content)}` };
    expect((await site.ask('PUT', '/file', headers, content)).status).toBe(201);
  });

  test.each(['SHA1', 'SHA1:xyz', 'SHA1:00', 'MD5:', ':00', 'SHA256:é'])(
    'that cannot be read is refused: %s',
    async (checksum) => {
      const headers = { 'oc-checksum': Buffer.from(checksum).toString('latin1') };
      expect((await site.ask('PUT', '/file', headers, 'x')).status).toBe(400);
      expect((await site.ask('GET', '/file')).status).toBe(404);
    },
  );

  test('of an unknown algorithm is left alone, and not kept either', async () => {
    const headers = { 'oc-checksum': 'CRC64:0011' };
    expect((await site.ask('PUT', '/file', headers, 'x')).status).toBe(201);
    expect(await checksumsOf('/file')).toBeUndefined();
  });
});

describe('the property oc:checksums', () => {
  const checksum = `SHA1:${hex('sha1', 'content')}`;

  beforeEach(async () => {
    await site.ask('PUT', '/file', { 'oc-checksum': checksum, 'x-oc-mtime': '1' }, 'content');
  });

  test('and the header of GET and HEAD have what was proved', async () => {
    expect(await checksumsOf('/file')).toBe(checksum);
    expect((await site.ask('GET', '/file')).headers['oc-checksum']).toBe(checksum);
    expect((await site.ask('HEAD', '/file')).headers['oc-checksum']).toBe(checksum);
  });

  test('outlives a restart, MOVE, COPY and another time or mode', async () => {
    await site.server.close();
    site = await startServer({ directory: site.directory });
    await site.ask('MOVE', '/file', { destination: '/moved' });
    await site.ask('COPY', '/moved', { destination: '/copied' });
    const prop = '<F:mtime>5000000000</F:mtime><F:mode>0600</F:mode>';
    const update = `<D:propertyupdate xmlns:D="DAV:" xmlns:F="urn:ferry"><D:set><D:prop>${prop}</D:prop></D:set></D:propertyupdate>`;
    await site.ask('PROPPATCH', '/moved', {}, update);
    expect(await checksumsOf('/moved')).toBe(checksum);
    expect(await checksumsOf('/copied')).toBe(checksum);
    expect(await checksumsOf('/file')).toBeUndefined();
  });

  test('ends with the content, whoever replaces it', async () => {
    await site.ask('COPY', '/file', { destination: '/other' });
    await writeFile(site.at('other'), 'CONTENT');
    expect(await checksumsOf('/other')).toBeUndefined();
    await site.ask('PUT', '/file', { 'x-oc-mtime': '1' }, 'CONTENT');
    expect(await checksumsOf('/file')).toBeUndefined();
    expect((await site.ask('GET', '/file')).headers['oc-checksum']).toBeUndefined();
  });

  test('cannot be set by PROPPATCH, and is in no answer that did not ask for it', async () => {
    const prop = '<o:checksums><o:checksum>SHA1:00</o:checksum></o:checksums>';
    const update = `<D:propertyupdate xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns"><D:set><D:prop>${prop}</D:prop></D:set></D:propertyupdate>`;
    expect((await site.ask('PROPPATCH', '/file', {}, update)).body).toContain('403 Forbidden');
    expect(await checksumsOf('/file')).toBe(checksum);
    const all = await site.ask('PROPFIND', '/file', { depth: '0' });
    expect(all.body).not.toContain('SHA1');
  });
});

describe('Content-Digest and Repr-Digest on PUT', () => {
  const good = `sha-256=:${base64('sha256', 'content')}:`;

  test.each(['content-digest', 'repr-digest'])('%s: a damaged body is refused', async (name) => {
    const both = { [name]: `${good}, sha-512=:${base64('sha512', 'content')}:` };
    expect((await site.ask('PUT', '/file', both, 'content')).status).toBe(201);
    expect((await site.ask('PUT', '/file', both, 'CONTENT')).status).toBe(400);
    const halfWrong = { [name]: `${good}, sha-512=:${base64('sha512', 'other')}:` };
    expect((await site.ask('PUT', '/file', halfWrong, 'content')).status).toBe(400);
    expect((await site.ask('GET', '/file')).body).toBe('content');
  });

  test('an algorithm that nobody should trust is not looked at', async () => {
    const headers = { 'content-digest': 'md5=:AAAA:, unixsum=:AAAA:' };
    expect((await site.ask('PUT', '/file', headers, 'content')).status).toBe(201);
  });

  test.each(['sha-256', 'sha-256=abc', 'sha-256=:abc:', 'sha-256=:!!:', ''])(
    'a field that cannot be read is refused: %j',
    async (field) => {
      const headers = { 'content-digest': field };
      expect((await site.ask('PUT', '/file', headers, 'content')).status).toBe(400);
    },
  );
});

describe('Want-Repr-Digest', () => {
  beforeEach(() => site.ask('PUT', '/file', {}, 'content'));

  test.each([
    ['sha-256=1', `sha-256=:${base64('sha256', 'content')}:`],
    ['sha-256=1, sha-512=9', `sha-512=:${base64('sha512', 'content')}:`],
    ['md5=10, sha-256=3', `sha-256=:${base64('sha256', 'content')}:`],
    ['sha-256=0, unixsum=4', undefined],
    ['nonsense', undefined],
  ])('%s is answered for the whole file, also with a range', async (wish, expected) => {
    const headers = { 'want-repr-digest': wish };
    expect((await site.ask('HEAD', '/file', headers)).headers['repr-digest']).toBe(expected);
    const part = await site.ask('GET', '/file', { ...headers, range: 'bytes=0-2' });
    expect([part.status, part.body, part.headers['repr-digest']]).toEqual([206, 'con', expected]);
  });
});
