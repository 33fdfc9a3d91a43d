import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { reasonWithoutDrive, ServedDrive } from '../support/served-drive.ts';
import { companion } from '../support/servers/companion.ts';

const reason = await reasonWithoutDrive(companion());
const keepsBytes = process.env['FERRY_MOUNT_BACKEND'] !== 'fuse-native';
if (!keepsBytes) process.stderr.write('skipped: fuse-native refuses names that are not UTF-8\n');
const describeMounted = reason === null && keepsBytes ? describe : describe.skip;

describeMounted('what is said about a drive', () => {
  let served: ServedDrive;
  const said = (text: string) => text.replaceAll(served.drive, 'DRIVE');

  beforeEach(async () => {
    served = await ServedDrive.start(companion());
    await mkdir(join(served.server.directory, 'odd'));
    await served.mount();
  });
  afterEach(() => served.close(), 60_000);

  it('names what stays on this device, where it is and what to do', async () => {
    await served.shell(`cd odd; for n in a b c latin; do echo 1 > "$(printf "$n\\\\351")"; done`);
    const sync = await served.ferry('sync', 'drive');
    expect(sync.stderr).toContain(
      'ferry: left alone: odd/latin\ufffd (local): its name is not UTF-8, so it is only on this device; rename it to have it synced\n',
    );
    const all = await served.ferry('status', 'drive');
    expect(all.stdout.match(/left alone: odd\//g)).toHaveLength(4);
    expect(said(all.stdout)).toContain('\n  at DRIVE, shown natively');
    const some = await served.ferry('status');
    expect(some.stdout).toMatch(
      /\n {2}4 problems\n( {4}left alone: odd\/.*\n){3} {4}and 1 more: ferry status drive\n/,
    );
    const { pairs } = JSON.parse((await served.ferry('status', '--json')).stdout);
    expect(pairs[0].problemList).toHaveLength(4);
    const why = await served.ferry('why', join(served.drive, 'odd'));
    expect(why.stdout).toContain('\nin it: 4 problem\n');
    const free = await served.ferry('free', join(served.drive, 'odd'));
    expect(said(free.stderr)).toContain(
      'ferry: DRIVE/odd/latin\ufffd stays: it is not uploaded yet\n',
    );
  }, 60_000);

  it('names the whole path of what is not there', async () => {
    for (const command of ['pin', 'unpin', 'hydrate', 'free']) {
      const { code, stderr } = await served.ferry(command, join(served.drive, 'odd/nothing'));
      expect([code, said(stderr)]).toEqual([3, 'ferry: DRIVE/odd/nothing is not there\n']);
    }
    const outside = await served.ferry('pin', served.server.directory);
    expect([outside.code, outside.stderr]).toEqual([
      2,
      expect.stringContaining('in none of the pairs and drives: ferry status lists them'),
    ]);
  }, 60_000);

  it('says at once that a drive cannot be where no directory can be made', async () => {
    const { code, stderr } = await served.ferry('mount', served.server.directory, '/proc/ferry/x');
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        '/proc/ferry/x cannot be made or looked into (ENOENT); choose another directory',
      ),
    ]);
    const file = join(served.directory, 'file');
    await writeFile(file, '');
    for (const [place, words] of [
      ['/proc/ferry/x', 'cannot make the folder /proc/ferry/x: '],
      [file, `cannot look into ${file}: `],
    ] as const) {
      const watched = await served.ferry('mount', served.proxy.url, place, '--fallback');
      expect([watched.code, watched.stderr]).not.toEqual([0, expect.anything()]);
      expect(watched.stderr).toContain(words);
    }
    const { stdout } = await served.ferry('status', '--json');
    expect(stdout).not.toMatch(/\/proc\/ferry|\/file"/);
  }, 60_000);
});
