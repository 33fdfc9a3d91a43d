import { execFileSync } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ContentHash, Version } from '../../../core/model/entry.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import { BlockMap } from '../../../fs-adapter/cache/block-map.ts';
import {
  type DriveFile,
  type DriveTree,
  FILL_BLOCK_BYTES,
  type NewContent,
} from '../../../fs-adapter/cache/drive-tree.ts';
import { FUSE_NATIVE_KIND } from '../../../fs-adapter/mount/fuse-native-kind.ts';
import type { MountedFiles } from '../../../fs-adapter/mount/mount-backend.ts';
import { at } from '../../conformance/setting.ts';
import {
  type DriveOnDisk,
  openDriveOnDisk,
  QUIET,
  steppingClock,
} from '../../support/drive-on-disk.ts';

const BLOCK = FILL_BLOCK_BYTES;
const READ = { write: false, append: false, truncate: false };
const WRITE = { write: true, append: false, truncate: false };

describe('the blocks of a placeholder', () => {
  test('are missing until a part covers them whole, the last one to the end of the content', () => {
    const map = new BlockMap(3 * BLOCK + 10);
    expect(map.missing({ offset: 5, length: 1 })).toEqual([{ offset: 0, length: BLOCK }]);
    map.fill({ offset: BLOCK - 1, length: BLOCK + 1 });
    map.fill({ offset: 3 * BLOCK, length: 10 });
    expect(map.missing({ offset: 0, length: 9 * BLOCK })).toEqual([
      { offset: 0, length: BLOCK },
      { offset: 2 * BLOCK, length: BLOCK },
    ]);
    expect(map.storedBytes).toBe(BLOCK + 10);
    map.fill({ offset: 0, length: 3 * BLOCK });
    expect([map.isWhole, map.storedBytes]).toEqual([true, 3 * BLOCK + 10]);
  });

  test('are the same after they were saved', () => {
    const map = new BlockMap(20 * BLOCK);
    expect(map.save()).toBeNull();
    for (const block of [0, 7, 8, 19]) map.fill({ offset: block * BLOCK, length: BLOCK });
    expect(map.save()).toEqual(new Uint8Array([0b1000_0001, 1, 0b1000]));
    const again = new BlockMap(20 * BLOCK, map.save());
    const whole = { offset: 0, length: 20 * BLOCK };
    expect(again.missing(whole)).toEqual(map.missing(whole));
  });
});

