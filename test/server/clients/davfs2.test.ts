import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { makeTree } from '../../../bench/trees.ts';
import { isReadable } from '../../support/servers/real-server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { isLong, report, runProgram, testWith } from '../support/client-programs.ts';
import { type Fixture, startServer } from '../support/running-server.ts';

const FILES = isLong ? 10_000 : 60;
const TIMEOUT_MS = isLong ? 1_500_000 : 90_000;
const canMount = process.getuid?.() === 0 && isReadable('/dev/fuse');
const check = testWith('mount.davfs', canMount ? null : 'davfs2 needs root and /dev/fuse');

let site: Fixture;
let work: Awaited<ReturnType<typeof temporaryDirectory>>;
let mountPoint: string;

beforeAll(async () => {
  site = await startServer();
  work = await temporaryDirectory('ferry-davfs2');
  mountPoint = join(work.path, 'mounted');
  await chmod(work.path, 0o755);
  await mkdir(mountPoint);
  const cache = join(work.path, 'cache');
  await mkdir(cache);
  await chmod(cache, 0o777); // the program gives up its rights for a user of its own
  const secrets = join(work.path, 'secrets');
  await writeFile(secrets, '', { mode: 0o600 });
  // Kernels since 6.16 read directories in larger pieces than the 16 KiB that davfs2 has room for by itself.
  const lines = [`cache_dir ${cache}`, `secrets ${secrets}`, 'ask_auth 0', 'buf_size 1024'];
  const quick = ['delay_upload 0', 'dir_refresh 1', 'file_refresh 0', 'use_locks 1'];
  await writeFile(join(work.path, 'davfs2.conf'), `${[...lines, ...quick].join('\n')}\n`);
}, TIMEOUT_MS);

afterAll(async () => {
  await sh('umount "$MOUNTED" 2>/dev/null || umount -l "$MOUNTED" 2>/dev/null || true');
  await site.close();
  await work.close();
}, TIMEOUT_MS);

async function mount(): Promise<void> {
  const options = `conf=${join(work.path, 'davfs2.conf')}`;
  const ended = await runProgram('mount.davfs', ['-o', options, site.server.url, mountPoint]);
  expect(ended).toMatchObject({ code: 0 });
}

/** Runs a shell on the mounted tree; this process must not touch it, as it has to answer it. */
async function sh(script: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram('sh', ['-e', '-c', script], {
    env: { MOUNTED: mountPoint, WORK: work.path },
    timeoutMs: TIMEOUT_MS,
  });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

/** What is uploaded late is on the server when this returns. */
const unmount = (): Promise<string> => sh('umount "$MOUNTED" >/dev/null');

describe('davfs2', () => {
  check(
    'writes, renames, deletes and reads through a mounted tree',
    async () => {
      await mount();
      await sh(`cd "$MOUNTED"
        mkdir -p dir/sub; echo one > dir/one; echo two > 'dir/sub/two ü'
        mv dir/one dir/renamed; mv dir/sub dir/moved
        echo more >> dir/renamed
        echo x > dir/gone; rm dir/gone; mkdir dir/empty; rmdir dir/empty
        cp dir/renamed dir/copy; echo replaced > dir/copy`);
      expect(await sh('cd "$MOUNTED/dir" && cat renamed "moved/two ü" copy && ls')).toBe(
        'one\nmore\ntwo\nreplaced\ncopy\nmoved\nrenamed\n',
      );
      await unmount();
      expect((await readdir(site.at('dir'))).sort()).toEqual(['copy', 'moved', 'renamed']);
      expect(await readFile(site.at('dir/renamed'), 'utf8')).toBe('one\nmore\n');
      expect(await readFile(site.at('dir/copy'), 'utf8')).toBe('replaced\n');
      expect(await readFile(site.at('dir/moved/two ü'), 'utf8')).toBe('two\n');
    },
    TIMEOUT_MS,
  );

  check(
    `carries ${FILES} files each way, every byte the same`,
    async () => {
      const directories = Math.ceil((FILES * 6) / 100);
      const shape = { files: FILES, directories, medianBytes: 4096, meanBytes: 32_768, seed: 8 };
      makeTree(join(work.path, 'tree'), shape);
      await mount();
      const begun = performance.now();
      await sh('cp -r "$WORK/tree" "$MOUNTED/up"');
      await unmount();
      report(`davfs2: ${FILES} files up`, begun);
      const served = await runProgram('diff', ['-r', join(work.path, 'tree'), site.at('up')]);
      expect(served).toMatchObject({ code: 0, stdout: '' });
      await sh('rm -rf "$WORK/cache/"*'); // so that it reads from the server, not from what it kept
      await mount();
      const started = performance.now();
      await sh('cp -r "$MOUNTED/up" "$WORK/back"');
      report(`davfs2: ${FILES} files down`, started);
      await unmount();
      expect(await sh('diff -r "$WORK/tree" "$WORK/back"')).toBe('');
    },
    TIMEOUT_MS,
  );
});
