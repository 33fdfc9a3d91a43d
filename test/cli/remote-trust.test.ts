import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type RunningServer, serve } from '../../server/serve.ts';
import { generateTlsPair, type TlsPair } from '../../server/tls.ts';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { quietLogger } from '../support/quiet.ts';
import { temporaryDirectory } from '../support/temporary.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let at: (name: string) => string;
let server: RunningServer | null = null;

const ferry = (...args: readonly string[]) =>
  ferryInProcess(at('home'), folder.path)(...args, '--no-probe');
const YEARS_MS = 365 * 24 * 3600_000;

async function start(pair: TlsPair): Promise<RunningServer> {
  const place = { directory: at('served'), host: '127.0.0.1', port: server?.port ?? 0 };
  server = await serve({ ...place, users: null, tls: pair, logger: quietLogger });
  return server;
}

const keptFingerprint = async () =>
  JSON.parse(await readFile(at('home/config.json'), 'utf8')).remotes.work.fingerprint;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-trust');
  at = (name) => join(folder.path, name);
  await mkdir(at('served'));
  await writeFile(at('served/one.txt'), 'one');
});
afterEach(async () => {
  await server?.close();
  server = null;
  await folder.close();
});

describe('ferry remote add for a server with a certificate of its own', () => {
  it('shows the fingerprint, and goes no further where nobody can be asked', async () => {
    const { fingerprint, url, stats } = await start(await generateTlsPair(Date.now()));
    const { code, stderr } = await ferry('remote', 'add', 'work', url);
    expect([code, stderr]).toEqual([2, expect.stringContaining(fingerprint ?? 'none')]);
    expect(stderr).toMatch(/--fingerprint/);
    expect(stats.requests).toBe(0);
    await expect(readFile(at('home/config.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['as it is printed', (fingerprint: string) => fingerprint],
    ['as openssl prints it', (fingerprint: string) => `sha256 Fingerprint=${fingerprint}`],
    ['in lower case without colons', (f: string) => f.replaceAll(':', '').toLowerCase()],
  ])('takes the fingerprint %s, and pins the key', async (_, spelled) => {
    const { fingerprint, url } = await start(await generateTlsPair(Date.now()));
    const flag = ['--fingerprint', spelled(fingerprint ?? '')];
    expect((await ferry('remote', 'add', 'work', url, ...flag)).code).toBe(0);
    expect(await keptFingerprint()).toMatch(/^spki:/);
  });

  it('sends nothing when the fingerprint is another one, and says what that may mean', async () => {
    const { url, stats } = await start(await generateTlsPair(Date.now()));
    const other = Array.from({ length: 32 }, () => 'AB').join(':');
    const { code, stderr } = await ferry('remote', 'add', 'work', url, '--fingerprint', other);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/someone may be in between/)]);
    expect(stats.requests).toBe(0);
    expect((await ferry('remote', 'add', 'work', url, '--fingerprint', 'AB:CD')).code).toBe(2);
    const plain = url.replace('https:', 'http:');
    expect((await ferry('remote', 'add', 'work', plain, '--fingerprint', other)).code).toBe(2);
  });

  it('goes on after the certificate was renewed with the same key, and stops at another key', async () => {
    const first = await generateTlsPair(Date.now());
    const { url } = await start(first);
    await ferry('remote', 'add', 'work', url, '--yes');
    const sync = () =>
      ferryInProcess(at('home'), folder.path)(
        'sync',
        at('local'),
        'work',
        '--direction',
        'two-way',
      );
    await mkdir(at('local'));
    expect((await sync()).code).toBe(0);

    await server?.close();
    await start(await generateTlsPair(Date.now(), first.key));
    expect((await sync()).code).toBe(0);

    await server?.close();
    const { stats } = await start(await generateTlsPair(Date.now()));
    const stopped = await sync();
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/not the one that was trusted before.*Nothing was sent/);
    expect(stopped.stderr).toContain('ferry remote edit NAME --trust-certificate');
    expect(stats.requests).toBe(0);
    const { fingerprint } = server ?? {};
    const edit = ['remote', 'edit', 'work', '--fingerprint', fingerprint ?? ''];
    expect((await ferryInProcess(at('home'), folder.path)(...edit)).code).toBe(0);
    expect((await sync()).code).toBe(0);
  });

  it('trusts an expired one only by its fingerprint', async () => {
    const { url, fingerprint } = await start(await generateTlsPair(Date.now() - 11 * YEARS_MS));
    const refused = await ferry('remote', 'add', 'work', url, '--yes');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('has expired')]);
    const flag = ['--fingerprint', fingerprint ?? ''];
    expect((await ferry('remote', 'add', 'work', url, ...flag)).code).toBe(0);
  });
});