describe('the tree in memory', () => {
  let disk: DriveOnDisk;
  let tree: DriveTree;
  let files: MountedFiles;
  beforeEach(async () => {
    disk = await openDriveOnDisk();
    ({ tree } = disk.drive);
    ({ files } = disk);
  });
  afterEach(() => disk.close());

  function contentOf(version: string, bytes: Uint8Array): NewContent {
    disk.remote.set(version, Buffer.from(bytes));
    const source = version as Version;
    return { sizeBytes: bytes.length, source, hash: null, staged: null };
  }

  function put(name: string, version: string, bytes: Uint8Array): DriveFile {
    const entry = { ...contentOf(version, bytes), kind: 'file', name } as const;
    return tree.insert(rootId(), entry) as DriveFile;
  }

  function rootId(): number {
    return tree.find('' as SyncPath)?.id ?? 0;
  }

  function file(path: string): DriveFile {
    const entry = tree.find(at(path));
    if (entry?.kind !== 'file') throw new Error(`${path} is no file`);
    return entry;
  }

  async function readAt(handle: number, offset: number, length: number): Promise<string> {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, await files.read(handle, bytes, offset)).toString();
  }

  const content = Buffer.alloc(40 * BLOCK, 'ferry 0123456789');

  test('brings only the blocks that are read, and keeps them over a restart', async () => {
    put('big', 'v1', content);
    const handle = await files.open('big', READ);
    const here = 30 * BLOCK + 5;
    expect(await readAt(handle, here, 20)).toBe(content.toString('utf8', here, here + 20));
    const { storedBytes } = file('big');
    expect(storedBytes).toBeGreaterThanOrEqual(BLOCK);
    expect(storedBytes).toBeLessThan(content.length);
    expect(String(files.extendedAttribute('big', 'user.ferry.state'))).toBe('partial');
    files.release(handle);
    await disk.restart();
    ({ tree } = disk.drive);
    expect(file('big').storedBytes).toBe(storedBytes);
    expect(tree.missing(file('big').id, { offset: 30 * BLOCK, length: 1 })).toEqual([]);
  });

  test('brings all of a file before it is written, and its beginning before it is cut', async () => {
    put('written', 'v1', content);
    const handle = await files.open('written', WRITE);
    await files.write(handle, Buffer.from('FERRY'), 10);
    expect(await readAt(handle, 8, 10)).toBe(
      `${content.toString('utf8', 8, 10)}FERRY${content.toString('utf8', 15, 18)}`,
    );
    files.release(handle);
    expect(file('written')).toMatchObject({ state: 'dirty', storedBytes: content.length });
    put('cut', 'v2', content);
    await files.truncate('cut', BLOCK + 3);
    expect(file('cut')).toMatchObject({ state: 'dirty', sizeBytes: BLOCK + 3 });
    const cut = await files.open('cut', READ);
    expect(await readAt(cut, BLOCK, 99)).toBe(content.toString('utf8', BLOCK, BLOCK + 3));
    files.release(cut);
  });

  test('takes nothing more for a file that was cut while it was filled', async () => {
    const { id } = put('raced', 'v1', content);
    const target = tree.fillTarget(id);
    await files.truncate('raced', 0);
    if (target === null) throw new Error('nothing to fill');
    await fs.writeFile(target.backingPath, 'late').catch(() => undefined);
    expect(tree.filled(id, target.generation, { offset: 0, length: BLOCK })).toBe(false);
    expect(tree.completed(id, target.generation, 1n)).toBe(false);
    expect(file('raced')).toMatchObject({ state: 'dirty', sizeBytes: 0 });
  });

  test('gives what sync brings for a file that is read a new entry, and the readers keep theirs', async () => {
    const old = put('read', 'v1', Buffer.from('old'));
    const handle = await files.open('read', READ);
    expect(await readAt(handle, 0, 9)).toBe('old');
    const now = tree.replace(old.id, old.counter, contentOf('v2', Buffer.from('newer')));
    expect(now.id).not.toBe(old.id);
    expect(now).toMatchObject({ identity: old.identity, sizeBytes: 5 });
    expect(tree.entry(old.id)).toMatchObject({ parentId: null, sizeBytes: 3 });
    expect(await readAt(handle, 0, 9)).toBe('old');
    files.release(handle);
    expect(tree.entry(old.id)).toBeNull();
    expect(tree.find(at('read'))?.id).toBe(now.id);
  });

  test('keeps the entry where nobody reads, and refuses what is out of date or being written', async () => {
    const old = put('file', 'v1', Buffer.from('old'));
    const now = tree.replace(old.id, old.counter, contentOf('v2', Buffer.from('new')));
    expect(now.id).toBe(old.id);
    const change = (): void =>
      void tree.replace(old.id, old.counter, contentOf('v3', Buffer.from('x')));
    expect(change).toThrow(expect.objectContaining({ code: 'CHANGED' }));
    const handle = await files.open('file', WRITE);
    for (const refused of [
      () => tree.replace(now.id, now.counter, contentOf('v3', Buffer.from('x'))),
      () => tree.remove(now.id, now.counter),
      () => tree.setMetadata(now.id, now.counter, { mode: 0o600 }),
    ])
      expect(refused).toThrow(expect.objectContaining({ code: 'LOCAL_BUSY' }));
    files.release(handle);
  });

  test('gives back content that the other side has, but not what is dirty, open or pinned', async () => {
    const one = put('one', 'v1', Buffer.from('one'));
    await disk.drive.cache.fill(one.id);
    expect([file('one').storedBytes, tree.storedBytes]).toEqual([3, 3]);
    const handle = await files.open('one', READ);
    expect(tree.dehydrate(one.id)).toBe('open');
    files.release(handle);
    tree.setPinned(rootId(), true);
    expect(tree.dehydrate(one.id)).toBe('pinned');
    expect([...tree.pinned()].map(({ id }) => id)).toEqual([rootId()]);
    tree.setPinned(rootId(), false);
    expect(tree.dehydrate(one.id)).toBeNull();
    expect([file('one').state, tree.storedBytes]).toEqual(['placeholder', 0]);
    await files.truncate('one', 1);
    expect(tree.dehydrate(one.id)).toBe('dirty');
  });

  test('refuses a write beyond the room that it was given', async () => {
    // Without what looks after the cache, which sets the room again and again.
    const shown = await FUSE_NATIVE_KIND.open({
      stateDirectory: join(disk.stateDirectory, 'other'),
      readOnly: false,
      allowSymlinks: true,
      stallMs: 1000,
      need: () => Promise.reject(new Error('nothing is missing')),
      clock: steppingClock(),
      logger: QUIET,
    });
    const { files: own } = shown;
    if (own === null) throw new Error('it answers in threads');
    const handle = await own.create('file', 0o644);
    shown.tree.setRoom({ totalBytes: 1000, freeBytes: 500, writableBytes: 10 });
    expect(await own.space()).toMatchObject({ totalBytes: 1000, freeBytes: 500 });
    await own.write(handle, Buffer.alloc(10), 0);
    const beyond = own.write(handle, Buffer.alloc(1), 10);
    await expect(beyond).rejects.toMatchObject({ code: 'LOCAL_NO_SPACE' });
    await own.write(handle, Buffer.alloc(10), 0);
    own.release(handle);
    await shown.tree.close();
  });

  test('lets a file be one that the other side never had, once all of it is here', async () => {
    const { id, identity, counter } = put('kept', 'v1', Buffer.from('kept'));
    expect(tree.disown(id, counter)).toBe(false);
    await disk.drive.cache.fill(id);
    expect(tree.disown(id, counter)).toBe(true);
    expect(file('kept')).toMatchObject({ state: 'dirty', source: null, isPlaced: false });
    expect(file('kept').identity).not.toBe(identity);
  });

  test('forgets what was noted of a file that has changed since', async () => {
    files.release(await files.create('file', 0o644));
    const { id, counter } = file('file');
    files.setMode('file', 0o600);
    tree.noteHash(id, counter, 'ab'.repeat(32) as ContentHash);
    tree.noteCounterpart(id, counter, 'r1' as Version);
    expect(file('file')).toMatchObject({ hash: null, source: null, state: 'dirty' });
    tree.noteCounterpart(id, counter + 1, 'r1' as Version);
    expect(file('file')).toMatchObject({ source: 'r1', state: 'hydrated', isPlaced: true });
  });

  test('knows what programs made or moved from what sync has placed', () => {
    put('placed', 'v1', Buffer.from('x'));
    expect(file('placed').isPlaced).toBe(true);
    files.rename('placed', 'moved');
    expect(file('moved').isPlaced).toBe(false);
    const { id, counter } = file('moved');
    expect(tree.move(id, counter, rootId(), 'back').isPlaced).toBe(true);
  });

  test('gives up content that a power cut has cut short, as the other side has it', async () => {
    put('file', 'v1', Buffer.from('content'));
    await disk.drive.cache.fill(file('file').id);
    const { backing } = file('file');
    const path = tree.backingPath(backing ?? 0);
    await disk.drive.close();
    const before = join(disk.stateDirectory, 'before');
    execFileSync('cp', ['-p', path, before]);
    await fs.truncate(path, 3);
    execFileSync('touch', ['-r', before, path]);
    await disk.restart();
    ({ tree } = disk.drive);
    expect(file('file')).toMatchObject({ state: 'placeholder', sizeBytes: 7 });
    expect(disk.drive.stats.pending).toBe(0);
  });
});
