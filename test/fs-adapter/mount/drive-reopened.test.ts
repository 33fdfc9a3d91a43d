import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, mountableKinds } from '../../support/mounted-drive.ts';

const ROUNDS = { native: 2000, 'fuse-native': 200 };

/** Opens and closes a file again and again, as its first reader and then to write to it. */
const REOPEN = `
import os, sys
for _ in range(int(sys.argv[2])):
    reader = os.open(sys.argv[1], os.O_RDONLY)
    writer = os.open(sys.argv[1], os.O_RDWR)
    os.close(writer)
    os.close(reader)
print('done')
`;

/** Keeps a mapping to read of a file that it has closed, then writes through one of the file opened anew. */
const MAP_TWICE = `
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
SIZE, READ, WRITE, SHARED = 8192, 1, 2, 1
def mapped(flags, protection):
    fd = os.open(sys.argv[1], flags)
    address = libc.mmap(None, SIZE, protection, SHARED, fd, 0)
    os.close(fd)
    return (ctypes.c_char * SIZE).from_address(address)
kept = mapped(os.O_RDONLY, READ)
before = kept[:4]
open(sys.argv[2], 'w').close()
while not os.path.exists(sys.argv[3]): time.sleep(0.01)
mapped(os.O_RDWR, READ | WRITE)[:4] = b'word'
print(before, kept[:4])
`;

describe.each(await mountableKinds())(
  'files that programs open again on a drive shown by %s',
  (backend) => {
    let drive: MountedDrive;
    beforeAll(async () => {
      drive = await MountedDrive.start({ backend });
    });
    afterAll(() => drive.dispose());

    // Whether a mapping is left is asked by taking a lease, whose breaking sends a signal to the drive's process.
    test('a file that is opened for writing the moment it was closed leaves the drive alive', async () => {
      await drive.shell('echo content > file.txt');
      const { stdout } = await drive.run(
        'python3',
        '-c',
        REOPEN,
        'file.txt',
        String(ROUNDS[backend === 'native' ? 'native' : 'fuse-native']),
      );
      expect(stdout).toBe('done\n');
      expect(await drive.shell('cat file.txt')).toBe('content\n');
    });

    test('a mapping that is left of a closed file keeps its content here, and shows what is written through a later one', async () => {
      await drive.arrive({ path: 'mapped.bin', content: 'x'.repeat(8192), version: 'm1' });
      const free = () => drive.do({ do: 'free', path: 'mapped.bin' });
      const [mapped, goOn] = ['mapped', 'go-on'].map((name) => join(drive.directory, name));
      const program = drive.run(
        'python3',
        '-c',
        MAP_TWICE,
        'mapped.bin',
        String(mapped),
        String(goOn),
      );
      await drive.signalled('mapped');
      expect(await free()).toMatchObject({ kept: [{ path: 'mapped.bin', reason: 'open' }] });
      await fs.writeFile(String(goOn), '');
      expect(await program).toEqual({ code: 0, stdout: "b'xxxx' b'word'\n", stderr: '' });
      expect(await drive.upload()).toMatchObject({ 'mapped.bin': `word${'x'.repeat(8188)}` });
      expect(await free()).toMatchObject({ freedFiles: 1, kept: [] });
    });
  },
);
