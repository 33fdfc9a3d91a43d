import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isNativeAvailable } from '../../native/index.ts';
import { hashPassword } from '../../server/users.ts';
import { type Fixture, startServer } from './support/running-server.ts';

const SUITES: readonly (readonly [suite: string, tests: number])[] = [
  ['basic', 16],
  ['copymove', 13],
  ['props', 30],
  ['locks', 41],
  ['http', 4],
];

const isInstalled = spawnSync('litmus', ['--version']).status === 0;
const { FERRY_REQUIRE_SERVERS } = process.env;
const isRequired = FERRY_REQUIRE_SERVERS === '1';
if (!isInstalled && !isRequired)
  process.stderr.write('skipped: litmus (Debian package litmus) is not installed\n');

function run(site: Fixture, suite: string, cwd: string): Promise<string> {
  const environment = { ...process.env, TESTS: suite };
  const args = ['-k', site.server.url, 'ann', 'pass'];
  return new Promise((resolve) => {
    const options = { cwd, env: environment, timeout: 60_000 };
    execFile('litmus', args, options, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

describe.each(isNativeAvailable() ? ['native', 'javascript'] : ['javascript'])(
  'litmus, the conformance suite of WebDAV, on the %s backend',
  (backend) => {
    let site: Fixture;
    let cwd: string;

    beforeAll(async () => {
      cwd = await mkdtemp(join(tmpdir(), 'ferry-litmus-'));
      const users = [{ name: 'ann', passwordHash: await hashPassword('pass') }];
      site = await startServer({ users, backend: backend === 'native' ? 'native' : 'javascript' });
    });

    afterAll(async () => {
      await site.close();
      await rm(cwd, { recursive: true, force: true });
    });

    const check = isInstalled || isRequired ? test : test.skip;

    check.each(SUITES)(
      'passes all tests of the suite %s',
      async (suite, tests) => {
        const output = await run(site, suite, cwd);
        expect(output).toContain(`of ${tests} tests run: ${tests} passed, 0 failed`);
        expect(output).not.toMatch(/WARNING/i);
      },
      70_000,
    );
  },
);
