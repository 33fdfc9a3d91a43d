import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, reasonWithoutMount } from '../../support/mounted-drive.ts';

const describeMounted =
  (await reasonWithoutMount('fuse-native')) === null ? describe : describe.skip;

describeMounted('files of a drive that fuse-native shows', () => {
  let drive: MountedDrive;
  beforeAll(async () => {
    drive = await MountedDrive.start({ backend: 'fuse-native' });
  });
  afterAll(() => drive.dispose());

  async function python(script: string): Promise<string> {
    const { code, stdout, stderr } = await drive.run('python3', '-c', script);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  }

  test('random writes, holes, appends and cuts give what a local disk gives', async () => {
    await python(`
import os, random
random.seed(7)
def edit(path):
    random.seed(7)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(200):
        os.pwrite(fd, random.randbytes(random.choice([1, 4095, 65536, 65537, 131073])), random.randrange(0, 1 << 20))
        if random.random() < 0.1: os.ftruncate(fd, random.randrange(0, 1 << 20))
    os.close(fd)
    with open(path, 'ab') as f: f.write(b'appended')
    os.truncate(path, os.path.getsize(path) - 3)
edit('random'); edit('../random')
assert open('random', 'rb').read() == open('../random', 'rb').read()`);
  });

  test('a file that is removed while it is open can still be read and written', async () => {
    await python(`
import os
fd = os.open('temporary', os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.write(fd, b'still here')
os.unlink('temporary')
assert not os.path.exists('temporary') and 'temporary' not in os.listdir('.')
os.pwrite(fd, b'S', 0)
assert os.pread(fd, 100, 0) == b'Still here'
os.close(fd)
assert [n for n in os.listdir('.') if n.startswith('.fuse')] == []`);
  });

  test('a rename onto an existing file leaves the old content to who has it open', async () => {
    await python(`
import os
open('target', 'w').write('old'); open('new', 'w').write('new content')
old = open('target'); os.rename('new', 'target')
assert old.read() == 'old' and open('target').read() == 'new content'
assert not os.path.exists('new')`);
  });

  test('two programs that append at once lose nothing', async () => {
    const out = await drive.shell(`
      (for i in $(seq 100); do echo a >> log; done) & (for i in $(seq 100); do echo b >> log; done) & wait
      wc -l < log; sort log | uniq -c | tr -s ' '`);
    expect(out).toBe('200\n 100 a\n 100 b\n');
  });

  test('names of 255 bytes, odd ones and Unicode ones are kept; longer ones are refused', async () => {
    await python(`
import os, errno
names = ['x' * 255, 'ü' * 127, 'emoji 🚢', 'new\\nline', 'quote"\\'', ' ', '-dash', 'back\\\\slash', '日本語']
os.mkdir('names')
for n in names: open('names/' + n, 'w').write(n)
assert sorted(os.listdir('names')) == sorted(names)
for n in names: assert open('names/' + n).read() == n
try: open('names/' + 'x' * 256, 'w'); assert False
except OSError as e: assert e.errno == errno.ENAMETOOLONG
try: open(b'names/latin\\xe9', 'w'); assert False
except OSError as e: assert e.errno == errno.EILSEQ, e
open('names/a\\u0308', 'w').write('composed')
assert open('names/\\u00e4').read() == 'composed' and '\\u00e4' in os.listdir('names')`);
  });

  test('errors are those of a local disk', async () => {
    await python(`
import os, errno
def code(work):
    try: work(); return None
    except OSError as e: return errno.errorcode[e.errno]
os.makedirs('d/e'); open('f', 'w').close()
assert code(lambda: os.rmdir('d')) == 'ENOTEMPTY'
assert code(lambda: os.mkdir('d')) == 'EEXIST'
assert code(lambda: os.rmdir('f')) == 'ENOTDIR'
assert code(lambda: os.unlink('d')) in ('EISDIR', 'EPERM')
assert code(lambda: os.rename('d', 'd/e/x')) == 'EINVAL'
assert code(lambda: os.rename('f', 'd')) == 'EISDIR'
assert code(lambda: os.rename('d', 'f')) == 'ENOTDIR'
assert code(lambda: os.link('f', 'g')) == 'EPERM'
assert code(lambda: os.mkfifo('p')) == 'EPERM'
assert code(lambda: os.open('f', os.O_CREAT | os.O_EXCL)) == 'EEXIST'
assert code(lambda: open('none')) == 'ENOENT'
assert code(lambda: os.chown('f', 12345, -1)) == 'EPERM'
assert code(lambda: os.chown('f', os.getuid(), os.getgid())) is None`);
  });

  test('mode bits are kept and the state can be read as an extended attribute', async () => {
    await drive.arrive({ path: 'remote.txt', content: 'content', version: 'r1' });
    await python(`
import os, errno, time
open('f2', 'w').close(); os.chmod('f2', 0o751)
assert os.stat('f2').st_mode & 0o7777 == 0o751
assert os.getxattr('f2', 'user.ferry.state') == b'dirty'
assert os.getxattr('remote.txt', 'user.ferry.state') == b'online'
assert os.listxattr('remote.txt') == ['user.ferry.state', 'user.ferry.progress']
assert os.getxattr('remote.txt', 'user.ferry.progress') == b'0'
open('remote.txt').read()
for _ in range(100):
    if os.getxattr('remote.txt', 'user.ferry.state') == b'local': break
    time.sleep(0.05)
assert os.getxattr('remote.txt', 'user.ferry.progress') == b'100'
os.setxattr('remote.txt', 'user.ferry.pin', b'1')
assert os.getxattr('remote.txt', 'user.ferry.pin') == b'1' and 'user.ferry.pin' in os.listxattr('remote.txt')
os.removexattr('remote.txt', 'user.ferry.pin')
assert os.listxattr('remote.txt') == ['user.ferry.state', 'user.ferry.progress']
try: os.setxattr('remote.txt', 'user.ferry.state', b'local'); assert False
except OSError as e: assert e.errno == errno.EPERM
try: os.setxattr('f2', 'user.other', b'x'); assert False
except OSError as e: assert e.errno == errno.EOPNOTSUPP
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
small = ctypes.create_string_buffer(2)
assert libc.getxattr(b'f2', b'user.ferry.state', small, 2) == -1 and ctypes.get_errno() == errno.ERANGE`);
  });

  test('times are set to the millisecond, together and of a directory too', async () => {
    await python(`
import os
open('t', 'w').close(); os.mkdir('td')
for path in ('t', 'td'):
    os.utime(path, ns=(1_000_000_000_000_000_000, 1_600_000_000_987_654_321))
    assert os.stat(path).st_mtime_ns == 1_600_000_000_987_000_000, os.stat(path).st_mtime_ns
os.utime('t')
assert abs(os.stat('t').st_mtime - __import__('time').time()) < 5`);
    expect(await drive.shell("touch -d '2001-01-01 01:02:03.5' t; stat -c %y t")).toMatch(
      /^2001-01-01 01:02:03\.500000000/,
    );
    expect(await drive.shell('cp -p t ../u; cp -p ../u v; stat -c %y v; rm ../u')).toMatch(
      /^2001-01-01 01:02:03\.500000000/,
    );
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

  test('large offsets are exact', async () => {
    await python(`
import os
fd = os.open('sparse', os.O_RDWR | os.O_CREAT)
os.pwrite(fd, b'far', 5 << 30)
assert os.fstat(fd).st_size == (5 << 30) + 3 and os.pread(fd, 3, 5 << 30) == b'far'
assert os.pread(fd, 4, 1 << 30) == bytes(4)
os.close(fd); os.unlink('sparse')`);
  });
});
