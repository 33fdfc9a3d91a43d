import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lookAtCertificate } from '../../../remotes/webdav/tls.ts';
import { openWebdavReplica, type WebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { type RunningServer, serve } from '../../../server/serve.ts';
import { fingerprintOf, generateTlsPair, type TlsPair } from '../../../server/tls.ts';
import { put } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { WELL_BEHAVED } from '../../support/servers/misbehaving.ts';

const SERVED = { host: '127.0.0.1', port: 0, users: null, logger: quietLogger } as const;

describe('a server with a certificate of its own', () => {
  let directory: string;
  let server: RunningServer;
  let pair: TlsPair;
  const opened: WebdavReplica[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ferry-tls-'));
    pair = await generateTlsPair(Date.now());
    server = await serve({
      directory,
      host: '127.0.0.1',
      port: 0,
      users: null,
      tls: pair,
      logger: quietLogger,
    });
  });
  afterAll(async () => {
    for (const replica of opened) await replica.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function opening(
    tls: { caPem?: string; pinnedFingerprint?: string } = {},
    url = server.url,
  ): Promise<WebdavReplica> {
    const replica = await openWebdavReplica({
      url,
      ownerId: 'tests',
      credentials: { user: 'anna', password: 'secret' },
      probe: WELL_BEHAVED,
      clock: realClock,
      logger: quietLogger,
      tls,
    });
    opened.push(replica);
    return replica;
  }

  test('is not trusted by itself, and the error shows the fingerprint to compare', async () => {
    const replica = await opening();
    const identity = replica.identify();
    await expect(identity).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE', retry: 'never' });
    await expect(identity).rejects.toThrow(server.fingerprint ?? 'none');
  });

  test('is used when its fingerprint is pinned, in any spelling', async () => {
    const pinnedFingerprint = server.fingerprint ?? '';
    const replica = await opening({ pinnedFingerprint });
    await put(replica, 'pinned.txt', 'x');
    const spelled = pinnedFingerprint.replaceAll(':', '').toLowerCase();
    await (await opening({ pinnedFingerprint: spelled })).identify();
  });

  test('is not spoken to when another fingerprint is pinned', async () => {
    const pinnedFingerprint = 'AB:'.repeat(32).slice(0, -1);
    const before = JSON.stringify(server.stats);
    const replica = await opening({ pinnedFingerprint });
    const identity = replica.identify();
    await expect(identity).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE', retry: 'never' });
    await expect(identity).rejects.toThrow(/not the one that was trusted/);
    const requestsOf = (stats: string): unknown => JSON.parse(stats).requests;
    expect(requestsOf(JSON.stringify(server.stats))).toBe(requestsOf(before));
  });

  test('is used when its certificate is given as an authority', async () => {
    const replica = await opening({ caPem: pair.cert });
    await put(replica, 'authority.txt', 'x');
  });

  test('shows its certificate before anything is trusted', async () => {
    expect(await lookAtCertificate(server.url)).toMatchObject({
      fingerprint: server.fingerprint,
      pin: expect.stringMatching(/^spki:(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      subject: 'Ferry companion server',
      problem: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
  });

  test('is used when its key is pinned, and another one is not', async () => {
    const { pin } = await lookAtCertificate(server.url);
    await (await opening({ pinnedFingerprint: pin })).identify();
    const other = opening({ pinnedFingerprint: pin.replace(/[0-9A-F]{2}$/, '00') });
    await expect((await other).identify()).rejects.toMatchObject({ retry: 'never' });
    const mixed = opening({ pinnedFingerprint: `spki:${server.fingerprint}` });
    await expect((await mixed).identify()).rejects.toMatchObject({ retry: 'never' });
  });

  test('that is for another name is refused, although its authority is trusted', async () => {
    const elsewhere = await serve({ ...SERVED, directory, host: '127.0.0.2', tls: pair });
    const replica = await opening({ caPem: pair.cert }, elsewhere.url);
    const identity = replica.identify();
    await expect(identity).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE', retry: 'never' });
    await expect(identity).rejects.toThrow(/for another name/);
    await elsewhere.close();
  });

  test('that has expired is refused with its authority, and used with its pin', async () => {
    const old = await generateTlsPair(Date.now() - 11 * 365 * 24 * 3600_000);
    const expired = await serve({ ...SERVED, directory, tls: old });
    const byAuthority = (await opening({ caPem: old.cert }, expired.url)).identify();
    await expect(byAuthority).rejects.toThrow(/not valid today/);
    const { pin } = await lookAtCertificate(expired.url);
    await (await opening({ pinnedFingerprint: pin }, expired.url)).identify();
    await expired.close();
  });
});

describe('a pinned server whose certificate is swapped while a client is at work', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ferry-tls-swap-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('is spoken to as long as the key is the same, and to nobody else', async () => {
    const first = await generateTlsPair(Date.now());
    let server = await serve({ ...SERVED, directory, tls: first });
    const { port, url } = server;
    const { pin } = await lookAtCertificate(url);
    const replica = await openWebdavReplica({
      url,
      ownerId: 'tests',
      credentials: { user: 'anna', password: 'secret' },
      probe: WELL_BEHAVED,
      clock: realClock,
      logger: quietLogger,
      tls: { pinnedFingerprint: pin },
    });
    await put(replica, 'first.txt', 'x');

    await server.close();
    const renewed = await generateTlsPair(Date.now(), first.key);
    server = await serve({ ...SERVED, directory, port, tls: renewed });
    expect(server.fingerprint).not.toBe(fingerprintOf(first.cert));
    await put(replica, 'second.txt', 'x');

    await server.close();
    server = await serve({ ...SERVED, directory, port, tls: await generateTlsPair(Date.now()) });
    const refused = put(replica, 'third.txt', 'x');
    await expect(refused).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE', retry: 'never' });
    await expect(refused).rejects.toThrow(/not the one that was trusted.*Nothing was sent/);
    expect(server.stats.requests).toBe(0);
    await replica.close();
    await server.close();
  });
});

describe('the sources', () => {
  test('switch the check of certificates off in one file only, which compares pins', async () => {
    const offending: string[] = [];
    for (const folder of ['cli', 'core', 'daemon', 'fs-adapter', 'remotes', 'server', 'tray'])
      for (const name of await readdir(folder, { recursive: true })) {
        if (!/\.m?ts$/.test(name)) continue;
        const text = await readFile(join(folder, name), 'utf8');
        if (/rejectUnauthorized|NODE_TLS_REJECT/.test(text)) offending.push(join(folder, name));
      }
    expect(offending).toEqual([join('remotes', 'webdav', 'tls.ts')]);
  });
});
