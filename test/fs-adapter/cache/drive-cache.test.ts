import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Entry, Version } from '../../../core/model/entry.ts';
import type { WriteItem } from '../../../core/ports.ts';
import { openByteStore } from '../../../core/records/store.ts';
import { hashOf } from '../../../core/transfer/verified-stream.ts';
import { at, item, observeAll, put, versionOf, writeAll } from '../../conformance/setting.ts';
import { type DriveOnDisk, openDriveOnDisk, programsOn } from '../../support/drive-on-disk.ts';

const MTIME_NS = 1_600_000_000_123_456_789n;

describe('the cache of a drive', () => {
  let disk: DriveOnDisk;
  beforeEach(async () => {
    disk = await openDriveOnDisk();
  });
  afterEach(() => disk.close());

  async function arrive(
    path: string,
    content: string,
    extras: Pick<WriteItem, 'hash'> = {},
  ): Promise<void> {
    const version = `v${disk.remote.size}`;
    disk.remote.set(version, Buffer.from(content));
    const { replica } = disk.drive;
    const before = await replica.stat(at(path));
    const one = {
      ...item(path, content, { expected: before?.version ?? 'absent', mtimeNs: MTIME_NS }),
      sourceVersion: version as Version,
      ...extras,
    };
    const result = (await writeAll(replica, [one])).get(at(path));
    if (result !== undefined && 'error' in result) throw result.error;
  }

  async function text(path: string): Promise<string | undefined> {
    return (await programsOn(disk.drive).read(path))?.toString();
  }

  function cached(): Promise<string[]> {
    return fs.readdir(join(disk.stateDirectory, 'cache'));
  }

  async function changeTable(change: (key: string) => boolean): Promise<void> {
    await disk.drive.close();
    const store = await openByteStore(join(disk.stateDirectory, 'table'));
    for await (const batch of store.scan('n/'))
      for (const [key] of batch) if (change(key)) await store.batch([{ type: 'del', key }]);
    await store.close();
    await disk.restart();
  }

  test('the state belongs to its user alone', async () => {
    await arrive('file', 'secret');
    await text('file');
    const mode = async (path: string) =>
      ((await fs.stat(join(disk.stateDirectory, path))).mode & 0o777).toString(8);
    expect(await mode('.')).toBe('700');
    expect(await mode('cache')).toBe('700');
    expect(await mode(`cache/${(await cached())[0]}`)).toBe('600');
  });

  test('entries, versions, times to the nanosecond and identities are the same after a restart', async () => {
    await arrive('file', 'content');
    await disk.drive.replica.makeDirectory(at('folder'));
    await disk.drive.replica.makeLink(at('folder/link'), '../file');
    await programsOn(disk.drive).write('folder/made', 'here');
    const before = await observeAll(disk.drive.replica);
    const identity = await disk.drive.replica.identify();
    await disk.restart();
    expect(await observeAll(disk.drive.replica)).toEqual(before);
    expect(await disk.drive.replica.identify()).toEqual(identity);
    expect(before.entries.get('file')).toMatchObject({ mtimeNs: MTIME_NS });
    expect(disk.drive.stats.pending).toBe(1);
  });

  test('an empty file that was uploaded is the same after a restart', async () => {
    const { replica } = disk.drive;
    disk.files.release(await disk.files.create('empty', 0o644));
    const before = await observeAll(replica);
    await replica.noteCounterpart?.(at('empty'), await versionOf(replica, 'empty'), 'r' as Version);
    await disk.restart();
    expect(await observeAll(disk.drive.replica)).toEqual(before);
    expect(disk.drive.stats.pending).toBe(0);
  });

  test('ids are never used twice, not even when the last file was removed before a restart', async () => {
    const version = async (): Promise<Version> => {
      await programsOn(disk.drive).write('file', 'x');
      return versionOf(disk.drive.replica, 'file');
    };
    const seen = new Set<Version>();
    for (let round = 0; round < 3; round += 1) {
      seen.add(await version());
      await programsOn(disk.drive).remove('file');
      await disk.restart();
    }
    expect(seen.size).toBe(3);
  });

  test('a store that lost records gives the drive another identity, so that nothing is deleted for it', async () => {
    for (const name of ['a', 'b', 'c']) await arrive(name, name);
    const before = await disk.drive.replica.identify();
    let first = true;
    await changeTable((key) => {
      const hit = first && !key.endsWith('01');
      if (hit) first = false;
      return hit;
    });
    expect(await disk.drive.replica.identify()).not.toEqual(before);
    expect((await observeAll(disk.drive.replica)).order).toHaveLength(2);
  });

  test('what was in a directory whose record is lost is kept under another name', async () => {
    await programsOn(disk.drive).write('folder/mine', 'only here');
    const id = disk.files.attributes('folder').inode;
    await changeTable((key) => Number(key.slice(2)) === id);
    const [name] = (await observeAll(disk.drive.replica)).order;
    expect(name).toMatch(/^recovered-\d+ mine$/);
    expect(await text(name ?? '')).toBe('only here');
  });

  test('a backing file that changed unnoticed makes its file dirty', async () => {
    await arrive('file', 'content');
    await disk.drive.cache.hydrate([at('file')], { signal: new AbortController().signal });
    const before = await versionOf(disk.drive.replica, 'file');
    const [name] = await cached();
    await disk.drive.close();
    await fs.appendFile(join(disk.stateDirectory, 'cache', name ?? ''), ' more');
    await disk.restart();
    expect(disk.drive.stats.pending).toBe(1);
    expect(await versionOf(disk.drive.replica, 'file')).not.toBe(before);
    expect(await text('file')).toBe('content more');
  });

  test('content that was taken out of the cache is fetched again; strangers in it are removed', async () => {
    await arrive('file', 'content');
    await text('file');
    const [name] = await cached();
    await disk.drive.close();
    await fs.rm(join(disk.stateDirectory, 'cache', name ?? ''));
    await fs.writeFile(join(disk.stateDirectory, 'cache', '999999'), 'left over');
    await disk.restart();
    expect(await cached()).toEqual([]);
    expect(await text('file')).toBe('content');
    expect(disk.fetched).toHaveLength(2);
  });

  test('many readers share one fetch', async () => {
    await arrive('file', 'content');
    await Promise.all(Array.from({ length: 20 }, () => text('file')));
    expect(disk.fetched).toHaveLength(1);
  });

  test('content of another length than announced is not taken', async () => {
    await arrive('file', 'content');
    disk.remote.set('v0', Buffer.from('shorter'.slice(1)));
    await expect(text('file')).rejects.toMatchObject({ code: 'CHANGED' });
    expect(disk.files.attributes('file').storedBytes).toBe(0);
  });

  test('a new version of the same hash leaves the content in place', async () => {
    const hash = hashOf(Buffer.from('content'));
    await arrive('file', 'content', { hash });
    await disk.drive.cache.hydrate([at('file')], { signal: new AbortController().signal });
    await arrive('file', 'content', { hash });
    expect(await text('file')).toBe('content');
    expect(disk.fetched).toHaveLength(1);
  });

  test('content that only this drive has is kept aside when sync replaces or removes it', async () => {
    const { replica } = disk.drive;
    await programsOn(disk.drive).write('folder/mine.txt', 'mine');
    await put(replica, 'folder/mine.txt', 'theirs', {
      expected: await versionOf(replica, 'folder/mine.txt'),
    });
    await programsOn(disk.drive).write('folder/gone.txt', 'gone');
    const expected = await versionOf(replica, 'folder/gone.txt');
    await replica.remove(at('folder/gone.txt'), { expected });
    const versions = join(disk.stateDirectory, 'versions', 'folder');
    const kept = (await fs.readdir(versions)).sort();
    expect(kept.map((name) => name.split('~')[0])).toEqual(['gone.txt', 'mine.txt']);
    const contents = kept.map((name) => fs.readFile(join(versions, name), 'utf8'));
    expect(await Promise.all(contents)).toEqual(['gone', 'mine']);
  });

  test('a moved file whose content came only after sync saw that it has none is kept aside, too', async () => {
    const { replica } = disk.drive;
    await arrive('file', 'content');
    disk.files.rename('file', 'moved');
    const expected = await versionOf(replica, 'moved');
    await disk.drive.cache.hydrate([at('moved')], { signal: new AbortController().signal });
    await replica.remove(at('moved'), { expected });
    const versions = join(disk.stateDirectory, 'versions');
    const [kept = ''] = await fs.readdir(versions);
    expect(await fs.readFile(join(versions, kept), 'utf8')).toBe('content');
  });

  test('a counterpart of a version that is not current any more changes nothing', async () => {
    const { replica } = disk.drive;
    await programsOn(disk.drive).write('file', 'one');
    const uploaded = await versionOf(replica, 'file');
    await programsOn(disk.drive).write('file', 'two');
    await replica.noteCounterpart?.(at('file'), uploaded, 'r1' as Version);
    expect(disk.drive.stats.pending).toBe(1);
    expect(await disk.drive.cache.free([at('file')])).toMatchObject({
      kept: [{ path: 'file', reason: 'dirty' }],
    });
  });

  test('a file whose directory is renamed while it is uploaded counts as uploaded', async () => {
    const { replica } = disk.drive;
    await programsOn(disk.drive).write('folder/file', 'content');
    const expected = await versionOf(replica, 'folder/file');
    const { stream } = await replica.read(at('folder/file'), { expected });
    for await (const _ of stream);
    disk.files.rename('folder', 'renamed');
    await replica.noteCounterpart?.(at('folder/file'), expected, 'r1' as Version);
    expect(disk.drive.stats.pending).toBe(0);
  });

  test('a file that is moved while it is uploaded waits for the move to be synced', async () => {
    const { replica } = disk.drive;
    await programsOn(disk.drive).write('folder/file', 'content');
    const expected = await versionOf(replica, 'folder/file');
    const { stream } = await replica.read(at('folder/file'), { expected });
    for await (const _ of stream);
    disk.files.rename('folder/file', 'folder/moved');
    await replica.noteCounterpart?.(at('folder/file'), expected, 'r1' as Version);
    expect(await disk.drive.cache.free([at('folder/moved')])).toMatchObject({
      kept: [{ path: 'folder/moved', reason: 'dirty' }],
    });
  });

  test('changes by programs are hinted at, changes by sync are not', async () => {
    const hints: string[] = [];
    const { replica } = disk.drive;
    replica.changes$.subscribe((path) => hints.push(path));
    await arrive('arrived', 'x');
    expect(hints).toEqual([]);
    await programsOn(disk.drive).write('folder/file', 'x');
    disk.files.rename('folder/file', 'moved');
    await programsOn(disk.drive).remove('moved');
    expect(new Set(hints)).toEqual(new Set(['folder', 'folder/file', 'moved']));
  });

  test('a file that is open for writing is left alone by sync', async () => {
    await arrive('file', 'content');
    const handle = await disk.files.open('file', {
      write: true,
      append: false,
      truncate: false,
    });
    await expect(arrive('file', 'newer')).rejects.toMatchObject({ code: 'LOCAL_BUSY' });
    const { version } = (await disk.drive.replica.stat(at('file'))) as Entry;
    const moved = disk.drive.replica.move(at('file'), at('other'), { expected: version });
    await expect(moved).rejects.toMatchObject({ code: 'LOCAL_BUSY' });
    disk.files.release(handle);
    await arrive('file', 'newer');
  });
});
