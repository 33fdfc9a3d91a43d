import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createPairEngine } from '../../../core/engine/create-pair-engine.ts';
import type { PairEngine } from '../../../core/engine/pair-engine.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import { createMemoryReplica, type MemoryReplica } from '../../../remotes/memory/memory-replica.ts';
import type { OutsideAccess } from '../../conformance/setting.ts';
import {
  type DriveOnDisk,
  openDriveOnDisk,
  programsOn,
  QUIET,
  steppingClock,
} from '../../support/drive-on-disk.ts';

describe('a drive as the local side of a pair', () => {
  let remote: MemoryReplica;
  let disk: DriveOnDisk;
  let engine: PairEngine;
  let records: string;
  const fetched: string[] = [];

  beforeEach(async () => {
    fetched.length = 0;
    records = await fs.mkdtemp(join(tmpdir(), 'ferry-records-'));
    remote = createMemoryReplica({ identities: false });
    disk = await openDriveOnDisk({
      hydrate(path, version, options) {
        fetched.push(path);
        return remote.read(path, { expected: version, ...options });
      },
    });
    engine = await openEngine();
  });
  afterEach(async () => {
    await engine.close();
    await disk.close();
    await fs.rm(records, { recursive: true, force: true });
  });

  function openEngine(): Promise<PairEngine> {
    return createPairEngine({
      settings: {
        name: 'drive',
        direction: 'two-way',
        deletes: 'propagate',
        mirror: false,
        ignore: [],
        maxDeleteFraction: 0.25,
        trustTimes: false,
        deviceName: 'laptop',
      },
      local: disk.drive.replica,
      remote,
      recordsDirectory: join(records, 'pair'),
      clock: steppingClock(),
      logger: QUIET,
    });
  }

  const sync = () => engine.run({ allowDeletes: true, yes: true });
  const programs = (): OutsideAccess => programsOn(disk.drive);
  const onDrive = async (path: string) => (await programs().read(path))?.toString();
  const onServer = (path: string) => {
    const bytes = remote.outside.read(path as SyncPath);
    return bytes === null ? null : Buffer.from(bytes).toString();
  };
  const putOnServer = (path: string, content: string) =>
    remote.outside.write(path as SyncPath, Buffer.from(content));

  test('the whole tree arrives without its content, which comes when it is read', async () => {
    putOnServer('a/b/file.txt', 'content');
    expect(await sync()).toMatchObject({ downloaded: 1, problems: [], conflicts: [] });
    expect(fetched).toEqual([]);
    expect(disk.files.attributes('a/b/file.txt')).toMatchObject({
      sizeBytes: 7,
      storedBytes: 0,
    });
    expect(await onDrive('a/b/file.txt')).toBe('content');
    expect(fetched).toEqual(['a/b/file.txt']);
  });

  test('a second run, also after a restart of both, moves nothing and fetches nothing', async () => {
    putOnServer('one', '1');
    await programs().write('two', '2');
    await sync();
    const idle = { uploaded: 0, downloaded: 0, adopted: 0, moved: 0, conflicts: [], problems: [] };
    expect(await sync()).toMatchObject(idle);
    await engine.close();
    await disk.restart();
    engine = await openEngine();
    expect(await sync()).toMatchObject(idle);
    expect(fetched).toEqual([]);
  });

  test('what programs write is uploaded, and is not pending any more then', async () => {
    await programs().write('folder/new.txt', 'made here');
    expect(disk.drive.stats.pending).toBe(1);
    expect(await sync()).toMatchObject({ uploaded: 1, problems: [] });
    expect(onServer('folder/new.txt')).toBe('made here');
    expect(disk.drive.stats.pending).toBe(0);
  });

  test('an edit of a placeholder is uploaded whole', async () => {
    putOnServer('file', 'old content');
    await sync();
    const handle = await disk.files.open('file', {
      write: true,
      append: true,
      truncate: false,
    });
    await disk.files.write(handle, Buffer.from(' and more'), 0);
    disk.files.release(handle);
    await sync();
    expect(onServer('file')).toBe('old content and more');
  });

  test('an uploaded file whose content was given up is fetched again from its uploaded version', async () => {
    await programs().write('file', 'first');
    await sync();
    expect(await disk.drive.cache.free(['file' as SyncPath])).toMatchObject({ freedFiles: 1 });
    expect(await onDrive('file')).toBe('first');
    expect(fetched).toEqual(['file']);
  });

  test('a newer version on the server replaces content that is here', async () => {
    putOnServer('file', 'one');
    await sync();
    expect(await onDrive('file')).toBe('one');
    putOnServer('file', 'two!');
    await sync();
    expect(await onDrive('file')).toBe('two!');
  });

  test('edits on both sides are both kept', async () => {
    putOnServer('file.txt', 'base');
    await sync();
    await programs().write('file.txt', 'mine');
    putOnServer('file.txt', 'theirs');
    const { conflicts } = await sync();
    expect(conflicts).toHaveLength(1);
    expect(await onDrive('file.txt')).toBe('theirs');
    const copy = conflicts[0]?.copyPath ?? '';
    expect(await onDrive(copy)).toBe('mine');
    expect(onServer(copy)).toBe('mine');
  });

  test('a directory that is renamed here is moved on the server, without any content', async () => {
    for (const name of ['1', '2', '3']) putOnServer(`from/${name}`, `content of ${name}`);
    await sync();
    disk.files.rename('from', 'to');
    expect(await sync()).toMatchObject({ uploaded: 0, downloaded: 0, problems: [] });
    expect(onServer('to/2')).toBe('content of 2');
    expect(onServer('from/2')).toBeNull();
    expect(fetched).toEqual([]);
  });

  test('what is removed here is removed there, and the other way round', async () => {
    for (const name of ['here', 'there', 'stays']) putOnServer(name, name);
    await sync();
    await programs().remove('here');
    remote.outside.remove('there' as SyncPath);
    await sync();
    expect(remote.outside.paths()).toEqual(['stays']);
    expect(await programs().list('')).toEqual(['stays']);
  });

  test('a file whose time alone changed on the server can still be fetched', async () => {
    putOnServer('file', 'content');
    await sync();
    const before = await remote.stat('file' as SyncPath);
    if (before === null) throw new Error('not on the server');
    const mtimeNs = 1_500_000_000_000_000_000n;
    await remote.setMetadata(before.path, { mtimeNs }, { expected: before.version });
    await sync();
    await sync();
    expect(disk.files.attributes('file').mtimeNs).toBe(mtimeNs);
    expect(await onDrive('file')).toBe('content');
  });

  test('a file that is here in parts can still be fetched when only its time has changed since', async () => {
    const content = 'film'.repeat(1024 * 1024);
    putOnServer('film', content);
    await sync();
    const readAt = async (offset: number): Promise<string> => {
      const handle = await disk.files.open('film', {
        write: false,
        append: false,
        truncate: false,
      });
      const bytes = Buffer.alloc(4);
      await disk.files.read(handle, bytes, offset);
      disk.files.release(handle);
      return bytes.toString();
    };
    expect(await readAt(0)).toBe('film');
    disk.files.setModified('film', 1_600_000_000_000_000_000n);
    expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
    expect(await readAt(3 * 1024 * 1024)).toBe('film');
  });

  test('a file that was moved on the server can still be fetched', async () => {
    putOnServer('file', 'content');
    await sync();
    remote.outside.move('file' as SyncPath, 'moved' as SyncPath);
    await sync();
    expect(await onDrive('moved')).toBe('content');
  });

  describe('a file whose content is only on the server', () => {
    const GONE = 'moved here, deleted there, and its content was only there: the deletion counts';
    const reasons = async (path: string) =>
      (await engine.explain(path as SyncPath)).history.map(({ reason }) => reason.rule);
    const setTime = (path: string, seconds: bigint) =>
      disk.files.setModified(path, seconds * 1_000_000_000n);

    test('is gone when it was removed there while a program moved it, and the run says why', async () => {
      putOnServer('file', 'content');
      await sync();
      remote.outside.remove('file' as SyncPath);
      disk.files.rename('file', 'moved');
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      expect(await programs().list('')).toEqual([]);
      expect(remote.outside.paths()).toEqual([]);
      expect((await reasons('moved'))[0]).toBe(GONE);
      expect(await sync()).toMatchObject({ problems: [], downloaded: 0, uploaded: 0 });
    });

    test('is gone from a directory that a program moved, where what is here stays', async () => {
      putOnServer('from/there', 'on the server');
      putOnServer('from/here', 'on this device');
      await sync();
      const { signal } = new AbortController();
      await disk.drive.cache.hydrate(['from/here' as SyncPath], { signal });
      remote.outside.remove('from/there' as SyncPath);
      remote.outside.remove('from/here' as SyncPath);
      remote.outside.remove('from' as SyncPath);
      disk.files.rename('from', 'to');
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      expect(await programs().list('to')).toEqual(['here']);
      expect(onServer('to/here')).toBe('on this device');
    });

    test('is the one of the server when its time was set here and it was changed there', async () => {
      putOnServer('file', 'content');
      await sync();
      setTime('file', 1_000_000_000n);
      putOnServer('file', 'changed');
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      expect(fetched).toEqual([]);
      expect(await onDrive('file')).toBe('changed');
    });

    test('is the one of the server when a run was cut off before it recorded it', async () => {
      putOnServer('file', 'content');
      await sync();
      await engine.close();
      await fs.rm(records, { recursive: true, force: true });
      engine = await openEngine();
      putOnServer('file', 'changed');
      const { problems, conflicts, deletedLocal } = await sync();
      expect({ problems, conflicts, deletedLocal }).toEqual({
        problems: [],
        conflicts: [],
        deletedLocal: 0,
      });
      expect(fetched).toEqual([]);
      expect(await onDrive('file')).toBe('changed');
    });

    test('is gone when it was removed there, also where nothing is recorded any more', async () => {
      putOnServer('file', 'content');
      putOnServer('other', 'stays');
      await sync();
      remote.outside.remove('file' as SyncPath);
      await engine.reset();
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      expect(await programs().list('')).toEqual(['other']);
      expect(remote.outside.paths()).toEqual(['other']);
    });

    test('is not fetched by a reset', async () => {
      putOnServer('file', 'content');
      await sync();
      expect(await engine.reset()).toMatchObject({ problems: [], conflicts: [] });
      expect(fetched).toEqual([]);
      expect(await onDrive('file')).toBe('content');
    });

    test('needs no fetching for a time that was set here, nor when it was removed there then', async () => {
      putOnServer('file', 'content');
      await sync();
      setTime('file', 1_000_000_000n);
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      setTime('file', 1_100_000_000n);
      remote.outside.remove('file' as SyncPath);
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      expect(await programs().list('')).toEqual([]);
      expect(fetched).toEqual([]);
    });
  });
});
