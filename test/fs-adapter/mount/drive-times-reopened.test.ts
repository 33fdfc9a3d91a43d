import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MountedDrive, reasonWithoutMount } from '../../support/mounted-drive.ts';

const withoutMount = await reasonWithoutMount('native');

/** Ways to set a file's time, none of which changes the file. */
const WAYS = {
  'by-name': `python3 -c 'import os; os.utime("by-name", (1, 1))'`,
  opened: 'touch -d 2001-02-03 opened',
  'beside-a-writer': 'exec 4<> beside-a-writer; touch -d 2001-02-03 beside-a-writer; exec 4<&-',
};

/** Makes two files empty by opening them, and keeps them open for a while. */
const EMPTY = `
import os, time
for name in 'known', 'unseen': os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
open('../emptied', 'w').close()
time.sleep(3)
`;

(withoutMount === null ? describe : describe.skip)('a drive that is opened again', () => {
  let drive: MountedDrive;
  beforeEach(async () => {
    drive = await MountedDrive.start({ backend: 'native' });
  });
  afterEach(() => drive.dispose());

  test('shows the times that programs have set, and takes no file for changed by that', async () => {
    await drive.shell('echo x > accessed; sleep 0.2; touch -a -d "2001-02-03 UTC" accessed');
    await drive.upload();
    for (const [path, set] of Object.entries(WAYS)) {
      await drive.arrive({ path, content: 'content', version: `${path}-1` });
      await drive.shell(`cat ${path}; sleep 0.1; exec 3< ${path}; ${set}; exec 3<&-; sleep 0.1`);
    }
    expect((await drive.stats()).pending).toBe(0);
    const before = await drive.observe();
    await drive.stop();
    await drive.open();
    await drive.do({ do: 'mount' });
    expect(await drive.observe()).toEqual(before);
    expect((await drive.stats()).pending).toBe(0);
    expect(await drive.shell('stat -c %X accessed')).toBe('981158400\n');
  });

  test('has empty files where a program had emptied some just before the crash', async () => {
    await drive.arrive({ path: 'known', content: 'content', version: 'k1' });
    await drive.shell('test -s known; test ! -e unseen');
    // A file that is being cut is locked: what is shown after it waits.
    const version = (seed: number) => ({ path: 'slow', seed, sizeBytes: 24 * 1024 * 1024 });
    await drive.do({ do: 'arrive-generated', files: [version(1)] });
    await drive.do({ do: 'network', state: 'slow' });
    void drive.shell(`perl -e 'truncate("slow", 10)'`).catch(() => undefined);
    while ((await drive.stats()).hydrating === 0) await delay(5);
    await drive.do({ do: 'arrive-generated', files: [version(2)] });
    await drive.arrive({ path: 'unseen', content: 'content', version: 'u1' });
    const emptying = drive.run('python3', '-c', EMPTY);
    await drive.signalled('emptied');
    await drive.kill();
    await emptying;
    await drive.open();
    await drive.do({ do: 'mount' });
    expect(await drive.shell('cat known unseen; stat -c %s known unseen')).toBe('0\n0\n');
  });
});
