import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, mountableKinds } from '../../support/mounted-drive.ts';

/** So long a program that renamed a file away has for the rest of its save. */
const SAVE_MS = 2000;

/** Swaps two files in one step; prints why it cannot. */
const EXCHANGE = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, other = (os.fsencode(path) for path in sys.argv[1:3])
if libc.renameat2(-100, one, -100, other, 2) != 0: print(os.strerror(ctypes.get_errno()))
`;

describe.each(await mountableKinds())(
  'files that programs rename on a drive shown by %s',
  (backend) => {
    let drive: MountedDrive;
    beforeAll(async () => {
      drive = await MountedDrive.start({ backend });
    });
    afterAll(() => drive.dispose());

    const free = (path: string): Promise<{ freedFiles: number; kept: readonly object[] }> =>
      drive.do({ do: 'free', path });
    const shown = async (...paths: readonly string[]): Promise<readonly string[]> => {
      const seen = await drive.observe();
      return paths.filter((path) => typeof seen[path] === 'object');
    };

    test('a file that was moved is given up only when the other side has it there', async () => {
      await drive.arrive({ path: 'from.txt', content: 'content', version: 'm1' });
      await drive.shell('cat from.txt > /dev/null; mv from.txt to.txt');
      expect((await free('to.txt')).kept).toEqual([{ path: 'to.txt', reason: 'dirty' }]);
      await drive.upload();
      expect(await free('to.txt')).toMatchObject({ freedFiles: 1, kept: [] });
      expect(await drive.shell('cat to.txt')).toBe('content');
    });

    test('a backup stays here, whole and unshown, also after a restart', async () => {
      await drive.arrive({ path: 'notes.txt', content: 'old', version: 'n1' });
      await drive.shell('cat notes.txt > /dev/null; mv notes.txt notes.txt~; echo new > notes.txt');
      expect(await shown('notes.txt', 'notes.txt~')).toEqual(['notes.txt']);
      expect(Object.keys(await drive.upload())).toEqual(['notes.txt']);
      expect((await free('notes.txt~')).kept).toEqual([{ path: 'notes.txt~', reason: 'dirty' }]);
      await drive.stop();
      await drive.open();
      await drive.do({ do: 'mount' });
      expect(await shown('notes.txt', 'notes.txt~')).toEqual(['notes.txt']);
      expect(await drive.shell("cat 'notes.txt~'")).toBe('old');
    });

    test('a placeholder that got a temporary name is moved with it, and can still be fetched', async () => {
      await drive.arrive({ path: 'photo.jpg', content: 'picture', version: 'p1' });
      await drive.shell('mv photo.jpg photo.jpg~');
      expect(await shown('photo.jpg')).toEqual([]);
      await sleep(SAVE_MS);
      expect(await shown('photo.jpg~')).toEqual(['photo.jpg~']);
      expect(await drive.shell("cat 'photo.jpg~'")).toBe('picture');
    });

    test('a file that was exchanged with a temporary one is the one at its place', async () => {
      await drive.arrive({ path: 'swapped.txt', content: 'old', version: 's1' });
      await drive.shell('cat swapped.txt > /dev/null; echo new > .goutputstream-A1B2C3');
      const { stdout } = await drive.run(
        'python3',
        '-c',
        EXCHANGE,
        'swapped.txt',
        '.goutputstream-A1B2C3',
      );
      if (stdout !== '') return void process.stderr.write(`skipped: exchanging names: ${stdout}`);
      expect(await shown('swapped.txt', '.goutputstream-A1B2C3')).toEqual(['swapped.txt']);
      const uploaded = await drive.upload();
      expect(uploaded).toMatchObject({ 'swapped.txt': 'new\n' });
      expect(uploaded).not.toHaveProperty(['.goutputstream-A1B2C3']);
    });

    test('a folder for deleted files is shown only once the other side has one, too', async () => {
      await drive.shell('mkdir -p .Trash-1000/files; echo gone > .Trash-1000/files/a');
      expect(await shown('.Trash-1000', '.Trash-1000/files/a')).toEqual([]);
      await drive.do({ do: 'make-directory', path: '.Trash-1000' });
      expect(await shown('.Trash-1000', '.Trash-1000/files/a')).toHaveLength(2);
      await drive.stop();
      await drive.open();
      await drive.do({ do: 'mount' });
      expect(await shown('.Trash-1000')).toHaveLength(1);
    });

    test('what stays here does not count as pending', async () => {
      await drive.shell(`
      mkdir -p copied/.ferry/more; echo 1 > copied/.ferry/marker; echo 2 > copied/.ferry/more/a
      echo 3 > 'copied/backup~'; echo 4 > copied/file; mkfifo copied/fifo 2> /dev/null || true`);
      await drive.upload();
      expect((await drive.stats()).pending).toBe(0);
      await drive.shell('rm -r copied; echo 5 > pending');
      await drive.observe();
      expect((await drive.stats()).pending).toBe(1);
      await drive.upload();
    });

    test('names of temporary files can be added and taken from the list', async () => {
      await drive.stop();
      await drive.open({ backend, temporaryNames: ['*.scratch', '!*.part'] });
      await drive.do({ do: 'mount' });
      await drive.shell('echo 1 > a.scratch; echo 2 > b.part');
      expect(await shown('a.scratch', 'b.part')).toEqual(['b.part']);
      await drive.stop();
      await drive.open({ temporaryNames: [] });
      await drive.do({ do: 'mount' });
      expect(await shown('a.scratch', 'b.part')).toEqual(['a.scratch']);
    });

    test('what the other side brings under a temporary name that is taken makes the own one seen', async () => {
      await drive.shell("echo mine > 'both.txt~'");
      expect(await shown('both.txt~')).toEqual([]);
      expect(await drive.arrive({ path: 'other', content: 'o', version: 'o1' })).toEqual({});
      await drive.do({ do: 'make-directory', path: 'both.txt~' }).catch(() => undefined);
      expect(await shown('both.txt~')).toEqual(['both.txt~']);
    });
  },
);
