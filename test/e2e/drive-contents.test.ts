import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, open, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiCache } from '../../daemon/api.ts';
import { startFerry } from '../support/run-ferry.ts';
import { reasonWithoutDrive, ServedDrive } from '../support/served-drive.ts';
import { companion } from '../support/servers/companion.ts';

const KB = 1024;
const MB = 1024 * KB;

const reason = await reasonWithoutDrive(companion());
const describeMounted = reason === null ? describe : describe.skip;

let served: ServedDrive;

async function start(): Promise<void> {
  served = await ServedDrive.start(companion());
}

const end = (): Promise<void> => served.close();

/** Puts a file on the server: zeros, and text at one place. */
async function put(
  path: string,
  sizeBytes: number,
  at = 0,
  text = `this is ${path}`,
): Promise<void> {
  const file = join(served.server.directory, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, '');
  await truncate(file, sizeBytes);
  const handle = await open(file, 'r+');
  await handle.write(text, at);
  await handle.close();
}

async function cache(): Promise<ApiCache> {
  const found = (await served.state()).cache;
  if (found === undefined) throw new Error('the drive has no cache');
  return found;
}

/** What a failed line of shell says. */
async function failure(line: string): Promise<string> {
  return served.shell(line).then(
    () => 'it worked',
    (error: { stderr?: string }) => String(error.stderr),
  );
}

const isProcessKnown = process.env['FERRY_MOUNT_BACKEND'] !== 'fuse-native';
if (!isProcessKnown) process.stderr.write('skipped: fuse-native does not say which process asks\n');
const ifProcessIsKnown = isProcessKnown ? it : it.skip;

describeMounted('what of a drive is fetched', () => {
  beforeAll(async () => {
    await start();
    for (const path of ['film', 'shared', 'indexed']) await put(path, 24 * MB, 20 * MB);
    for (const path of ['moved', 'folder/inside']) await put(path, 4 * KB);
    await served.mount();
  }, 60_000);
  afterAll(end, 60_000);
  beforeEach(() => served.proxy.clear());

  it('64 KiB in the middle of a file cost one request and hardly more bytes', async () => {
    const read = await served.shell('dd if=film bs=64k skip=320 count=1 status=none | head -c 12');
    expect(read).toBe('this is film');
    expect(served.proxy.counts['GET']).toBe(1);
    expect(served.proxy.contentBytes.down).toBeLessThanOrEqual(256 * KB);
    const { down } = served.proxy.contentBytes;
    await served.until('counted', ({ cache: now }) => now?.storedBytes === down);
  }, 60_000);

  it('programs that read the same file at the same time share one download', async () => {
    const sums = await served.shell('for n in 1 2 3; do md5sum < shared & done; wait');
    expect(new Set(sums.trim().split('\n')).size).toBe(1);
    expect(served.proxy.contentBytes.down).toBe(24 * MB);
  }, 60_000);

  it('what a program has moved a moment ago can be read where it is now', async () => {
    expect(await served.shell('mv moved elsewhere && head -c 13 elsewhere')).toBe('this is moved');
    expect(await served.shell('mv folder other && head -c 21 other/inside')).toBe(
      'this is folder/inside',
    );
  }, 60_000);

  ifProcessIsKnown(
    'indexers get a little of each file, and others what they want',
    async () => {
      const indexer = join(served.directory, 'baloo_file');
      await copyFile('/bin/cat', indexer);
      await chmod(indexer, 0o755);
      expect(await failure(`${indexer} indexed > /dev/null`)).toContain('Permission denied');
      expect(served.proxy.contentBytes.down).toBeLessThanOrEqual(256 * KB);
      expect(await served.shell('tail -c 4194304 indexed | head -c 15')).toBe('this is indexed');
    },
    60_000,
  );
});

describeMounted('a drive whose daemon or server ends', () => {
  beforeEach(start);
  afterEach(end, 60_000);

  it('a killed daemon goes on with what had come', async () => {
    await put('film', 160 * MB, 159 * MB);
    await served.mount();
    const hydrating = startFerry(served.home, ['hydrate', join(served.drive, 'film'), '--json']);
    await hydrating.line(/"bytesDone":\d{7}/);
    const { stdout } = await served.ferry('daemon', 'status', '--json');
    process.kill((JSON.parse(stdout) as { pid: number }).pid, 'SIGKILL');
    expect((await hydrating.result).code).not.toBe(0);
    // It returns when the drive is there again.
    expect((await served.ferry('daemon', 'start')).code).toBe(0);
    await served.until('shown again', ({ cache: now }) => (now?.storedBytes ?? 0) > 0);
    const { storedBytes } = await cache();
    served.proxy.clear();
    const again = await served.ferry('hydrate', join(served.drive, 'film'), '--json');
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ files: 1 });
    expect(served.proxy.contentBytes.down).toBeLessThanOrEqual(160 * MB - storedBytes + 64 * KB);
    expect(await served.shell('tail -c 1048576 film | head -c 12')).toBe('this is film');
  }, 90_000);

  it('without the server, what is here can be read and what is not fails at once', async () => {
    await put('here', 2 * MB);
    await put('there', 2 * MB);
    await served.mount();
    await served.shell('cat here > /dev/null');
    await served.server.close();
    await served.proxy.close();
    const startedMs = Date.now();
    expect(await failure('cat there')).toContain('Input/output error');
    expect(Date.now() - startedMs).toBeLessThan(2_000);
    expect(await served.shell('head -c 12 here && ls')).toBe('this is herehere\nthere\n');
  }, 60_000);
});

