import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiPair } from '../../daemon/api.ts';
import { isMountAvailable } from '../../fs-adapter/mount/choose-kind.ts';
import { differences, listTree, makeTree, type TreeListing } from '../support/file-trees.ts';
import { runFerry } from '../support/run-ferry.ts';
import { companion } from '../support/servers/companion.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const QUEUE_TIMEOUT_MS = 60_000;
/** What editors and git leave for a moment, and what stays on this side by the default ignore rules. */
const STAYS_HERE = ['.ferry'];

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: RealServer;
let home: string;
let drive: string;
let outside: string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-drive');
  server = await companion().start();
  home = join(folder.path, 'home');
  drive = join(folder.path, 'drive');
  outside = join(folder.path, 'outside');
  for (const path of [drive, outside]) await mkdir(path);
});

afterEach(async () => {
  await runFerry(home, ['unmount', drive, '--lazy']);
  await runFerry(home, ['daemon', 'stop']);
  await server.close();
  await folder.close();
});

/** Runs a line of shell beside this process: a synchronous call on one's own mount would never come back. */
async function shell(line: string): Promise<string> {
  const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', HOME: folder.path };
  const { stdout } = await run('/bin/sh', ['-ec', line], {
    cwd: folder.path,
    env: environment,
    timeout: 60_000,
  });
  return stdout;
}

async function driveState(): Promise<ApiPair> {
  const result = await runFerry(home, ['status', '--json']);
  const { pairs } = JSON.parse(result.stdout) as { pairs: readonly ApiPair[] };
  const [state] = pairs;
  if (!state) throw new Error(`no drive in ${result.stdout}`);
  return state;
}

/** Lists the drive from another process, as `listTree` would. */
async function listDrive(): Promise<TreeListing> {
  const script = join(folder.path, 'list.mjs');
  const module = new URL('../support/file-trees.js', import.meta.url).href;
  await shell(
    `printf '%s' "import { listTree } from '${module}'; console.log(JSON.stringify(await listTree(process.argv[2], { times: 'ms' })))" > list.mjs`,
  );
  const { stdout } = await run(process.execPath, [script, drive], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as TreeListing;
}

/** Waits until nothing waits to be uploaded and both sides are the same. */
async function settled(): Promise<void> {
  const deadline = Date.now() + QUEUE_TIMEOUT_MS;
  let found: readonly string[] = [];
  for (;;) {
    const { pendingUploads, running } = await driveState();
    if ((pendingUploads ?? 0) === 0 && !running) {
      const there = await listTree(server.directory, { times: 'ms', without: STAYS_HERE });
      found = differences(await listDrive(), there);
      if (found.length === 0) return;
    }
    if (Date.now() > deadline) break;
    await sleep(300);
  }
  throw new Error(`the sides still differ: ${found.slice(0, 10).join('\n')}`);
}

const SHOWN = [
  { name: 'mounted', flags: [], needsMount: true },
  { name: 'as a watched folder', flags: ['--fallback'], needsMount: false },
] as const;

const available = await isMountAvailable();
const isRequired = process.env['FERRY_REQUIRE_FUSE'] === '1';

describe.each(SHOWN)('a drive, $name', ({ flags, needsMount }) => {
  const reason = needsMount && !available.available && !isRequired ? available.reason : null;
  if (reason !== null) process.stderr.write(`skipped: mounted drive: ${reason}\n`);
  const test = reason === null ? it : it.skip;

  test('takes what people do with files, and the server ends up byte-identical, times included', async () => {
    await makeTree(join(server.directory, 'given'), 40);
    await makeTree(outside, 30, 5);
    const mounted = await runFerry(home, ['mount', server.url, drive, ...flags]);
    expect([mounted.code, mounted.stderr]).toEqual([0, expect.any(String)]);
    await settled();
    expect(await shell('ls -lR drive | grep -c file')).toBe('40\n');

    await shell('cp -a outside drive/copied-in && cp -a drive/given copied-out');
    const given = await listTree(join(server.directory, 'given'), { times: 'ms' });
    const out = await listTree(join(folder.path, 'copied-out'), { times: 'ms' });
    expect(differences(out, given)).toEqual([]);
    await shell(
      'cd drive && git init -q repository && cd repository && echo one > a.txt && git add . && ' +
        'git -c user.name=n -c user.email=e@x commit -qm first && git status --porcelain',
    );
    await shell("cd drive/given && echo before > 'safe save.txt'");
    await shell("cd drive/given && vi -es -u NONE -c 'normal ihello ' -c wq 'safe save.txt'");
    await shell(
      "printf 'written\\n' > drive/given/note.txt && sed -i s/written/saved/ drive/given/note.txt",
    );
    await shell("mv 'drive/copied-in/dir 1' 'drive/renamed dir' && rm -r 'drive/copied-in/dir 2'");
    await settled();

    const names = (await readdir(server.directory, { recursive: true })).map(String);
    expect(names).toContain('repository/.git/HEAD');
    expect(names.some((path) => path.startsWith('renamed dir/'))).toBe(true);
    expect(names.some((path) => path.startsWith('copied-in/dir 2'))).toBe(false);
    expect(names.filter((path) => /\.sw[a-p]$|~$|4913|ferry-tmp/.test(path))).toEqual([]);
    expect(await shell(`cat '${server.directory}/given/note.txt'`)).toBe('saved\n');
    expect(await shell(`cat '${server.directory}/given/safe save.txt'`)).toBe('hello before\n');
    expect(
      await shell('cd drive/repository && git fsck --strict 2>&1 && git log --oneline | wc -l'),
    ).toMatch(/1\n$/);
  }, 180_000);

  test('goes on with each remote where it was left, when several are mounted at one place in turn', async () => {
    const other = join(folder.path, 'other');
    await mkdir(other);
    await shell(`echo server > '${server.directory}/which' && echo other > other/which`);
    for (const [remote, expected] of [
      [server.url, 'server'],
      [other, 'other'],
      [server.url, 'server'],
    ] as const) {
      const mounted = await runFerry(home, ['mount', remote, drive, ...flags]);
      if (flags.length > 0 && remote === other) {
        // What the first one brought stays in a folder, and must not be uploaded to the second one.
        expect([mounted.code, mounted.stderr]).toEqual([1, expect.stringContaining('not empty')]);
        expect(await readdir(other)).toEqual(['which']);
        continue;
      }
      expect([mounted.code, mounted.stderr]).toEqual([0, expect.any(String)]);
      expect(await shell('cat drive/which')).toBe(`${expected}\n`);
      await runFerry(home, ['unmount', drive]);
    }
    const { code, stderr } = await runFerry(home, ['pair', 'add', join(outside, 'drive'), other]);
    expect([code, stderr]).toEqual([0, '']);
    const status = await runFerry(home, ['status', '--json']);
    // The drive's place among the records is not given away.
    const [pair] = JSON.parse(status.stdout).pairs as readonly ApiPair[];
    expect(pair?.name).toMatch(/^drive-\d$/);
  }, 120_000);

  test('shows what the server gets from others', async () => {
    await runFerry(home, ['mount', server.url, drive, ...flags]);
    await shell(`echo new > '${server.directory}/from-elsewhere.txt'`);
    await runFerry(home, ['sync']);
    expect(await shell('cat drive/from-elsewhere.txt')).toBe('new\n');
  }, 60_000);
});
