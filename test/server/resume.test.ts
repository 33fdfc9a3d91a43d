import {
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { blake3 } from '@napi-rs/blake-hash';
import { hashPassword } from '../../server/users.ts';
import { randomBytes } from '../native/random-bytes.ts';
import { type Answer, etagIn, type Fixture, startServer } from './support/running-server.ts';

const content = randomBytes(1, 700_000);
const hash = blake3(content).toString('hex');

let site: Fixture;
beforeEach(async () => {
  site = await startServer();
});
afterEach(() => site.close());

interface Part {
  readonly first: number;
  readonly end: number;
  readonly path?: string;
  readonly id?: string;
  readonly headers?: Record<string, string>;
}

function headersOf({ first, end, id = 'u1', headers = {} }: Part): Record<string, string> {
  const range = `bytes ${first}-${end - 1}/${content.length}`;
  return { 'ferry-upload': id, 'content-range': range, ...headers };
}

function send(part: Part): Promise<Answer> {
  const body = content.subarray(part.first, part.end);
  return site.ask('PUT', part.path ?? '/f', headersOf(part), body);
}

/** Sends the beginning of a part and cuts the connection. */
function sendAndCut(part: Part, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    const sending = request({
      host: '127.0.0.1',
      port: site.server.port,
      method: 'PUT',
      path: '/f',
      headers: { ...headersOf(part), 'content-length': part.end - part.first },
    });
    sending.on('error', () => resolve());
    sending.on('close', () => resolve());
    sending.write(content.subarray(part.first, part.first + bytes), () => {
      setTimeout(() => sending.destroy(), 50);
    });
  });
}

