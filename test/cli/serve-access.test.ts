import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ferryInProcess } from '../support/ferry-in-process.ts';
import { type FerryProcess, startFerry } from '../support/run-ferry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

// Many of these run at once on small machines.
jest.setTimeout(60_000);

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let at: (name: string) => string;
let server: FerryProcess | null = null;

const ferry = (...args: readonly string[]) => ferryInProcess(at('home'), folder.path)(...args);
const json = async (...args: readonly string[]) =>
  JSON.parse((await ferry('--json', ...args)).stdout.trim().split('\n').at(-1) ?? 'null');

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-serve-access');
  at = (name) => join(folder.path, name);
  await mkdir(at('served'));
  await writeFile(at('password'), 'correct horse\n');
});
afterEach(async () => {
  server?.child.kill('SIGTERM');
  await server?.result;
  server = null;
  await folder.close();
});

describe('ferry serve users and ferry serve tokens', () => {
  it('keep who may do what in a private file, without any secret in it', async () => {
    const root = ['--root', '/team/ann/', '--in', at('served')];
    const password = ['--password-file', at('password')];
    expect((await ferry('serve', 'users', 'add', 'ann', ...root, ...password)).code).toBe(0);
    expect((await ferry('serve', 'users', 'add', 'bob', '--read-only')).code).toBe(0);
    expect(await json('serve', 'users', 'list')).toEqual([
      { name: 'ann', root: 'team/ann', readOnly: false, password: true, tokens: 0 },
      { name: 'bob', root: '', readOnly: true, password: false, tokens: 0 },
    ]);
    expect((await stat(at('served/team/ann'))).isDirectory()).toBe(true);
    const limits = ['--root', 'photos', '--read-only', '--expires', '90d'];
    const made = await json('serve', 'tokens', 'add', 'ann', '--name', 'phone', ...limits);
    expect(made).toMatchObject({ user: 'ann', name: 'phone', root: 'photos', readOnly: true });
    expect(made.expiresMs - made.createdMs).toBe(90 * 86_400_000);
    expect(made.token).toMatch(/^ferry_[a-z2-7]{32}$/);
    const [file = ''] = (await readdir(at('home/server'))).filter((name) =>
      name.startsWith('access'),
    );
    const text = await readFile(join(at('home/server'), file), 'utf8');
    expect(text).not.toContain('correct horse');
    expect(text).not.toContain(made.token);
    expect((await stat(join(at('home/server'), file))).mode & 0o777).toBe(0o600);
    const [listed] = await json('serve', 'tokens', 'list', 'ann');
    expect(listed).toMatchObject({ id: made.id, name: 'phone', lastUsedMs: null });
    expect(JSON.stringify(listed)).not.toContain(made.token);
  });

  it('change and end what was allowed, and say what is not there', async () => {
    await ferry('serve', 'users', 'add', 'ann', '--read-only');
    const { id } = await json('serve', 'tokens', 'add', 'ann', '--name', 'phone');
    await ferry('serve', 'users', 'edit', 'ann', '--read-write', '--root', 'x');
    expect(await json('serve', 'users', 'list')).toMatchObject([
      { name: 'ann', root: 'x', readOnly: false, tokens: 1 },
    ]);
    expect((await ferry('serve', 'tokens', 'revoke', id)).code).toBe(0);
    expect(await json('serve', 'tokens', 'list')).toEqual([]);
    await ferry('serve', 'tokens', 'add', 'ann', '--name', 'tablet');
    expect((await ferry('serve', 'users', 'remove', 'ann')).code).toBe(0);
    expect(await json('serve', 'users', 'list')).toEqual([]);
    for (const wrong of [
      ['users', 'remove', 'ann'],
      ['users', 'edit', 'ann', '--read-only'],
      ['users', 'add', 'a:b'],
      ['users', 'add', 'eve', '--root', '../up'],
      ['users', 'add', 'eve', '--root', '.ferry'],
      ['tokens', 'add', 'ann', '--name', 'x'],
      ['tokens', 'revoke', 'ffff'],
      ['tokens', 'list', 'ann'],
      // A flag of `serve` between the words would otherwise go unheeded.
      ['--read-only', 'users', 'add', 'eve'],
    ])
      expect([wrong, (await ferry('serve', ...wrong)).code]).toEqual([wrong, 2]);
  });

  it('are noticed by a server that runs', async () => {
    await ferry('serve', 'users', 'add', 'ann', '--root', 'home', '--in', at('served'));
    server = startFerry(at('home'), ['serve', at('served'), '--listen', '127.0.0.1:0', '--no-tls']);
    const url = (await server.line(/^serving /)).split(' ').at(-1) ?? '';
    const { id, token } = await json('serve', 'tokens', 'add', 'ann', '--name', 'phone');
    const statusOf = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      // A request that is under way when its token is revoked is cut.
      const answer = await fetch(`${url}a`, { method: 'PUT', headers, body: 'a' }).catch(
        () => null,
      );
      return answer?.status ?? 499;
    };
    const until = async (wanted: (status: number) => boolean): Promise<void> => {
      for (let tries = 0; tries < 100; tries++) {
        if (wanted(await statusOf())) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error('the server did not notice');
    };
    await until((status) => status < 300);
    expect(await readFile(at('served/home/a'), 'utf8')).toBe('a');
    await ferry('serve', 'tokens', 'revoke', id);
    await until((status) => status === 401 || status === 429);
  });
});
