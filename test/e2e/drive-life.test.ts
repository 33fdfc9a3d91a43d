import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServerProcess } from '../crash/server-process.ts';
import { reasonWithoutMount, run } from '../support/mounted-drive.ts';
import { runFerry } from '../support/run-ferry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: ServerProcess;
let home: string;
let drive: string;
let served: string;

beforeEach(async () => {
  folder = await temporaryDirectory('ferry-drive-life');
  home = join(folder.path, 'home');
  drive = join(folder.path, 'drive');
  served = join(folder.path, 'served');
  await mkdir(served);
  server = new ServerProcess();
  await server.open(served);
});

afterEach(async () => {
  await runFerry(home, ['unmount', drive, '--lazy']);
  await runFerry(home, ['daemon', 'stop']);
  await server.stop();
  await folder.close();
}, 60_000);

const reason = await reasonWithoutMount();
const describeMounted = reason === null ? describe : describe.skip;

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
    const status = await runFerry(home, ['status']);
    expect(status.stdout).toContain('nothing listens there');

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
