import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Config, EMPTY_CONFIG, PAIR_DEFAULTS } from '../../daemon/config.ts';
import { loadConfig, updateConfig } from '../../daemon/config-file.ts';
import { type Home, makePrivateDirectory, resolveHome } from '../../daemon/home.ts';
import {
  checkMountPoint,
  checkOutsideDrives,
  checkOutsideServed,
  checkRootsApart,
} from '../../daemon/places.ts';
import { parseRemote, splitCredentials } from '../../daemon/remote-address.ts';
import { NO_SCHEDULE } from '../../daemon/schedule.ts';
import { loadSecrets, storeSecret } from '../../daemon/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let home: Home;
beforeEach(async () => {
  folder = await temporaryDirectory('ferry-home');
  home = resolveHome({ FERRY_HOME: folder.path });
});
afterEach(() => folder.close());

describe('resolveHome', () => {
  it('uses the XDG folders', () => {
    const environment = { HOME: '/home/me', XDG_CONFIG_HOME: '/c', XDG_RUNTIME_DIR: '/run/user/7' };
    expect(resolveHome(environment)).toMatchObject({
      configFile: '/c/ferry/config.json',
      stateDirectory: '/home/me/.local/state/ferry',
      socketPath: '/run/user/7/ferry/control.sock',
    });
  });

  it('puts everything below FERRY_HOME where that is set', () => {
    const found = resolveHome({ FERRY_HOME: '/f', XDG_CONFIG_HOME: '/c', XDG_RUNTIME_DIR: '/r' });
    for (const place of Object.values(found)) expect(place).toMatch(/^\/f(\/|$)/);
  });

  it('finds a short place for the socket when the path is too long for one', () => {
    const long = resolveHome({ FERRY_HOME: `/${'x'.repeat(120)}` });
    expect(Buffer.byteLength(long.socketPath)).toBeLessThanOrEqual(100);
    expect(long.socketPath).not.toBe(resolveHome({ FERRY_HOME: `/${'y'.repeat(120)}` }).socketPath);
  });
});

describe('makePrivateDirectory', () => {
  it('shuts others out of a directory that was open', async () => {
    const place = join(folder.path, 'run');
    await makePrivateDirectory(place);
    expect((await stat(place)).mode & 0o777).toBe(0o700);
  });

  it('does not follow a link that somebody put there', async () => {
    const place = join(folder.path, 'link');
    await symlink(folder.path, place);
    await expect(makePrivateDirectory(place)).rejects.toMatchObject({ code: 'LOCAL_PERMISSION' });
  });
});

describe('the files of the configuration', () => {
  it('keep changes that are made at the same time', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `r${n}`);
    await Promise.all(
      names.map((name) =>
        updateConfig(home, (config) => ({
          ...config,
          remotes: new Map(config.remotes).set(name, { url: `/${name}` }),
        })),
      ),
    );
    const { remotes } = await loadConfig(home, () => undefined);
    expect([...remotes.keys()].sort()).toEqual(names);
  });

  it('say which file is not JSON', async () => {
    await writeFile(home.configFile, '{ "pairs": ');
    await expect(loadConfig(home, () => undefined)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      path: home.configFile,
    });
  });

  it('keep passwords apart, for the user only', async () => {
    await storeSecret(home, 'remote:work', { user: 'me', password: 'hunter2' });
    expect((await stat(home.secretsFile)).mode & 0o777).toBe(0o600);
    expect((await loadSecrets(home)).get('remote:work')?.password).toBe('hunter2');
    await storeSecret(home, 'remote:work', undefined);
    expect(await readFile(home.secretsFile, 'utf8')).not.toContain('hunter2');
  });

  it('do not repeat a secret in an error', async () => {
    await writeFile(home.secretsFile, '{"remote:work": {"user": "me", "password": 4711}}');
    const message = await loadSecrets(home).catch((error: Error) => error.message);
    expect(message).toContain('remote:work.password');
    expect(message).not.toContain('4711');
  });
});

