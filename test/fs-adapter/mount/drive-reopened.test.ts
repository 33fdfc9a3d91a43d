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
  },
);
