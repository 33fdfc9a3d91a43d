import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { ServeOptions } from '../../server/serve.ts';
import { fingerprintOf, generateTlsPair } from '../../server/tls.ts';
import { type Fixture, startServer } from './support/running-server.ts';

const closing: (() => Promise<void>)[] = [];

async function start(options: Partial<ServeOptions> = {}): Promise<Fixture> {
  const site = await startServer(options);
  closing.push(() => site.close());
  return site;
}

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-serve-'));
  closing.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe('serve', () => {
  test('announces the classes of WebDAV and the extensions that Ferry looks for', async () => {
    const site = await start();
    const { status, headers } = await site.ask('OPTIONS', '/');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      dav: expect.stringMatching(/^1, 2, 3,/),
      'ms-author-via': 'DAV',
    });
    expect(headers).toMatchObject({ ferry: expect.stringMatching(/^1; .*mtime.*if-empty/) });
    expect(headers.allow).toContain('PROPFIND');
    expect((await site.ask('OPTIONS', '*')).status).toBe(200);
  });

  test('answers methods that it does not know with 405 and what it allows', async () => {
    const site = await start();
    for (const method of ['SEARCH', 'TRACE', 'MKCALENDAR']) {
      const answer = await site.ask(method, '/');
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.headers.allow).toContain('PUT');
    }
  });

  test('changes nothing when it is read-only', async () => {
    const directory = await temporary();
    await writeFile(join(directory, 'file'), 'content');
    const site = await start({ directory, readOnly: true });
    for (const method of ['PUT', 'DELETE', 'MKCOL', 'MOVE', 'COPY', 'PROPPATCH', 'LOCK', 'UNLOCK'])
      expect([method, (await site.ask(method, '/file')).status]).toEqual([method, 403]);
    expect((await site.ask('GET', '/file')).body).toBe('content');
    expect((await site.ask('OPTIONS', '/')).headers).toMatchObject({ dav: '1' });
    expect(await readdir(directory)).toEqual(['file']);
  });

  test.each([
    ['a network address without users', { host: '0.0.0.0' }],
    [
      'a network address without TLS',
      { host: '0.0.0.0', users: [{ name: 'a', passwordHash: 'b' }] },
    ],
    ['a generated certificate without a place for it', { tls: 'generated' as const }],
    ['a broken certificate', { tls: { cert: 'x', key: 'y' } }],
  ])('refuses %s', async (_, options) => {
    const directory = await temporary();
    await expect(startServer({ directory, ...options })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('serves a network address without TLS when that is allowed expressly', async () => {
    const users = [{ name: 'a', passwordHash: 'b' }];
    const site = await start({ host: '0.0.0.0', users, insecureAllowed: true });
    expect((await site.ask('GET', '/')).status).toBe(401);
  });

  test('names a directory that is missing and a port that is taken', async () => {
    const directory = join(await temporary(), 'none');
    await expect(startServer({ directory })).rejects.toMatchObject({ code: 'LOCAL_ROOT_MISSING' });
    const site = await start();
    await expect(
      startServer({ directory: site.directory, port: site.server.port }),
    ).rejects.toMatchObject({ code: 'LOCAL_BUSY' });
  });

  test('without users answers only to the names of this machine', async () => {
    const site = await start();
    expect((await site.ask('GET', '/', { host: 'evil.example' })).status).toBe(421);
    expect((await site.ask('GET', '/', { host: 'localhost:80' })).status).toBe(200);
  });

  test('sweeps what a crash left in the stage', async () => {
    const site = await start();
    await writeFile(site.at('.ferry/stage/server-left'), 'half');
    await writeFile(site.at('.ferry/stage/of-a-sync'), 'half');
    await start({ directory: site.directory });
    expect(await readdir(site.at('.ferry/stage'))).toEqual(['of-a-sync']);
  });

  test('counts requests and bytes', async () => {
    const site = await start();
    await site.ask('PUT', '/a', {}, 'x'.repeat(1000));
    await site.ask('GET', '/a');
    // A request ends, for the server, a moment after its answer has arrived.
    for (let n = 0; n < 100 && site.server.stats.activeRequests > 0; n++) await sleep(10);
    const { requests, activeRequests, bytesReceived, bytesSent } = site.server.stats;
    expect([requests, activeRequests]).toEqual([2, 0]);
    expect(bytesReceived).toBeGreaterThan(1000);
    expect(bytesSent).toBeGreaterThan(1000);
  });

  test('closes within three seconds also while a client sends nothing more', async () => {
    const site = await start();
    const socket = connect(site.server.port, '127.0.0.1');
    socket.on('error', () => undefined); // the server cuts it
    socket.write('PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const startedAt = performance.now();
    await site.server.close();
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
    expect(await readdir(site.directory)).toEqual(['.ferry']);
  });
});

describe('a connection', () => {
  test('with too many header bytes is answered 431, and others go on', async () => {
    const site = await start();
    const huge = await site.ask('GET', '/', { 'x-huge': 'x'.repeat(20_000) });
    expect(huge.status).toBe(431);
    expect((await site.ask('GET', '/')).status).toBe(200);
  });

  test('that its client leaves in the middle of an answer or a body harms nobody', async () => {
    const site = await start();
    await writeFile(site.at('large'), Buffer.alloc(30_000_000));
    const requests = [
      'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'PROPFIND / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n<D:prop',
      'PUT /half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nhalf',
    ];
    for (let round = 0; round < 5; round++)
      for (const text of requests)
        await new Promise<void>((resolve) => {
          const socket = connect(site.server.port, '127.0.0.1', () => socket.write(text));
          socket.on('error', () => undefined); // it is cut on purpose
          socket.on('close', () => resolve());
          setTimeout(() => socket.destroy(), 20);
        });
    expect((await site.ask('GET', '/large', { range: 'bytes=0-0' })).status).toBe(206);
    await site.server.close();
    expect(site.server.stats).toMatchObject({ activeRequests: 0, connections: 0 });
    expect(site.log.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
  });

  test('that speaks no HTTP is answered 400', async () => {
    const site = await start();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(site.server.port, '127.0.0.1', () => socket.write('hello\r\n\r\n'));
      socket.on('data', (chunk) => resolve(chunk.toString()));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('TLS', () => {
  test('uses a certificate that it made, keeps it, and tells its fingerprint', async () => {
    const stateDirectory = await temporary();
    const site = await start({ tls: 'generated', stateDirectory });
    expect(site.server.url).toMatch(/^https:/);
    expect((await site.ask('PUT', '/a', {}, 'x')).status).toBe(201);
    const shown = await new Promise<X509Certificate | undefined>((resolve, reject) => {
      const socket = connectTls({ port: site.server.port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(shown?.fingerprint256).toBe(site.server.fingerprint);
    expect(shown?.subjectAltName).toContain('DNS:localhost, IP Address:127.0.0.1');
    for (const name of await readdir(stateDirectory))
      expect((await stat(join(stateDirectory, name))).mode & 0o777).toBe(0o600);
    const again = await start({ tls: 'generated', stateDirectory });
    expect(again.server.fingerprint).toBe(site.server.fingerprint);
  });

  test('uses a certificate that it was given', async () => {
    const pair = await generateTlsPair(Date.now());
    const site = await start({ tls: pair });
    expect(site.server.fingerprint).toBe(fingerprintOf(pair.cert));
    expect(new X509Certificate(pair.cert).checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect((await site.ask('GET', '/')).status).toBe(200);
  });

  test('replaces an expired certificate and keeps a damaged one', async () => {
    const stateDirectory = await temporary();
    const site = await start({ tls: 'generated', stateDirectory });
    const later = { now: () => Date.now() + 11 * 365 * 24 * 3600_000 };
    const renewed = await start({ tls: 'generated', stateDirectory, clock: later });
    expect(renewed.server.fingerprint).not.toBe(site.server.fingerprint);
    const file = join(stateDirectory, 'server-tls.pem');
    await writeFile(file, 'damaged');
    const { directory } = site;
    await expect(
      startServer({ directory, tls: 'generated', stateDirectory }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(await readFile(file, 'utf8')).toBe('damaged');
  });
});