describeMounted('what of a drive stays here', () => {
  beforeEach(start);
  afterEach(end, 60_000);

  it('is within the limit while three times as much is read and written', async () => {
    for (let n = 0; n < 24; n += 1) await put(`file-${n}`, MB);
    await served.mount('--cache-limit', '8MiB');
    const used: number[] = [];
    for (let n = 0; n < 24; n += 8) {
      await served.shell(`for n in {${n}..${n + 7}}; do cat file-$n > /dev/null; done`);
      used.push((await cache()).storedBytes);
    }
    for (let n = 0; n < 24; n += 6) {
      // What was just closed, or uploaded, is known to be so a moment later.
      await sleep(500);
      await served.shell(`for n in {${n}..${n + 5}}; do head -c 1048576 /dev/zero > new-$n; done`);
      await served.settled();
      used.push((await cache()).storedBytes);
    }
    // A file that was just closed may still look open for a moment.
    expect(Math.max(...used)).toBeLessThanOrEqual(9 * MB);
    expect(await readdir(served.server.directory)).toHaveLength(48 + 1);
    expect((await cache()).limitBytes).toBe(8 * MB);
  }, 120_000);

  it('is given back on request, except what must stay, which is named with the reason', async () => {
    for (const path of ['d/plain', 'd/open', 'd/kept/pinned']) await put(path, 100 * KB);
    await served.mount();
    await served.shell('cat d/plain d/open d/kept/pinned > /dev/null');
    expect((await served.ferry('pin', join(served.drive, 'd/kept'))).code).toBe(0);
    const holder = spawn('/bin/sh', ['-c', 'exec 3< d/open; echo open; exec sleep 30'], {
      cwd: served.drive,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await served.ferry('pause');
    await served.shell('echo changed > d/dirty');
    const freed = await served.ferry('free', join(served.drive, 'd'), '--json');
    holder.kill('SIGKILL');
    expect(freed.code).toBe(1);
    const report = JSON.parse(freed.stdout) as {
      freedFiles: number;
      kept: readonly { path: string; reason: string }[];
    };
    expect(report.freedFiles).toBe(1);
    expect(Object.fromEntries(report.kept.map(({ path, reason: why }) => [path, why]))).toEqual({
      'd/open': 'open',
      'd/kept/pinned': 'pinned',
      'd/dirty': 'dirty',
    });
    const plain = await served.ferry('free', join(served.drive, 'd/dirty'));
    expect([plain.code, plain.stderr]).toEqual([
      1,
      `ferry: ${join(served.drive, 'd/dirty')} stays: it is not uploaded yet\n`,
    ]);
    await served.ferry('resume');
  }, 60_000);

  it('is what is pinned, with what comes into it, until it is unpinned', async () => {
    await put('album/one', 2 * MB);
    for (let n = 0; n < 20; n += 1) await put(`notes/${n}`, 2 * KB);
    await put('other', 2 * MB);
    await served.mount();
    const album = join(served.drive, 'album');
    expect((await served.ferry('pin', album, '--wait')).stdout).toContain('1 file fetched');
    const notes = await served.ferry('hydrate', join(served.drive, 'notes'), '--json');
    expect(JSON.parse(notes.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ files: 20 });
    // Many small files come in one request.
    expect(served.proxy.counts['GET']).toBe(1);
    expect((await served.ferry('free', join(served.drive, 'notes'))).code).toBe(0);
    await put('album/new/two', 3 * MB);
    await served.until('both here', ({ cache: now }) => now?.storedBytes === 5 * MB);
    expect((await cache()).pinned).toBe(1);
    const status = await served.ferry('status');
    expect(status.stdout).toContain('5.2 MB on this device, 1 pinned');
    const unpinned = await served.ferry('unpin', album, join(served.drive, 'other'));
    expect([unpinned.code, unpinned.stdout]).toEqual([1, `unpinned ${album}\n`]);
    expect((await served.ferry('free', '--all')).stdout).toBe('2 files freed, 5.2 MB\n');
    expect(
      await served.shell(
        'getfattr --only-values -n user.ferry.state other 2>/dev/null || echo online',
      ),
    ).toMatch(/online/);
  }, 60_000);
});
