import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DriveOfProcess, startDriveOfProcess } from '../support/drive-of-process.ts';
import { reasonWithoutMount, run } from '../support/mounted-drive.ts';
import { runFerry, startFerry } from '../support/run-ferry.ts';

let stage: DriveOfProcess;
let home: string;
let drive: string;
let served: string;
let server: DriveOfProcess['server'];

beforeEach(async () => {
  stage = await startDriveOfProcess('ferry-drive-life');
  ({ home, drive, served, server } = stage);
});

afterEach(() => stage.close(), 60_000);

const reason = await reasonWithoutMount();
const describeMounted = reason === null ? describe : describe.skip;

interface DaemonStatus {
  readonly pid: number;
  readonly supervisor: { readonly pid: number; readonly crashes: readonly unknown[] };
}

async function daemonStatus(): Promise<DaemonStatus> {
  const { stdout } = await runFerry(home, ['daemon', 'status', '--json']);
  return JSON.parse(stdout) as DaemonStatus;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** It is two seconds when the machine has nothing else to do: `npm run kill-drive` looks at that. */
const AWAY_MS = 8000;

/** Resolves with the milliseconds that it took until `holds` did. @throws Error after 20 s */
async function until(holds: () => Promise<boolean> | boolean): Promise<number> {
  const begunMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - begunMs > 20_000) throw new Error('it did not come to that');
    await sleep(10);
  }
  return performance.now() - begunMs;
}

const answers = async (file: string) => (await run('stat', [join(drive, file)])).code === 0;

describeMounted('a drive whose process dies', () => {
  it('is there again at once, with what was written and the same inode numbers', async () => {
    await writeFile(join(served, 'given.txt'), 'given');
    await runFerry(home, ['mount', server.url, drive]);
    await run('sh', ['-c', 'echo written > made.txt && sync made.txt && cat given.txt'], drive);
    const before = await run('ls', ['-i', drive]);
    const { pid, supervisor } = await daemonStatus();

    process.kill(pid, 'SIGKILL');
    await until(async () => !(await answers('made.txt')));
    expect(await until(() => answers('made.txt'))).toBeLessThan(AWAY_MS);
    expect(await run('ls', ['-i', drive])).toEqual(before);
    expect((await run('cat', [join(drive, 'made.txt')])).stdout).toBe('written\n');
    const after = await daemonStatus();
    expect(after.supervisor.pid).toBe(supervisor.pid);
    expect(after.supervisor.crashes).toMatchObject([{ pid, how: 'SIGKILL' }]);
    await runFerry(home, ['sync']);
    expect(await readFile(join(served, 'made.txt'), 'utf8')).toBe('written\n');
    const status = await runFerry(home, ['status']);
    expect(status.stderr).toContain('ended unexpectedly');
  }, 60_000);

  it('stays away when its daemon was asked to end, and nothing of it is left', async () => {
    await runFerry(home, ['mount', server.url, drive]);
    const { pid, supervisor } = await daemonStatus();
    // As systemd and `timeout` do: to both, and to one of them twice.
    for (const each of [supervisor.pid, pid, supervisor.pid]) process.kill(each, 'SIGTERM');
    await until(() => !isAlive(supervisor.pid));
    expect(await readFile(join(home, 'log', 'ferry.log'), 'utf8')).toContain('daemon stopped');
    expect((await runFerry(home, ['daemon', 'status'])).code).toBe(14);
    expect((await run('mountpoint', ['-q', drive])).code).not.toBe(0);
  }, 60_000);

  it('goes away with the process that watches over it', async () => {
    await runFerry(home, ['mount', server.url, drive]);
    const { pid, supervisor } = await daemonStatus();
    process.kill(supervisor.pid, 'SIGKILL');
    await until(() => !isAlive(pid));
    expect((await run('mountpoint', ['-q', drive])).code).not.toBe(0);
  }, 60_000);

  it('is given up after five times within a minute, and whoever asks hears of it', async () => {
    await runFerry(home, ['mount', server.url, drive]);
    const { supervisor } = await daemonStatus();
    for (let kill = 0; kill < 5; kill += 1) {
      await until(async () => (await runFerry(home, ['daemon', 'status'])).code === 0);
      process.kill((await daemonStatus()).pid, 'SIGKILL');
    }
    await until(() => !isAlive(supervisor.pid));
    expect((await run('mountpoint', ['-q', drive])).code).not.toBe(0);
    const status = await runFerry(home, ['status']);
    expect(status.stderr).toContain('ended unexpectedly 5 times');
    expect((await runFerry(home, ['daemon', 'start'])).code).toBe(0);
    expect((await runFerry(home, ['status'])).stderr).not.toContain('ended unexpectedly');
  }, 60_000);

  it('is there again in the foreground too, and Ctrl-C ends all of it', async () => {
    await writeFile(join(served, 'given.txt'), 'given');
    const mount = startFerry(home, ['mount', server.url, drive, '--foreground']);
    await mount.line(/Ctrl-C/);
    const { stdout } = await run('pgrep', ['-P', String(mount.child.pid)]);
    process.kill(Number(stdout), 'SIGKILL');
    try {
      await until(async () => !(await answers('given.txt')));
      expect(await until(() => answers('given.txt'))).toBeLessThan(AWAY_MS);
      await mount.line(/started again/);
    } finally {
      mount.child.kill('SIGINT');
    }
    expect((await mount.result).code).toBe(0);
    expect((await run('mountpoint', ['-q', drive])).code).not.toBe(0);
  }, 60_000);

  it('refuses a second process, and names the first one; in use it is not unmounted, and says by whom', async () => {
    await runFerry(home, ['mount', server.url, drive]);
    const { pid } = await daemonStatus();
    const second = await runFerry(home, ['mount', server.url, drive, '--foreground']);
    expect([second.code, second.stderr]).toEqual([15, expect.stringContaining(`pid ${pid}`)]);

    const user = spawn('sleep', ['60'], { cwd: drive, stdio: 'ignore' });
    const busy = await runFerry(home, ['unmount', drive]);
    expect([busy.code, busy.stderr]).toEqual([
      1,
      expect.stringContaining(`in use by sleep (pid ${user.pid})`),
    ]);
    const ended = once(user, 'exit');
    user.kill();
    await ended;
    expect((await runFerry(home, ['status'])).stdout).toMatch(
      /shown (natively|through fuse-native)/,
    );
    expect((await runFerry(home, ['unmount', drive])).code).toBe(0);
  }, 60_000);
});

