import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { reasonWithoutDrive, ServedDrive } from '../support/served-drive.ts';
import { companion } from '../support/servers/companion.ts';

const SMALL_FILES = 300;
const LARGE_BYTES = 8 * 1024 * 1024;

const reason = await reasonWithoutDrive(companion());
const test = reason === null ? it : it.skip;

describe('what programs write into a mounted drive', () => {
  let served: ServedDrive;

  beforeAll(async () => {
    if (reason !== null) return;
    served = await ServedDrive.start(companion());
    await writeFile(join(served.server.directory, 'shared.txt'), 'base');
    await served.mount();
  }, 60_000);
  beforeEach(() => {
    if (reason !== null) return;
    served.proxy.refuse = undefined;
    served.proxy.clear();
  });
  afterAll(async () => {
    if (reason === null) await served.close();
  }, 60_000);

  const onServer = (path: string) => readFile(join(served.server.directory, path));
  const attribute = async (path: string): Promise<string> =>
    served.python(
      'import os, sys; print(os.getxattr(sys.argv[1], "user.ferry.state").decode(), end="")',
      join(served.drive, path),
    );

  test('goes up in groups when it is many small files', async () => {
    await mkdir(join(served.directory, 'many'));
    for (let index = 0; index < SMALL_FILES; index += 1)
      await writeFile(join(served.directory, 'many', `file ${index}`), `content of ${index}`);
    await served.shell('cp -a ../many .');
    await served.settled();
    const { counts, uploads } = served.proxy;
    expect(await readdir(join(served.server.directory, 'many'))).toHaveLength(SMALL_FILES);
    expect((await onServer(`many/file ${SMALL_FILES - 1}`)).toString()).toBe(
      `content of ${SMALL_FILES - 1}`,
    );
    expect(uploads).toBe(SMALL_FILES);
    expect((counts['PUT'] ?? 0) + (counts['POST'] ?? 0)).toBeLessThan(SMALL_FILES / 10);
  }, 60_000);

  test('goes up as what is new of it, when a large file was changed in the middle', async () => {
    await served.shell(`head -c ${LARGE_BYTES} /dev/urandom > large.bin`);
    await served.settled();
    served.proxy.clear();
    await served.shell(
      'head -c 4096 /dev/urandom | dd of=large.bin bs=4096 seek=1000 conv=notrunc status=none',
    );
    await served.settled();
    expect((await onServer('large.bin')).equals(await readLarge('large.bin'))).toBe(true);
    expect(served.proxy.contentBytes.up).toBeLessThan(LARGE_BYTES / 8);
  }, 60_000);

  test('stays here, and is told of, while the server has no room, and goes up when it has', async () => {
    served.proxy.refuse = (method) => (method === 'PUT' || method === 'POST' ? 507 : null);
    await served.shell('echo no room for this > full.txt');
    await served.until('refused', ({ problems }) => problems === 1);
    expect(await attribute('full.txt')).toBe('dirty');
    const refused = await served.ferry('sync');
    expect([refused.code === 0, `${refused.stdout}${refused.stderr}`]).toEqual([
      false,
      expect.stringContaining('full.txt'),
    ]);
    expect((await served.state()).pendingUploads).toBe(1);
    served.proxy.refuse = undefined;
    await served.ferry('sync');
    await served.settled();
    expect((await onServer('full.txt')).toString()).toBe('no room for this\n');
    expect(await attribute('full.txt')).toBe('local');
  }, 60_000);

  test('is never overwritten by what others wrote meanwhile: both versions are kept, and say so', async () => {
    await served.ferry('pause');
    await served.shell('cat shared.txt > /dev/null; echo mine > shared.txt');
    await writeFile(join(served.server.directory, 'shared.txt'), 'theirs, and longer\n');
    await served.ferry('resume');
    await served.until('in conflict', ({ conflicts, running }) => conflicts === 1 && !running);
    await served.settled();
    const names = (await served.shell('ls -1')).split('\n').filter((name) => /^shared/.test(name));
    expect(names).toHaveLength(2);
    const contents = await Promise.all(names.map((name) => onServer(name)));
    expect(contents.map(String).sort()).toEqual(['mine\n', 'theirs, and longer\n']);
    const copy = names.find((name) => name !== 'shared.txt') ?? '';
    expect(await served.shell(`cat '${copy}'`)).toBe('mine\n');
    expect(await attribute(copy)).toBe('conflict');
    expect((await served.ferry('free', join(served.drive, copy))).code).not.toBe(0);
  }, 60_000);

  test('goes up in the order in which it was written', async () => {
    for (let version = 1; version <= 5; version += 1) {
      await served.shell(`echo version ${version} > ordered.txt`);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await served.settled();
    expect((await onServer('ordered.txt')).toString()).toBe('version 5\n');
  }, 60_000);

  async function readLarge(path: string): Promise<Buffer> {
    await served.shell(`cp ${path} ../copied-out`);
    return readFile(join(served.directory, 'copied-out'));
  }
});
