import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { makeTree } from '../../../bench/trees.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { type Ended, isLong, report, runProgram, testWith } from '../support/client-programs.ts';
import { type Fixture, startServer } from '../support/running-server.ts';

const check = testWith('rclone');
const FILES = isLong ? 10_000 : 200;
const TIMEOUT_MS = isLong ? 1_500_000 : 60_000;

let site: Fixture;
let work: Awaited<ReturnType<typeof temporaryDirectory>>;
let tree: string;

beforeAll(async () => {
  site = await startServer();
  work = await temporaryDirectory('ferry-rclone');
  tree = join(work.path, 'tree');
  const directories = Math.ceil((FILES * 6) / 100);
  makeTree(tree, { files: FILES, directories, medianBytes: 4096, meanBytes: 32_768, seed: 7 });
}, TIMEOUT_MS);

afterAll(async () => {
  await site.close();
  await work.close();
}, TIMEOUT_MS);

/** With the vendor's extensions: times by `X-OC-Mtime`, checksums by `OC-Checksum` and `oc:checksums`. */
function rclone(...args: readonly string[]): Promise<Ended> {
  const flags = ['--webdav-url', site.server.url, '--webdav-vendor', 'nextcloud', '--config', ''];
  return runProgram('rclone', [...args, ...flags, '--retries', '1'], {
    timeoutMs: TIMEOUT_MS,
    env: {
      RCLONE_CONFIG: '/dev/null',
      // Later versions cut large files into chunks for this vendor, at addresses that only Nextcloud has.
      RCLONE_WEBDAV_NEXTCLOUD_CHUNK_SIZE: '0',
      XDG_CACHE_HOME: work.path,
    },
  });
}

describe('rclone', () => {
  check(
    `copies ${FILES} files up and down, and finds them equal by checksums`,
    async () => {
      const begun = performance.now();
      const up = await rclone('copy', tree, ':webdav:up', '--transfers', '8');
      expect(up).toMatchObject({ code: 0 });
      report(`rclone: ${FILES} files up`, begun);
      const compared = await rclone('check', tree, ':webdav:up');
      expect(compared).toMatchObject({ code: 0 });
      expect(compared.stderr).toContain(`${FILES} matching files`);
      expect(compared.stderr).not.toContain('hashes could not be checked');
      const back = join(work.path, 'back');
      const started = performance.now();
      expect(await rclone('copy', ':webdav:up', back, '--transfers', '8')).toMatchObject({
        code: 0,
      });
      report(`rclone: ${FILES} files down`, started);
      for (const other of [back, site.at('up')])
        expect(await runProgram('diff', ['-r', tree, other])).toMatchObject({
          code: 0,
          stdout: '',
        });
      const again = await rclone('copy', tree, ':webdav:up', '-v');
      expect(again.stderr).toContain('There was nothing to transfer');
    },
    TIMEOUT_MS,
  );

  check(
    'moves, replaces, streams, reads parts, and removes',
    async () => {
      const file = join(work.path, 'file');
      await writeFile(file, 'content');
      expect(await rclone('copyto', file, ':webdav:ops/a b#%.txt')).toMatchObject({ code: 0 });
      expect(await rclone('moveto', ':webdav:ops/a b#%.txt', ':webdav:ops/ü/two')).toMatchObject({
        code: 0,
      });
      expect(await readFile(site.at('ops/ü/two'), 'utf8')).toBe('content');
      await writeFile(file, 'content that is new');
      expect(await rclone('copyto', file, ':webdav:ops/ü/two')).toMatchObject({ code: 0 });
      const part = await rclone('cat', ':webdav:ops/ü/two', '--offset', '8', '--count', '4');
      expect(part.stdout).toBe('that');
      expect(await rclone('moveto', ':webdav:ops/ü', ':webdav:ops/v')).toMatchObject({ code: 0 });
      const listed = await rclone('lsf', '-R', ':webdav:ops');
      expect(listed.stdout.trim().split('\n').sort()).toEqual(['v/', 'v/two']);
      expect(await rclone('purge', ':webdav:ops')).toMatchObject({ code: 0 });
      expect((await site.ask('GET', '/ops/')).status).toBe(404);
    },
    60_000,
  );
});