describe('what REMOTE means', () => {
  const config = {
    ...EMPTY_CONFIG,
    remotes: new Map([
      ['work', { url: 'https://example.org/dav/' }],
      ['disk', { url: '/media/disk' }],
    ]),
  };

  it.each([
    ['work', 'https://example.org/dav/'],
    ['work:a b/ü', 'https://example.org/dav/a%20b/%C3%BC'],
    ['https://other.example/x/', 'https://other.example/x/'],
    ['disk', '/media/disk'],
    ['disk:photos', '/media/disk/photos'],
    ['./near', '/cwd/near'],
    ['/far', '/far'],
    ['unknown', '/cwd/unknown'],
  ])('%s is %s', (text, expected) => {
    const address = parseRemote(text, config, '/cwd');
    expect(address.kind === 'webdav' ? address.url : address.absolutePath).toBe(expected);
  });

  it.each(['sftp://host/', 's3://bucket', 'gopher://x', 'work:../up'])('refuses %s', (text) => {
    expect(() => parseRemote(text, config, '/cwd')).toThrow(/cannot be used|not known|no "\."/);
  });

  it('takes user and password out of a URL', () => {
    expect(splitCredentials('https://me:p%40ss@example.org/dav/')).toEqual({
      url: 'https://example.org/dav/',
      credentials: { user: 'me', password: 'p@ss' },
    });
  });

  it('does not let one side hold the other', () => {
    const at = (absolutePath: string) => ({ kind: 'folder', absolutePath }) as const;
    expect(() => checkRootsApart('/a/b', at('/a'))).toThrow('overlap');
    expect(() => checkRootsApart('/a', at('/a/b'))).toThrow('overlap');
    expect(() => checkRootsApart('/a', at('/ab'))).not.toThrow();
  });
});

describe('drives and pairs', () => {
  const pair = { ...PAIR_DEFAULTS, schedule: NO_SCHEDULE, local: '/home/docs', remote: 'work' };
  const config: Config = {
    remotes: new Map([['work', { url: 'https://example.org/dav/' }]]),
    pairs: new Map([
      ['docs', pair],
      ['disk', { ...pair, local: '/home/other', remote: '/media/disk' }],
    ]),
    drives: new Map([
      [
        'drive',
        { remote: 'work', mountPoint: '/home/drive', direction: 'two-way', fallback: false },
      ],
    ]),
  };

  it.each([
    ['/home/docs', 'the pair docs'],
    ['/home/docs/sub', 'the pair docs'],
    ['/media/disk/sub', 'the pair disk'],
    ['/home', 'the pair docs'],
    ['/home/drive/sub', 'the drive drive'],
  ])('a drive at %s is refused, as it would show a remote to itself', (mountPoint, what) => {
    expect(() => checkMountPoint(mountPoint, config, '/cwd')).toThrow(what);
  });

  it('a drive may be mounted again where it is, and beside everything else', () => {
    expect(() => checkMountPoint('/home/drive', config, '/cwd')).not.toThrow();
    expect(() => checkMountPoint('/home/drive2', config, '/cwd')).not.toThrow();
  });

  it('a pair on a drive is refused, whichever of its sides that is', () => {
    const on = (local: string, remote: string) =>
      checkOutsideDrives({ ...pair, local, remote }, config, '/cwd');
    expect(() => on('/home/drive/docs', '/media/x')).toThrow('the drive drive');
    expect(() => on('/home/x', '/home/drive/docs')).toThrow('name its remote instead (work)');
    expect(() => on('/home/drive-2', 'work')).not.toThrow();
  });
});

describe('a drive in a folder that a server serves', () => {
  const remote = (url: string) => parseRemote(url, EMPTY_CONFIG, '/');

  it('is refused where it can show itself, deeper and deeper', async () => {
    await mkdir(join(folder.path, 'served/.ferry'), { recursive: true });
    await writeFile(join(folder.path, 'served/.ferry/server.json'), '{}');
    const inside = join(folder.path, 'served/deep/drive');
    for (const url of ['http://127.0.0.1:8080/', 'http://localhost/', 'https://[::1]:8443/dav/'])
      expect(() => checkOutsideServed(inside, remote(url))).toThrow(
        `is inside ${join(folder.path, 'served')}, which ferry serve serves`,
      );
    checkOutsideServed(inside, remote('https://dav.example.org/'));
    checkOutsideServed(join(folder.path, 'drive'), remote('http://127.0.0.1:8080/'));
  });
});
