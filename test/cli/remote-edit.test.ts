import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FerryProcess, runFerry, startFerry } from '../support/run-ferry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let at: (name: string) => string;
let server: FerryProcess | null = null;

const ferry = (...args: readonly string[]) => runFerry(at('home'), args);

/** Serves over TLS with a certificate of its own, and returns the URL. */
async function serve(password: string, port = 0): Promise<string> {
  await writeFile(at('server-password'), password);
  const signIn = ['--user', 'me', '--password-file', at('server-password')];
  server = startFerry(at('server-home'), [
    ...['serve', at('server'), '--listen', `127.0.0.1:${port}`],
    ...signIn,
  ]);
  return (await server.line(/^serving /)).split(' ').at(-1) ?? '';
}

async function stopServing(): Promise<void> {
  server?.child.kill('SIGTERM');
  await server?.result;
  server = null;
}

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-remote');
  at = (name) => join(folder.path, name);
  await mkdir(at('server'));
  await writeFile(at('server/one.txt'), 'one');
  await writeFile(at('password'), 'first');
});
afterEach(async () => {
  await stopServing();
  await folder.close();
});

describe('ferry remote edit', () => {
  it('takes a new certificate and a new password, and the pair goes on with its records', async () => {
    const url = await serve('first');
    const signIn = ['--user', 'me', '--password-file', at('password')];
    const added = await ferry('remote', 'add', 'work', url, ...signIn, '--yes');
    expect([added.code, added.stderr]).toEqual([0, expect.stringContaining('fingerprint')]);
    await ferry('pair', 'add', at('docs'), 'work', '--name', 'docs');
    expect((await ferry('sync', 'docs')).code).toBe(0);

    await stopServing();
    await rm(at('server-home'), { recursive: true });
    await serve('second', Number(new URL(url).port));
    const stopped = await ferry('sync', 'docs');
    expect(stopped.code).not.toBe(0);
    expect(stopped.stderr).toContain('not the one that was trusted before');
    expect(stopped.stderr).toContain('ferry remote edit NAME --trust-certificate');

    await writeFile(at('password'), 'second');
    const edited = await ferry('remote', 'edit', 'work', '--trust-certificate', ...signIn);
    expect([edited.code, edited.stdout]).toEqual([0, `changed the remote work: ${url}\n`]);
    const again = await ferry('sync', 'docs', '--json');
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      downloaded: 0,
      adopted: 0,
      problems: [],
    });
    expect(await readFile(at('docs/one.txt'), 'utf8')).toBe('one');
  }, 60_000);

  it('does not take a password that the server does not', async () => {
    const url = await serve('first');
    const signIn = ['--user', 'me', '--password-file', at('password')];
    await ferry('remote', 'add', 'work', url, ...signIn, '--yes');
    const before = await readFile(at('home/secrets.json'), 'utf8');
    await writeFile(at('password'), 'wrong');
    expect((await ferry('remote', 'edit', 'work', ...signIn)).code).toBe(13);
    expect(await readFile(at('home/secrets.json'), 'utf8')).toBe(before);
  }, 60_000);

  it('takes a new password alone, and status says how when the old one is refused', async () => {
    const url = await serve('first');
    const signIn = ['--user', 'me', '--password-file', at('password')];
    await ferry('remote', 'add', 'work', url, ...signIn, '--yes');
    await ferry('pair', 'add', at('docs'), 'work', '--name', 'docs');
    await stopServing();
    await serve('second', Number(new URL(url).port));
    expect((await ferry('sync', 'docs')).code).toBe(13);
    expect((await ferry('status')).stdout).toContain(
      'check user and password: ferry remote edit work --password-file FILE\n',
    );
    await writeFile(at('password'), 'second');
    const edited = await ferry('remote', 'edit', 'work', '--password-file', at('password'));
    expect([edited.code, edited.stderr]).toEqual([0, '']);
    expect((await ferry('sync', 'docs')).code).toBe(0);
  }, 60_000);

  it('says so when what answers does not speak TLS', async () => {
    const plain = startFerry(at('plain-home'), [
      ...['serve', at('server'), '--listen', '127.0.0.1:0', '--no-tls'],
    ]);
    const url = (await plain.line(/^serving /)).split(' ').at(-1) ?? '';
    const { code, stderr } = await ferry('remote', 'add', 'x', url.replace('http:', 'https:'));
    expect([code, stderr]).toEqual([5, expect.stringContaining('does not speak TLS')]);
    plain.child.kill('SIGTERM');
    await plain.result;
  }, 60_000);
});

describe('a remote whose name was changed in the configuration', () => {
  it('is not taken for a folder', async () => {
    await ferry('remote', 'add', 'disk', at('server'));
    await ferry('pair', 'add', at('docs'), 'disk', '--name', 'docs');
    const file = at('home/config.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"disk": {', '"disc": {'));
    const { code, stderr } = await ferry('sync', 'docs');
    expect([code, stderr]).toEqual([2, expect.stringContaining('no remote named disk any more')]);
  });
});
