import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, reasonWithoutMount } from '../../support/mounted-drive.ts';

const withoutMount = await reasonWithoutMount('native');

/** Maps a file for writing, closes it, and says of which second it is before and after it writes. */
const WRITE_MAPPED = `
import ctypes, os, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
reading = os.open('mapped', os.O_RDONLY)
writing = os.open('mapped', os.O_RDWR)
# Python's own mapping would keep the file open.
pages = libc.mmap(None, ctypes.c_size_t(4096), 3, 1, writing, ctypes.c_long(0))
os.close(writing)
os.close(reading)
time.sleep(1.5)
before = os.stat('mapped').st_mtime
ctypes.memmove(pages, b'new', 3)
time.sleep(1.5)
print(os.stat('mapped').st_mtime > before)
`;

/** Counts what happens in a directory until a file \`go\` is made beside the drive. */
const WATCH = `
  const fs = require('node:fs');
  let events = 0;
  fs.watch('watched', () => { events += 1; });
  fs.writeFileSync('../watching', '');
  setInterval(() => {
    if (!fs.existsSync('../go')) return;
    console.log(events);
    process.exit();
  }, 20);
`;

(withoutMount === null ? describe : describe.skip)('what programs are told of a file', () => {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend: 'native' });
  });
  afterAll(() => drive.dispose());

  test('a file that is written through a mapping after it was closed has a new time', async () => {
    await drive.shell('head -c 4096 /dev/zero > mapped');
    expect(await drive.run('python3', '-c', WRITE_MAPPED)).toMatchObject({ stdout: 'True\n' });
  });

  test('nobody who watches hears of it when the content of a file is given back', async () => {
    await drive.do({ do: 'make-directory', path: 'watched' });
    await drive.arrive({ path: 'watched/file', content: 'content', version: 'w1' });
    await drive.shell('cat watched/file; sleep 0.2');
    const watching = drive.run(process.execPath, '-e', WATCH);
    await drive.signalled('watching');
    expect(await drive.do({ do: 'free', path: 'watched/file' })).toMatchObject({ freedFiles: 1 });
    expect(await drive.shell('sleep 0.3; stat -c %b watched/file; touch ../go')).toBe('0\n');
    expect((await watching).stdout).toBe('0\n');
    expect(await drive.shell('cat watched/file')).toBe('content');
  });
});
