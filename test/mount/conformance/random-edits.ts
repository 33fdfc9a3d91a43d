import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MountedDrive, run } from '../../support/mounted-drive.ts';
import type { DriveWay } from '../capabilities.ts';

const SEEDS = ['1', '2', '3'];
const STEPS = '250';
const TEST_TIMEOUT_MS = 60_000;

/** Makes the same random edits on the drive and beside it, and stops where the two answer differently. */
const EDITS = `
import os, random, sys
seed, mirror, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
random.seed(int(seed))
roots = ['d' + seed + '/', mirror + '/d' + seed + '/']
dirs = ['', 'x/', 'y/']
for root in roots:
    for d in dirs: os.makedirs(root + d)
def put(path, mode, data):
    with open(path, mode) as f: f.write(data)
def patch(path, data, at):
    fd = os.open(path, os.O_RDWR)
    try: os.pwrite(fd, data, at); return os.pread(fd, 50, max(0, at - 10))
    finally: os.close(fd)
def save(path, data):
    with open(path + '.new', 'wb') as f: f.write(data); f.flush(); os.fsync(f.fileno())
    os.rename(path + '.new', path)
for step in range(steps):
    p, q = (random.choice(dirs) + random.choice('abcdef') for _ in range(2))
    data, at = random.randbytes(random.choice([0, 1, 100, 5000, 70000])), random.randrange(90000)
    name, edit = random.choice([
        ('write', lambda r: put(r + p, 'wb', data)), ('append', lambda r: put(r + p, 'ab', data)),
        ('cut', lambda r: os.truncate(r + p, at)), ('patch', lambda r: patch(r + p, data, at)),
        ('rename', lambda r: os.rename(r + p, r + q)), ('unlink', lambda r: os.unlink(r + p)),
        ('read', lambda r: open(r + p, 'rb').read()), ('save', lambda r: save(r + p, data)),
        ('time', lambda r: os.utime(r + p, (1, 1)) or os.stat(r + p).st_mtime),
        ('list', lambda r: sorted(os.listdir(r)))])
    answers = []
    for root in roots:
        try: answers.append(edit(root))
        except OSError as e: answers.append(e.errno)
    if answers[0] != answers[1]: raise SystemExit('step %d of seed %s: %s %s %s' % (step, seed, name, p, q))
`;

async function settled(drive: MountedDrive): Promise<void> {
  for (let tries = 0; tries < 200 && (await drive.stats()).hydrating > 0; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Random edits by several programs, while sync works on the same files. */
export function randomEdits({ backend }: DriveWay): void {
  let drive: MountedDrive;
  beforeEach(async () => {
    drive = await MountedDrive.start({ backend });
  });
  afterEach(() => drive.dispose());

  test(
    'end as on a local disk, while files are uploaded and given up, and after a restart',
    async () => {
      const mirror = join(drive.directory, 'mirror');
      let running = true;
      const programs = Promise.all(
        SEEDS.map((seed) => drive.run('python3', '-c', EDITS, seed, mirror, STEPS)),
      ).finally(() => {
        running = false;
      });
      while (running) {
        await drive.upload();
        await drive.do({ do: 'free', path: '' });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      for (const { code, stderr } of await programs) expect([code, stderr]).toEqual([0, '']);

      await drive.upload();
      expect((await drive.stats()).pending).toBe(0);
      const same = () => run('diff', ['-r', '-x', '.ferry', drive.mountPoint, mirror]);
      expect(await same()).toEqual({ code: 0, stdout: '', stderr: '' });
      // The pretended other side ends with the process: what was read last must be here whole.
      await settled(drive);
      const before = await drive.observe();
      await drive.kill();
      await drive.open();
      await drive.do({ do: 'mount' });
      expect(await drive.observe()).toEqual(before);
      expect(await same()).toEqual({ code: 0, stdout: '', stderr: '' });
    },
    TEST_TIMEOUT_MS,
  );
}
