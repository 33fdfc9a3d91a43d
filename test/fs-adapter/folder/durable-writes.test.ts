import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { WriteItem, WriteOptions, WriteResult } from '../../../core/ports.ts';
import { Durability } from '../../../fs-adapter/folder/durability.ts';
import { openFolderReplica } from '../../../fs-adapter/folder/folder-replica.ts';
import { RealNames } from '../../../fs-adapter/folder/real-names.ts';
import { Stage } from '../../../fs-adapter/folder/stage.ts';
import { VersionStore } from '../../../fs-adapter/folder/version-store.ts';
import { writeFiles } from '../../../fs-adapter/folder/write-files.ts';
import { openSafeRoot, type SafeRoot } from '../../../native/index.ts';
import { item, put, versionOf, writeAll } from '../../conformance/setting.ts';
import { availableBackends } from '../../native/backends.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { type FolderSetting, folderSetting } from './folder-setting.ts';

/** Reads small items in one step, as a source that can read groups does. */
const contents: NonNullable<WriteOptions['contents']> = (given) =>
  Promise.all(
    given.map(async (one) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of await one.open()) pieces.push(piece);
      return Buffer.concat(pieces);
    }),
  );

const WAYS = availableBackends().flatMap((backend) => [
  { backend, way: 'file by file', options: {} },
  { backend, way: 'in whole groups', options: { contents } },
]);

const items = (count: number): WriteItem[] =>
  Array.from({ length: count }, (_, index) => item(`file-${index}`, `content ${index}`));

describe.each(WAYS)('writing durably ($backend, $way)', ({ backend, options }) => {
  let directory: string;
  let root: SafeRoot;
  /** What reached the disk's names and syncs, in order. */
  let log: string[];

  beforeEach(async () => {
    directory = fs.mkdtempSync('/tmp/ferry-test-');
    root = await openSafeRoot(directory, { backend });
    log = [];
  });
  afterEach(async () => {
    await root.close();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  /** Writes with a root that logs, and whose syncs fail when `failsAt` says so. */
  const write = async (given: readonly WriteItem[], failsAt = 0) => {
    let syncs = 0;
    const logging = new Proxy(root, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (key === 'syncFileSystem') log.push(key);
          if (key === 'renameFiles') log.push(...(args[0] as []).map(() => key));
          if (key === 'syncFileSystem' && ++syncs === failsAt)
            return Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
          return value.apply(target, args);
        };
      },
    });
    const names = new RealNames();
    const context = {
      root: logging,
      names,
      versions: new VersionStore({ names, deviceName: 'd', clock: realClock, logger: quietLogger }),
      stage: new Stage(),
      durability: new Durability(),
    };
    const results: WriteResult[] = [];
    for await (const group of writeFiles(given, context, options)) results.push(...group);
    return results;
  };
  const visible = () => fs.readdirSync(directory).filter((name) => name !== '.ferry');

  it('syncs the contents of a group before its names, and the names before it says so', async () => {
    const results = await write(items(20));
    expect(results.filter((result) => 'entry' in result)).toHaveLength(20);
    expect(log.filter((call) => call === 'renameFiles')).toHaveLength(20);
    expect(log[0]).toBe('syncFileSystem');
  });

  it('publishes nothing of a group whose contents did not reach the disk', async () => {
    const results = await write(items(20), 1);
    expect(results).toHaveLength(20);
    for (const result of results) expect(result).toMatchObject({ error: { code: 'LOCAL_IO' } });
    expect(visible()).toEqual([]);
    expect(fs.readdirSync(join(directory, '.ferry/stage'), { recursive: true })).toHaveLength(1);
  });

  it('syncs a few files one by one, without waiting for the whole file system', async () => {
    const results = await write(items(3));
    expect(results.filter((result) => 'entry' in result)).toHaveLength(3);
    expect(log).not.toContain('syncFileSystem');
  });
});

describe.each(availableBackends())('modes of written files (%s)', (backend) => {
  let setting: FolderSetting;
  const modeOf = (name: string) => fs.statSync(join(setting.absolutePath, name)).mode & 0o7777;

  beforeEach(async () => {
    setting = await folderSetting(backend);
  });
  afterEach(() => setting.close());

  it('never gives more than the umask allows, and no special bits', async () => {
    const umask = process.umask();
    await put(setting.replica, 'wide', 'x', { mode: 0o7777 });
    await put(setting.replica, 'plain', 'x');
    expect(modeOf('wide')).toBe(0o777 & ~umask);
    expect(modeOf('plain')).toBe(0o666 & ~umask);
  });

  it('leaves the mode of a replaced file when the source has none', async () => {
    await setting.outside.write('script', 'old');
    fs.chmodSync(join(setting.absolutePath, 'script'), 0o750);
    const expected = await versionOf(setting.replica, 'script');
    await put(setting.replica, 'script', 'new', { expected });
    expect(modeOf('script')).toBe(0o750);
  });
});

describe('a full disk', () => {
  it('fails the file that has no room, names the bytes it needs, and takes the others', async () => {
    if (process.getuid?.() !== 0) {
      process.stderr.write('not tested: mounting a small file system needs root\n');
      return;
    }
    const directory = fs.mkdtempSync('/tmp/ferry-test-');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', directory]);
    const replica = await openFolderReplica({
      absolutePath: directory,
      deviceName: 'laptop',
      clock: realClock,
      logger: quietLogger,
    });
    try {
      await replica.identify({ create: true });
      const others = [item('small', 'fits'), item('other', 'fits too')];
      const results = await writeAll(replica, [
        ...others,
        item('large', Buffer.alloc(3 * 1024 * 1024)),
        item('huge', Buffer.alloc(20 * 1024 * 1024)),
      ]);
      // One may come in the very moment in which the large ones fill the disk: the next pass of a run tries it again.
      const refused = others.filter(({ path }) => !('entry' in (results.get(path) ?? {})));
      const again = await writeAll(replica, refused);
      for (const { path } of others)
        expect(again.get(path) ?? results.get(path)).toHaveProperty('entry');
      for (const [name, bytes] of [
        ['large', 3 * 1024 * 1024],
        ['huge', 20 * 1024 * 1024],
      ] as const)
        expect(results.get(name)).toMatchObject({
          error: { code: 'LOCAL_NO_SPACE', message: expect.stringContaining(`${bytes} bytes`) },
        });
      expect(fs.readdirSync(directory).sort()).toEqual(['.ferry', 'other', 'small']);
      await replica.close();
      expect(fs.readdirSync(join(directory, '.ferry/stage'))).toEqual([]);
    } finally {
      await replica.close();
      execFileSync('umount', [directory]);
      fs.rmdirSync(directory);
    }
  });
});
