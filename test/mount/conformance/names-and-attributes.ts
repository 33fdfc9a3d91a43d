import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MountedDrive } from '../../support/mounted-drive.ts';
import type { DriveWay } from '../capabilities.ts';

/** What a mounted drive says of its files beyond what every file system does (test/mount/posix). */
export function namesAndAttributes({ backend, capabilities }: DriveWay): void {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend });
  });
  afterAll(() => drive.dispose());

  async function python(script: string): Promise<void> {
    const { code, stderr } = await drive.run('python3', '-c', script);
    expect([code, stderr]).toEqual([0, '']);
  }

  test('the state, the progress and the pin of a file can be read, and the pin be set', async () => {
    await drive.arrive({ path: 'remote.txt', content: 'content', version: 'r1' });
    await python(`
import os, errno, time
open('f2', 'w').close()
assert os.getxattr('f2', 'user.ferry.state') == b'dirty'
assert os.getxattr('remote.txt', 'user.ferry.state') == b'online'
assert os.getxattr('remote.txt', 'user.ferry.progress') == b'0'
open('remote.txt').read()
for _ in range(100):
    if os.getxattr('remote.txt', 'user.ferry.state') == b'local': break
    time.sleep(0.05)
assert os.getxattr('remote.txt', 'user.ferry.progress') == b'100'
os.setxattr('remote.txt', 'user.ferry.pin', b'1')
assert os.getxattr('remote.txt', 'user.ferry.pin') == b'1'
os.removexattr('remote.txt', 'user.ferry.pin')
try: os.getxattr('remote.txt', 'user.ferry.pin'); assert False
except OSError as e: assert e.errno == errno.ENODATA
for value in (b'local', b'1'):
    try: os.setxattr('remote.txt', 'user.ferry.state', value); assert False
    except OSError as e: assert e.errno == errno.EPERM`);
    await drive.upload();
    await python(`
import os
assert os.getxattr('f2', 'user.ferry.state') == b'local'`);
  });

  test("programs' own attributes outlive a restart, a crash and new content, and are not synced", async () => {
    await drive.arrive({ path: 'tagged.txt', content: 'content', version: 'r1' });
    await drive.shell('mkdir tagged; echo > tagged/file');
    await drive.upload();
    const before = await drive.observe();
    await python(`
import os
for path in ('tagged.txt', 'tagged', 'tagged/file', '.'): os.setxattr(path, 'user.tag', path.encode() * 100)
os.setxattr('tagged/file', 'user.gone', b'x')
os.removexattr('tagged/file', 'user.gone')`);
    const check = `
import os
for path in ('tagged.txt', 'tagged', 'tagged/file', '.'):
    assert os.listxattr(path) == ['user.tag'], path
    assert os.getxattr(path, 'user.tag') == path.encode() * 100, path`;
    await drive.stop();
    await drive.open();
    await drive.do({ do: 'mount' });
    await python(check);
    await drive.kill();
    await drive.open();
    await drive.do({ do: 'mount' });
    await python(check);
    expect(await drive.observe()).toEqual(before);
    await drive.arrive({ path: 'tagged.txt', content: 'new', version: 'r2' });
    await python(check);
    const reading = drive.run('bash', '-euc', 'exec 3< tagged.txt; touch ../reading; sleep 0.5');
    await drive.signalled('reading');
    await drive.arrive({ path: 'tagged.txt', content: 'newer', version: 'r3' });
    expect((await reading).code).toBe(0);
    await python(check);
  });

  test("programs that copy all attributes copy each other's, and neither the drive's nor a pin", async () => {
    await drive.shell('mkdir from; echo content > from/file; mkdir ../outside');
    await python(`
import os
os.setxattr('from', 'user.tag', b'of the folder')
os.setxattr('from/file', 'user.tag', b'of the file')
os.setxattr('from', 'user.ferry.pin', b'1')`);
    await drive.shell(`
      cp -a from copied
      cp -a --preserve=xattr from/file kept
      rsync -aX from/ ../outside/
      rsync -aX ../outside/ synced/
      rsync -aX ../outside/ synced/
      mv ../outside/file back 2>&1`);
    await python(`
import os, errno
for path in ('copied/file', 'kept', 'synced/file', 'back'):
    assert os.getxattr(path, 'user.tag') == b'of the file', path
    try: os.getxattr(path, 'user.ferry.pin'); assert False, path
    except OSError as e: assert e.errno == errno.ENODATA
assert os.getxattr('synced', 'user.tag') == b'of the folder'
assert os.listxattr('../outside') == ['user.tag']`);
  });

  if (!capabilities.rawNames)
    test('names that could not be told apart are refused, other normal forms find the same file', async () => {
      await python(`
import os, errno
try: open(b'latin\\xe9', 'w'); assert False
except OSError as e: assert e.errno == errno.EILSEQ, e
open('a\\u0308', 'w').write('composed')
assert open('\\u00e4').read() == 'composed' and '\\u00e4' in os.listdir('.')`);
    });
  else
    test('names that the other side cannot hold stay here, and are told as problems', async () => {
      await python(`
import os
os.mkdir('names')
open(b'names/latin\\xe9', 'w').write('bytes')
open('names/a\\u0308', 'w').write('decomposed')
open('names/\\u00e4', 'w').write('composed')
os.mkfifo('names/fifo')
assert len(os.listdir(b'names')) == 4`);
      const seen = Object.entries(await drive.observe()).filter(([path]) =>
        path.startsWith('names/'),
      );
      expect(seen.filter(([, entry]) => typeof entry === 'object').length).toBeLessThanOrEqual(1);
      expect(seen.filter(([, entry]) => entry === 'NAME_NOT_ALLOWED').length).toBeGreaterThan(0);
      expect(seen.map(([path]) => path)).not.toContain('names/fifo');
      await drive.shell('cat names/latin*; cat names/ä; rm -r names');
    });

  test('df shows the room there is', async () => {
    const [size, available] = (await drive.shell('df -B1 --output=size,avail . | tail -1'))
      .trim()
      .split(/\s+/)
      .map(Number);
    expect(size).toBeGreaterThan(0);
    expect(available).toBeGreaterThan(0);
    expect(available).toBeLessThanOrEqual(size ?? 0);
  });
}
