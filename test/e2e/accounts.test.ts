import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type RunningServer, serve } from '../../server/serve.ts';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { quietLogger } from '../support/quiet.ts';
import { temporaryDirectory } from '../support/temporary.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let at: (name: string) => string;
let server: RunningServer;

const ferry = (...args: readonly string[]) => ferryInProcess(at('home'), folder.path)(...args);
const admin = (...args: readonly string[]) => ferryInProcess(at('admin'), folder.path)(...args);
const FILES = ['1.txt', '2.txt', '3.txt'];

/** Runs the pair until it ends with that code: the server notices changes of accounts a moment later. */
async function syncEndsWith(code: number): Promise<string> {
  let last: Awaited<ReturnType<typeof ferry>> = { code: null, stdout: '', stderr: '' };
  for (let tries = 0; tries < 50 && last.code !== code; tries++) {
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    last = await ferry('sync', 'docs');
  }
  expect([last.code, last.stderr]).toEqual([code, expect.anything()]);
  return last.stderr;
}

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-accounts');
  at = (name) => join(folder.path, name);
  await mkdir(at('served'));
  await mkdir(at('docs'));
  for (const name of FILES) await writeFile(at(`docs/${name}`), name);
  await admin('serve', 'users', 'add', 'ann', '--root', 'team/ann', '--in', 'served');
  const { stdout } = await admin('serve', 'tokens', 'add', 'ann', '--name', 'laptop');
  await writeFile(at('token'), stdout);
  server = await serve({
    directory: at('served'),
    host: '127.0.0.1',
    port: 0,
    users: null,
    accessFile: at('admin/server/access.json'),
    tls: 'generated',
    stateDirectory: at('admin/server'),
    logger: quietLogger,
  });
  const signIn = ['--user', 'ann', '--password-file', 'token'];
  const trust = ['--fingerprint', server.fingerprint ?? ''];
  expect((await ferry('remote', 'add', 'work', server.url, ...signIn, ...trust)).code).toBe(0);
  await ferry('pair', 'add', 'docs', 'work', '--name', 'docs', '--direction', 'two-way');
  await syncEndsWith(0);
});
afterEach(async () => {
  await server.close();
  await folder.close();
});

describe('a pair whose account on the server changes', () => {
  it('is in the root of its user', async () => {
    expect((await readdir(at('served/team/ann'))).sort()).toEqual(FILES);
    expect((await readdir(at('served'))).sort()).toEqual(['.ferry', 'team']);
  });

  it('is stopped, and loses nothing, when the account is pointed to another directory', async () => {
    await admin('serve', 'users', 'edit', 'ann', '--root', 'team/empty', '--in', 'served');
    expect(await syncEndsWith(12)).toContain('not the one that was synced before');
    expect((await readdir(at('docs'))).filter((name) => name.endsWith('.txt'))).toEqual(FILES);
    expect(await readdir(at('served/team/empty'))).toEqual([]);
    await admin('serve', 'users', 'edit', 'ann', '--root', 'team/ann');
    await syncEndsWith(0);
  });

  it('waits, and loses nothing, while the directory is missing', async () => {
    await rm(at('served/team/ann'), { recursive: true });
    await syncEndsWith(5);
    expect((await readdir(at('docs'))).filter((name) => name.endsWith('.txt'))).toEqual(FILES);
  });

  it('asks to sign in when its token is revoked, and goes on with another one', async () => {
    const { stdout } = await admin('serve', 'tokens', 'list', '--json');
    await admin('serve', 'tokens', 'revoke', JSON.parse(stdout)[0].id);
    await syncEndsWith(13);
    await writeFile(at('docs/1.txt'), 'changed');
    await writeFile(
      at('token'),
      (await admin('serve', 'tokens', 'add', 'ann', '--name', 'laptop')).stdout,
    );
    const edit = ['remote', 'edit', 'work', '--user', 'ann', '--password-file', 'token'];
    for (let tries = 0; tries < 50 && (await ferry(...edit)).code !== 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await syncEndsWith(0);
    expect(await readFile(at('served/team/ann/1.txt'), 'utf8')).toBe('changed');
  });

  it('tells which files it may not change when it may only read', async () => {
    await admin('serve', 'users', 'edit', 'ann', '--read-only');
    await writeFile(at('docs/1.txt'), 'changed');
    await syncEndsWith(1);
    expect(await readFile(at('docs/1.txt'), 'utf8')).toBe('changed');
    expect(await readFile(at('served/team/ann/1.txt'), 'utf8')).toBe('1.txt');
  });
});