describeMounted('a drive whose server is away', () => {
  it('comes up from its records, shows everything, and opens at once what is here and nothing else', async () => {
    await writeFile(join(served, 'here.txt'), 'read before');
    await writeFile(join(served, 'not-here.txt'), 'never read');
    expect((await runFerry(home, ['mount', server.url, drive])).stdout).toContain('shows');
    expect((await run('cat', [join(drive, 'here.txt')])).stdout).toBe('read before');
    await runFerry(home, ['daemon', 'stop']);
    await server.close();

    expect((await runFerry(home, ['daemon', 'start'])).code).toBe(0);
    expect((await run('ls', [drive])).stdout).toBe('here.txt\nnot-here.txt\n');
    expect((await run('cat', [join(drive, 'here.txt')])).stdout).toBe('read before');
    const missing = await run('cat', [join(drive, 'not-here.txt')]);
    expect([missing.code, missing.stdout]).toEqual([1, '']);
    await until(async () =>
      (await runFerry(home, ['status'])).stdout.includes('nothing listens there'),
    );

    await server.open(served);
    await runFerry(home, ['sync']);
    expect((await run('cat', [join(drive, 'not-here.txt')])).stdout).toBe('never read');
  }, 60_000);

  it('is not shown at all when it was never listed, and says why', async () => {
    await server.close();
    const { code, stderr } = await runFerry(home, ['mount', server.url, drive]);
    expect([code, stderr]).toEqual([5, expect.stringContaining('nothing listens there')]);
    expect((await run('mountpoint', ['-q', drive])).code).not.toBe(0);
    expect((await runFerry(home, ['status'])).stderr).toContain('there is no pair yet');
  }, 60_000);
});
