import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { hashPassword } from '../../../server/users.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { runProgram, testWith } from '../support/client-programs.ts';
import { type Fixture, startServer } from '../support/running-server.ts';

const check = testWith('cadaver');

let site: Fixture;
let work: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  const users = [{ name: 'ann', passwordHash: await hashPassword('pass') }];
  site = await startServer({ users });
  work = await temporaryDirectory('ferry-cadaver');
  const netrc = 'machine 127.0.0.1 login ann password pass\n';
  await writeFile(join(work.path, '.netrc'), netrc, { mode: 0o600 });
  await writeFile(join(work.path, 'local.txt'), 'a text');
});

afterAll(async () => {
  await site.close();
  await work.close();
});

async function cadaver(...commands: readonly string[]): Promise<string> {
  const input = [...commands, 'quit', ''].join('\n');
  const options = { input, cwd: work.path, env: { HOME: work.path }, timeoutMs: 30_000 };
  const { stdout, stderr } = await runProgram('cadaver', [site.server.url], options);
  return stdout + stderr;
}

describe('cadaver', () => {
  check(
    'puts, lists, copies, moves, gets and removes',
    async () => {
      const said = await cadaver(
        'mkcol dir',
        'put local.txt dir/one.txt',
        'copy dir/one.txt dir/two.txt',
        'move dir/two.txt dir/three.txt',
        'ls dir',
        'get dir/three.txt back.txt',
        'delete dir/one.txt',
        'mkcol gone',
        'rmcol gone',
      );
      expect(said).not.toMatch(/fail|error/i);
      expect(said).toMatch(/three\.txt\s+6/);
      expect(await readFile(join(work.path, 'back.txt'), 'utf8')).toBe('a text');
      expect(await readdir(site.at('dir'))).toEqual(['three.txt']);
      expect(await readdir(site.directory)).not.toContain('gone');
    },
    40_000,
  );

  check(
    'locks a file against others, writes it itself, and gives it back',
    async () => {
      await writeFile(site.at('locked.txt'), 'before');
      const write = (): Promise<number> =>
        site
          .ask('PUT', '/locked.txt', { authorization: `Basic ${btoa('ann:pass')}` }, 'other')
          .then(({ status }) => status);
      const said = await cadaver(
        'lock locked.txt',
        'discover locked.txt',
        'put local.txt locked.txt',
        `!${process.execPath} -e 1`,
      );
      expect(said).toMatch(/Locking .*succeeded/);
      expect(said).toMatch(/urn:uuid:/);
      expect(await readFile(site.at('locked.txt'), 'utf8')).toBe('a text');
      // The program ended and left its lock behind.
      expect(await write()).toBe(423);
      expect(await cadaver('steal locked.txt', 'unlock locked.txt')).not.toMatch(/fail/i);
      expect(await write()).toBe(204);
    },
    40_000,
  );

  check(
    'sets and reads properties of its own',
    async () => {
      await writeFile(site.at('props.txt'), '');
      const said = await cadaver('propset props.txt colour blue', 'propget props.txt colour');
      expect(said).toMatch(/colour.*blue/s);
    },
    40_000,
  );
});
