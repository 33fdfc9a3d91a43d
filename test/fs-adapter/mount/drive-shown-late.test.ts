import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, reasonWithoutMount } from '../../support/mounted-drive.ts';

const withoutMount = await reasonWithoutMount('native');

/** A shell line that waits until a file `go` is made beside the drive. */
const UNTIL_GO = 'for i in $(seq 400); do test -e ../go && break; sleep 0.05; done';

(withoutMount === null ? describe : describe.skip)(
  'while the kernel has not heard yet of what sync did',
  () => {
    let drive: MountedDrive;
    beforeAll(async () => {
      drive = await MountedDrive.start({ backend: 'native' });
    });
    afterAll(() => drive.dispose());

    let lastSeed = 0;
    /** A file that is being cut to a part of its content is locked until that has come; what is shown after it waits. */
    async function whileNothingIsShown(work: () => Promise<void>): Promise<void> {
      const version = () => ({ path: 'slow', seed: ++lastSeed, sizeBytes: 24 * 1024 * 1024 });
      await drive.do({ do: 'arrive-generated', files: [version()] });
      await drive.do({ do: 'network', state: 'slow' });
      const cutting = drive.shell(`perl -e 'truncate("slow", 10)'`);
      while ((await drive.stats()).hydrating === 0) await delay(5);
      await drive.do({ do: 'arrive-generated', files: [version()] });
      try {
        await work();
      } finally {
        await drive.do({ do: 'network', state: 'online' });
      }
      await cutting;
      await drive.shell('sleep 0.3');
    }

    async function whileRead(path: string, work: () => Promise<void>): Promise<void> {
      const reading = drive.shell(`exec 3< ${path}; touch ../ready; ${UNTIL_GO}`);
      await drive.signalled('ready');
      try {
        await work();
      } finally {
        await drive.shell('touch ../go');
        await reading;
        await drive.shell('rm ../go ../ready');
      }
    }

    test('nothing outside of the drive is touched where a link has come into the path', async () => {
      await drive.do({ do: 'make-directory', path: 'swap' });
      await drive.arrive({ path: 'swap/f', content: 'f', version: 's1' });
      await drive.shell('cat swap/f; mkdir ../outside; echo precious > ../outside/f');
      await whileNothingIsShown(async () => {
        await drive.do({ do: 'remove', path: 'swap/f' });
        await drive.arrive({ path: 'swap/new', content: 'n', version: 's2' });
        await drive.shell('mv swap away; ln -s ../outside swap');
      });
      expect(await drive.shell('ls ../outside; cat ../outside/f; rm swap')).toBe('f\nprecious\n');
    });

    test('who opens a replaced file to write it writes the one that sync has put there', async () => {
      await drive.arrive({ path: 'read', content: 'one', version: 'r1' });
      await drive.shell('cat read');
      await whileRead('read', () =>
        whileNothingIsShown(async () => {
          await drive.arrive({ path: 'read', content: 'two', version: 'r2' });
          await drive.shell('echo mine > read');
        }),
      );
      expect(await drive.shell('cat read')).toBe('mine\n');
    });

    test('who cuts a replaced file by its name cuts the one that sync has put there', async () => {
      await drive.arrive({ path: 'cut', content: 'one', version: 'c1' });
      await drive.shell('cat cut');
      await whileRead('cut', () =>
        whileNothingIsShown(async () => {
          await drive.arrive({ path: 'cut', content: 'two', version: 'c2' });
          await drive.shell(`perl -e 'truncate("cut", 0) or die'`);
        }),
      );
      expect(await drive.shell('stat -c %s cut')).toBe('0\n');
    });

    test('who appends to an empty file that sync has removed makes it anew', async () => {
      await drive.arrive({ path: 'empty', content: '', version: 'e1' });
      await drive.shell('cat empty');
      await whileNothingIsShown(async () => {
        await drive.do({ do: 'remove', path: 'empty' });
        await drive.shell('echo mine >> empty');
      });
      expect(await drive.shell('cat empty')).toBe('mine\n');
    });

    test('who opens a file reads all of its new content', async () => {
      await drive.arrive({ path: 'grown', content: 'short', version: 'g1' });
      await drive.shell('cat grown; sleep 0.1; stat grown');
      let read = '';
      await whileNothingIsShown(async () => {
        await drive.arrive({ path: 'grown', content: 'much longer', version: 'g2' });
        read = await drive.shell('cat grown');
      });
      expect(read).toBe('much longer');
    });

    test('who appends to a file does so behind its new content', async () => {
      await drive.arrive({ path: 'log', content: 'short', version: 'l1' });
      await drive.shell('cat log; sleep 0.1; stat log');
      await whileNothingIsShown(async () => {
        await drive.arrive({ path: 'log', content: 'much longer', version: 'l2' });
        await drive.shell('printf , >> log');
      });
      expect(await drive.shell('cat log')).toBe('much longer,');
    });

    test('a name is free again whose file sync has moved and then removed', async () => {
      await drive.arrive({ path: 'first', content: 'one', version: 'f1' });
      await drive.shell('cat first');
      await whileNothingIsShown(async () => {
        await drive.do({ do: 'move', from: 'first', to: 'second' });
        await drive.do({ do: 'remove', path: 'second' });
      });
      await drive.shell('test ! -e first; mkdir first; test ! -e second');
    });

    test('a file that was replaced and is then renamed is seen by its new name', async () => {
      await drive.arrive({ path: 'doc', content: 'one', version: 'd1' });
      await drive.shell('cat doc');
      await whileRead('doc', async () => {
        await whileNothingIsShown(async () => {
          await drive.arrive({ path: 'doc', content: 'two', version: 'd2' });
          await drive.shell('mv doc doc2');
        });
        expect(await drive.shell('cat doc2')).toBe('two');
      });
    });

    test('nothing is made in the bare directory when the drive was unmounted behind its back', async () => {
      const go = join(drive.directory, 'go');
      const using = drive.shell(`touch ../ready; ${UNTIL_GO.replace('../go', go)}`);
      await drive.signalled('ready');
      const { code } = await drive.run('umount', '-l', drive.mountPoint);
      expect(code).toBe(0);
      await drive.arrive({ path: 'ghost', content: 'g', version: 'u1' });
      await delay(300);
      expect(await fs.readdir(drive.mountPoint)).toEqual([]);
      await fs.writeFile(go, '');
      await using;
    });
  },
);