async function offset(id = 'u1', path = '/f'): Promise<string | undefined> {
  const answer = await site.ask('HEAD', path, { 'ferry-upload': id });
  return answer.status === 200 ? String(answer.headers['upload-offset']) : undefined;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const uploadOf = (name: string): string => site.at(`.ferry/uploads/${name}`);
const kept = (): readonly string[] => readdirSync(site.at('.ferry/uploads'));

describe('An upload in parts', () => {
  test('is a file when the last part has come, as after PUT of the whole', async () => {
    const first = await send({ first: 0, end: 300_000 });
    expect([first.status, first.headers['upload-offset']]).toEqual([202, '300000']);
    expect((await site.ask('GET', '/f')).status).toBe(404);
    expect(await offset()).toBe('300000');
    const headers = { 'ferry-hash': hash, 'x-oc-mtime': '77', 'if-none-match': '*' };
    const last = await send({ first: 300_000, end: 700_000, headers });
    expect(last.status).toBe(201);
    expect(last.headers['x-oc-mtime']).toBe('accepted');
    expect(etagIn(last)).toBe(etagIn(await site.ask('HEAD', '/f')));
    expect(readFileSync(site.at('f')).equals(content)).toBe(true);
    expect(await offset()).toBeUndefined();
    expect(kept()).toEqual([]);
  });

  test('may be a single part, and replaces under its condition', async () => {
    writeFileSync(site.at('f'), 'before');
    const etag = etagIn(await site.ask('HEAD', '/f'));
    const stale = { 'if-match': '"stale"' };
    expect((await send({ first: 0, end: 700_000, headers: stale })).status).toBe(412);
    const last = await send({ first: 0, end: 700_000, headers: { 'if-match': etag } });
    expect(last.status).toBe(204);
    expect(last.headers['ferry-kept']).toBeDefined();
    expect(readFileSync(site.at('f')).equals(content)).toBe(true);
  });

  test('keeps what came of a part that breaks off, and goes on there', async () => {
    await sendAndCut({ first: 0, end: 700_000 }, 400_000);
    for (let tries = 0; tries < 100 && kept().length === 0; tries++) await pause();
    const at = Number(await offset());
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(400_000);
    expect(statSync(uploadOf(kept()[0] ?? '')).size).toBe(at);
    const gap = await send({ first: at + 1, end: 700_000 });
    expect([gap.status, gap.headers['upload-offset']]).toEqual([409, `${at}`]);
    expect((await send({ first: 0, end: 700_000 })).status).toBe(409);
    const last = await send({ first: at, end: 700_000, headers: { 'ferry-hash': hash } });
    expect(last.status).toBe(201);
    expect(readFileSync(site.at('f')).equals(content)).toBe(true);
  });

  test('is taken over from a request that hangs', async () => {
    const hanging = request({
      host: '127.0.0.1',
      port: site.server.port,
      method: 'PUT',
      path: '/f',
      headers: { ...headersOf({ first: 0, end: 700_000 }), 'content-length': 700_000 },
    });
    const wasCut = new Promise<void>((resolve) => hanging.on('error', () => resolve()));
    hanging.write(content.subarray(0, 200_000));
    const arrived = (): boolean => kept().some((name) => statSync(uploadOf(name)).size > 0);
    for (let tries = 0; tries < 50 && !arrived(); tries++) await pause();
    const at = Number(await offset());
    await wasCut;
    expect(at).toBeGreaterThan(0);
    expect((await send({ first: at, end: 700_000 })).status).toBe(201);
    expect(readFileSync(site.at('f')).equals(content)).toBe(true);
  });

  test('survives a restart of the server, and then only its hash proves that all is there', async () => {
    await send({ first: 0, end: 300_000 });
    await send({ first: 0, end: 300_000, id: 'u2' });
    await send({ first: 0, end: 300_000, id: 'u3' });
    await restart();
    for (const id of ['u1', 'u2', 'u3']) expect(await offset(id)).toBe('300000');
    expect((await send({ first: 300_000, end: 700_000, id: 'u2' })).status).toBe(422);
    expect(await offset('u2')).toBeUndefined();
    // As after a power cut: the length is there, the bytes are not.
    const [name = ''] = kept();
    truncateSync(site.at(`.ferry/uploads/${name}`), 200_000);
    truncateSync(site.at(`.ferry/uploads/${name}`), 300_000);
    const headers = { 'ferry-hash': hash };
    const outcomes = [
      await send({ first: 300_000, end: 700_000, headers, path: '/f' }),
      await send({ first: 300_000, end: 700_000, headers, id: 'u3' }),
    ].map(({ status }) => status);
    expect(outcomes.sort()).toEqual([201, 422]);
    expect(readFileSync(site.at('f')).equals(content)).toBe(true);
    expect(kept()).toEqual([]);
  });

  test('is dropped when it is asked for, when it is old, and when the same user has too many', async () => {
    await send({ first: 0, end: 1000 });
    expect((await site.ask('DELETE', '/f', { 'ferry-upload': 'u1' })).status).toBe(204);
    expect((await site.ask('DELETE', '/f', { 'ferry-upload': 'u1' })).status).toBe(404);
    expect(await offset()).toBeUndefined();
    for (let count = 0; count < 104; count++)
      await send({ first: 0, end: 1000, id: `many${count}` });
    expect(kept().length).toBe(100);
    expect(await offset('many103')).toBe('1000');
    const long = (Date.now() - 8 * 86_400_000) / 1000;
    for (const name of kept()) utimesSync(site.at(`.ferry/uploads/${name}`), long, long);
    await restart();
    await send({ first: 0, end: 1000, id: 'fresh' });
    expect(kept().length).toBe(1);
  });

  test.each<[string, Record<string, string>]>([
    ['a name with other signs', { 'ferry-upload': '../x' }],
    ['an empty name', { 'ferry-upload': '' }],
    ['a long name', { 'ferry-upload': 'a'.repeat(65) }],
    ['a range without a total', { 'content-range': 'bytes 0-9/*' }],
    ['a range that ends before it begins', { 'content-range': 'bytes 9-0/10' }],
    ['a range beyond the total', { 'content-range': 'bytes 0-10/10' }],
    ['a range of another length than the body', { 'content-range': 'bytes 0-98/100' }],
    ['numbers beyond all measure', { 'content-range': 'bytes 0-9/99999999999999999999' }],
    ['a hash that is none', { 'ferry-hash': 'x' }],
  ])('is refused with %s', async (_what, wrong) => {
    const headers = { 'ferry-upload': 'u1', 'content-range': 'bytes 0-9/100', ...wrong };
    const answer = await site.ask('PUT', '/f', headers, Buffer.alloc(10));
    expect(answer.status).toBe(400);
    expect(kept()).toEqual([]);
  });

  test('takes in nothing that cannot be kept', async () => {
    const total = 900_000_000_000_000;
    const headers = { 'ferry-upload': 'u1', 'content-range': `bytes 0-9/${total}` };
    expect((await site.ask('PUT', '/f', headers, Buffer.alloc(10))).status).toBe(507);
    const nowhere = await send({ first: 0, end: 10, path: '/missing/f' });
    expect(nowhere.status).toBe(409);
    expect(nowhere.headers['upload-offset']).toBeUndefined();
    await site.ask('MKCOL', '/d');
    expect((await send({ first: 0, end: 10, path: '/d' })).status).toBe(405);
    expect(kept()).toEqual([]);
  });

  test('is told apart by its path', async () => {
    await send({ first: 0, end: 1000 });
    await send({ first: 0, end: 500, path: '/g' });
    expect([await offset('u1', '/f'), await offset('u1', '/g')]).toEqual(['1000', '500']);
    expect(await offset('u1', '/h')).toBeUndefined();
  });
});

describe('Uploads of several users', () => {
  test('are out of reach for each other', async () => {
    await site.close();
    const users = [
      { name: 'ann', passwordHash: await hashPassword('pa') },
      { name: 'bob', passwordHash: await hashPassword('pb') },
    ];
    site = await startServer({ users });
    const as = (name: string, password: string) => ({
      authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
    });
    const ann = as('ann', 'pa');
    const bob = { ...as('bob', 'pb'), 'ferry-upload': 'u1' };
    expect((await send({ first: 0, end: 1000, headers: ann })).status).toBe(202);
    expect((await site.ask('HEAD', '/f', bob)).status).toBe(404);
    expect((await site.ask('DELETE', '/f', bob)).status).toBe(404);
    expect((await send({ first: 1000, end: 700_000, headers: bob })).status).toBe(409);
    const own = { ...ann, 'ferry-upload': 'u1' };
    expect((await site.ask('HEAD', '/f', own)).headers['upload-offset']).toBe('1000');
  });
});

async function restart(): Promise<void> {
  const { directory, server } = site;
  await server.close();
  site = await startServer({ directory });
}
