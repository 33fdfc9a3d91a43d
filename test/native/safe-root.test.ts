import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { availableBackends } from './backends.ts';

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;

describe.each(availableBackends())('SafeRoot (%s)', (backend) => {
  let top: string;
  let directory: string;
  let root: SafeRoot;
  const at = (name: string) => join(directory, name);
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'no error',
      (error: NodeJS.ErrnoException) => error.code,
    );

  beforeEach(async () => {
    top = fs.mkdtempSync('/tmp/ferry-test-');
    directory = join(top, 'root');
    fs.mkdirSync(at('a/b'), { recursive: true });
    fs.mkdirSync(join(top, 'outside'));
    fs.writeFileSync(join(top, 'outside/secret'), 'secret');
    root = await openSafeRoot(directory, { backend });
  });
  afterEach(async () => {
    await root.close();
    fs.rmSync(top, { recursive: true, force: true });
  });

  it('runs on the backend that was asked for', () => {
    expect(root.backend).toBe(backend);
    expect(root.absolutePath).toBe(directory);
  });

  it('creates, reads and describes a file below directories', async () => {
    const fd = await root.open('a/b/file', O_WRONLY | O_CREAT | O_EXCL, 0o600);
    fs.writeSync(fd, 'content');
    const byDescriptor = await root.statDescriptor(fd);
    fs.closeSync(fd);
    const stat = await root.stat('a/b/file');
    const truth = fs.lstatSync(at('a/b/file'), { bigint: true });
    expect(stat).toEqual(byDescriptor);
    expect(stat).toMatchObject({ kind: 'file', sizeBytes: 7, mode: 0o600, links: 1 });
    expect(stat).toMatchObject({ dev: truth.dev, ino: truth.ino });
    expect(stat).toMatchObject({ mtimeNs: truth.mtimeNs, ctimeNs: truth.ctimeNs });
    expect(stat?.birthtimeNs).toBe(truth.birthtimeNs);
    const again = await root.open('a/b/file', O_RDONLY);
    expect(fs.readFileSync(again, 'utf8')).toBe('content');
    fs.closeSync(again);
    expect(await code(root.open('a/b/file', O_WRONLY | O_CREAT | O_EXCL))).toBe('EEXIST');
  });

  it('describes the root itself as the empty path', async () => {
    const truth = fs.statSync(directory, { bigint: true });
    expect(await root.stat('')).toMatchObject({ kind: 'directory', ino: truth.ino });
  });

  it('says null for what is not there, and for what is below a file or a link', async () => {
    fs.writeFileSync(at('file'), '');
    fs.symlinkSync('../outside', at('link'));
    expect(await root.stat('nothing')).toBeNull();
    expect(await root.stat('nothing/below')).toBeNull();
    expect(await root.stat('file/below')).toBeNull();
    expect(await root.stat('link/secret')).toBeNull();
  });

  it.each(['/etc', '..', 'a/..', 'a/../../outside', 'a//b', './a', 'a/', 'a\0b', '\ud800'])(
    'refuses the path %j',
    async (path) => {
      expect(await code(root.stat(path))).toBe('EINVAL');
      expect(await code(root.list(path))).toBe('EINVAL');
      expect(await code(root.open(path, O_RDONLY))).toBe('EINVAL');
      expect(await code(root.makeDirectory(path))).toBe('EINVAL');
      expect(await code(root.rename('a', path, 'replace'))).toBe('EINVAL');
    },
  );

  it('has no operation that replaces or removes the root', async () => {
    expect(await code(root.removeDirectory(''))).toBe('EINVAL');
    expect(await code(root.rename('', 'b', 'replace'))).toBe('EINVAL');
  });

  it('follows no symbolic link, in the middle or at the end', async () => {
    fs.symlinkSync('../outside', at('link'));
    fs.symlinkSync('../outside/secret', at('file-link'));
    fs.symlinkSync(directory, at('self'));
    const refused = ['ELOOP', 'ENOTDIR', 'EXDEV'];
    for (const path of ['link/secret', 'file-link', 'self/a'])
      expect(refused).toContain(await code(root.open(path, O_RDONLY)));
    expect(refused).toContain(await code(root.open('link/new', O_WRONLY | O_CREAT)));
    expect(refused).toContain(await code(root.list('link')));
    expect(refused).toContain(await code(root.makeDirectory('link/new')));
    expect(refused).toContain(await code(root.removeFile('link/secret')));
    expect(refused).toContain(await code(root.rename('a', 'link/a', 'no-replace')));
    expect(refused).toContain(await code(root.setMode('file-link', 0o777)));
    expect(refused).toContain(await code(root.syncDirectory('link')));
    await root.setTimes('file-link', 5_000_000_000n);
    expect(fs.lstatSync(at('file-link')).mtimeMs).toBe(5000);
    expect(fs.statSync(join(top, 'outside/secret')).mtimeMs).toBeGreaterThan(1e12);
    expect(fs.readdirSync(join(top, 'outside'))).toEqual(['secret']);
    expect(await root.readLink('link')).toBe('../outside');
  });

  it('lists in byte order, with what cannot be decoded as such', async () => {
    const broken = Buffer.concat([Buffer.from(`${directory}/bad-`), Buffer.from([0xff, 0xe9])]);
    fs.writeFileSync(broken, 'x');
    for (const name of ['é', 'B', 'b', '\uFFFD', '😀', 'Z'.repeat(255)])
      fs.writeFileSync(at(name), '');
    const items = await root.list('');
    expect(items.map(({ name }) => name)).toEqual([
      'B',
      'Z'.repeat(255),
      'a',
      'b',
      null,
      'é',
      '\uFFFD',
      '😀',
    ]);
    const bad = items.find(({ name }) => name === null);
    expect(bad?.rawName).toBe('bad-\xff\xe9');
    expect(bad?.stat?.sizeBytes).toBe(1);
    expect(items.find(({ name }) => name === 'é')?.rawName).toBe('\xc3\xa9');
    expect(items.every(({ stat }) => stat !== null)).toBe(true);
  });

  it('lists many directories at once, and says which could not be', async () => {
    fs.writeFileSync(at('a/b/one'), '1');
    const listings = await root.survey(['a', 'missing', 'a/b', ''].map((path) => ({ path })));
    expect(listings.map((each) => ('items' in each ? each.items.length : each.errno))).toEqual([
      1,
      'ENOENT',
      1,
      1,
    ]);
    expect(await root.survey([])).toEqual([]);
    expect(await code(root.list('missing'))).toBe('ENOENT');
  });

  it('lists a directory of thousands completely', async () => {
    for (let index = 0; index < 3000; index++) fs.writeFileSync(at(`a/${index}`), '');
    const items = await root.list('a');
    expect(new Set(items.map(({ name }) => name)).size).toBe(3001);
  });

  it('names FIFOs and sockets, and never waits for one', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const server = createServer().listen(at('socket')).unref();
    await new Promise((resolve) => server.once('listening', resolve));
    expect((await root.list('')).map(({ stat }) => stat?.kind)).toEqual([
      'directory',
      'other',
      'other',
    ]);
    const fd = await root.open('fifo', O_RDONLY);
    expect((await root.statDescriptor(fd)).kind).toBe('other');
    fs.closeSync(fd);
    expect(await code(root.open('fifo', O_WRONLY))).toBe('ENXIO');
    expect(await code(root.open('socket', O_RDONLY))).toBe('ENXIO');
    await new Promise((resolve) => server.close(resolve));
  });

  it('sets times as exactly as it says, and modes', async () => {
    fs.writeFileSync(at('file'), '');
    const time = 1_700_000_001_123_456_789n;
    const cut = (ns: bigint) => ns - (ns % root.timePrecisionNs);
    await root.setTimes('file', time);
    expect(cut((await root.stat('file'))?.mtimeNs ?? 0n)).toBe(cut(time));
    const fd = await root.open('file', O_WRONLY);
    for (const ns of [1_234_567_890_000_000_001n, 1_700_000_000_999_999_999n, 0n]) {
      await root.setTimesOfDescriptor(fd, ns);
      expect(cut((await root.statDescriptor(fd)).mtimeNs)).toBe(cut(ns));
    }
    fs.closeSync(fd);
    await root.setMode('file', 0o640);
    await root.setMode('a', 0o700);
    expect((await root.stat('file'))?.mode).toBe(0o640);
    expect((await root.stat('a'))?.mode).toBe(0o700);
    expect(await code(root.setMode('missing', 0o600))).toBe('ENOENT');
  });

  it('makes and removes directories and links', async () => {
    await root.makeDirectory('a/c', 0o700);
    expect((await root.stat('a/c'))?.mode).toBe(0o700);
    expect(await code(root.makeDirectory('a/c'))).toBe('EEXIST');
    expect(await code(root.removeDirectory('a'))).toBe('ENOTEMPTY');
    await root.removeDirectory('a/c');
    await root.makeLink('a/l', 'any/where');
    expect(await root.readLink('a/l')).toBe('any/where');
    expect(await code(root.makeLink('a/l', 'x'))).toBe('EEXIST');
    await root.removeFile('a/l');
    expect(await code(root.removeFile('a/b'))).toMatch(/EISDIR|EPERM/);
    expect(fs.readdirSync(at('a'))).toEqual(['b']);
  });

  it('syncs, and knows how much room there is', async () => {
    await root.syncFileSystem();
    await root.syncDirectory('a/b');
    const space = await root.space();
    expect(space.freeBytes).toBeGreaterThan(0);
    expect(space.totalBytes).toBeGreaterThan(space.freeBytes);
    expect(space.freeInodes).toBeGreaterThan(0);
  });

  it('refuses everything after it was closed, and waits for what was begun before', async () => {
    const begun = root.list('a');
    await root.close();
    expect((await begun).length).toBe(1);
    expect(await code(root.stat('a'))).toBe('EBADF');
  });
});

describe('openSafeRoot', () => {
  it('rejects with the errno of a directory that is not there or is none', async () => {
    await expect(openSafeRoot('/nonexistent/ferry')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(openSafeRoot('/etc/passwd')).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
