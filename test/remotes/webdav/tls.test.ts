import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lookAtCertificate } from '../../../remotes/webdav/tls.ts';
import { openWebdavReplica, type WebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { type RunningServer, serve } from '../../../server/serve.ts';
import { generateTlsPair, type TlsPair } from '../../../server/tls.ts';
import { put } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { WELL_BEHAVED } from '../../support/servers/misbehaving.ts';

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
  ): Promise<WebdavReplica> {
    const replica = await openWebdavReplica({
      url: server.url,
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
    expect((await lookAtCertificate(server.url)).fingerprint).toBe(server.fingerprint);
  });
});
