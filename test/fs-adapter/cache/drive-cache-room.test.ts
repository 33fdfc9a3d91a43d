import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FerryError } from '../../../core/model/errors.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import type { DriveCacheOptions, HydrateReport } from '../../../fs-adapter/cache/drive-cache.ts';
import type { DriveRoom, DriveTree } from '../../../fs-adapter/cache/drive-tree.ts';
import { FUSE_NATIVE_KIND } from '../../../fs-adapter/mount/fuse-native-kind.ts';
import { NATIVE_KIND } from '../../../fs-adapter/mount/native-kind.ts';
import type { TreeKind } from '../../../fs-adapter/mount/shown-tree.ts';
import { loadDriveAddon } from '../../../native/drive-addon.ts';
import { CachedTree } from '../../support/cached-tree.ts';

const touch = promisify(execFile);
const MIB = 1024 * 1024;
const never = new AbortController().signal;

/** Neither is shown, so that JavaScript's needs no FUSE; the addon may not be built. */
const KINDS: readonly TreeKind[] =
  loadDriveAddon() === null ? [FUSE_NATIVE_KIND] : [NATIVE_KIND, FUSE_NATIVE_KIND];
if (KINDS.length < 2) process.stderr.write("skipped: the addon's tree: it is not built\n");

let kind: TreeKind;
let cached: CachedTree;

async function open(options: Partial<DriveCacheOptions> = {}): Promise<CachedTree> {
  cached = await CachedTree.open(kind, { limits: { keepFreeBytes: 0 }, ...options });
  return cached;
}

function at(path: string): SyncPath {
  return path as SyncPath;
}

/** Puts files of 1 MiB into the tree. */
function arrive(...paths: readonly string[]): void {
  for (const path of paths) cached.arrive(path, randomBytes(MIB));
}

function hydrate(path: string): Promise<HydrateReport> {
  return cached.cache.hydrate([at(path)], { signal: never });
}

/** Notes what the tree is told about its room. */
function roomsOf(tree: DriveTree): DriveRoom[] {
  const rooms: DriveRoom[] = [];
  const set = tree.setRoom.bind(tree);
  tree.setRoom = (room) => {
    rooms.push(room);
    set(room);
  };
  return rooms;
}

afterEach(() => cached?.close());

describe.each(KINDS)('a drive in memory, $name', (one) => {
  beforeEach(() => {
    kind = one;
  });

  describe('the limit of a cache', () => {
    test('holds while three times as much is fetched, and what was used last is what stays', async () => {
      await open({ limits: { limitBytes: 8 * MIB, keepFreeBytes: 0 } });
      const paths = Array.from({ length: 24 }, (_, index) => `file-${index}`);
      arrive(...paths);
      let most = 0;
      for (const path of paths) {
        await hydrate(path);
        most = Math.max(most, cached.tree.storedBytes);
      }
      expect(most).toBeLessThanOrEqual(8 * MIB);
      expect(cached.here(...paths)).toEqual(paths.slice(-8));
    });

    test('is never kept at the cost of what is pinned, in conflict or not uploaded', async () => {
      const inConflict = new Set<number>();
      await open({
        limits: { limitBytes: 4 * MIB, keepFreeBytes: 0 },
        isInConflict: (id) => inConflict.has(id),
      });
      arrive('folder/pinned', 'conflict', 'changed', 'a', 'b', 'c');
      await cached.cache.pin(at('folder'));
      for (const path of ['folder/pinned', 'conflict', 'changed']) await hydrate(path);
      inConflict.add(cached.tree.find(at('conflict'))?.id ?? 0);
      const changed = cached.tree.find(at('changed'));
      cached.tree.disown(changed?.id ?? 0, changed?.kind === 'file' ? changed.counter : 0);
      for (const path of ['a', 'b', 'c']) await hydrate(path);
      expect(cached.here('folder/pinned', 'conflict', 'changed', 'a', 'b', 'c')).toEqual([
        'folder/pinned',
        'conflict',
        'changed',
        'c',
      ]);
    });

    test('is an error for what would not fit beside what must stay', async () => {
      await open({ limits: { limitBytes: 2 * MIB, keepFreeBytes: 0 } });
      arrive('folder/one', 'folder/two', 'three');
      await cached.cache.pin(at('folder'));
      await cached.until(() => cached.here('folder/one', 'folder/two').length === 2);
      await expect(hydrate('three')).rejects.toMatchObject({ code: 'LOCAL_NO_SPACE' });
      expect(cached.here('folder/one', 'folder/two')).toHaveLength(2);
    });

    test('what was used longest ago goes first, also after a restart', async () => {
      await open({ limits: { limitBytes: 3 * MIB, keepFreeBytes: 0 } });
      arrive('a', 'b', 'c', 'd');
      for (const path of ['a', 'b', 'c']) await hydrate(path);
      for (const [path, seconds] of [
        ['a', 30],
        ['b', 10],
        ['c', 20],
      ] as const) {
        const entry = cached.tree.find(at(path));
        const backing = entry?.kind === 'file' ? (entry.backing ?? 0) : 0;
        // To the nanosecond, the time of the last change stays as it is.
        await touch('touch', ['-a', '-d', `${seconds} hours`, cached.tree.backingPath(backing)]);
      }
      await cached.restart();
      await cached.cache.ran();
      await hydrate('d');
      expect(cached.here('a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd']);
    });

    test('the disk keeps its floor: content is given up for it, and what does not fit is refused', async () => {
      await open();
      arrive('a', 'b');
      await hydrate('a');
      const { bavail, bsize } = await fs.statfs('/tmp');
      await cached.close();
      await open({ limits: { keepFreeBytes: bavail * bsize + 1024 * MIB } });
      arrive('a');
      await expect(hydrate('a')).rejects.toMatchObject({ code: 'LOCAL_NO_SPACE' });
      expect(cached.tree.storedBytes).toBe(0);
    });

    test('df and writes know the smaller of the account and the cache', async () => {
      let quota: { freeBytes: number; usedBytes: number } | null = null;
      await open({
        limits: { limitBytes: 8 * MIB, keepFreeBytes: 0 },
        askSpace: async () => quota,
      });
      const rooms = roomsOf(cached.tree);
      arrive('a');
      await hydrate('a');
      await cached.cache.ran();
      // What is here and could be given up is room too.
      expect(rooms.at(-1)).toMatchObject({ freeBytes: 8 * MIB, writableBytes: 8 * MIB });
      await cached.cache.pin(at('a'));
      await cached.close();

      quota = { freeBytes: 3 * MIB, usedBytes: 100 * MIB };
      await open({ limits: { limitBytes: 8 * MIB }, askSpace: async () => quota });
      const known = roomsOf(cached.tree);
      await cached.cache.ran();
      expect(known.at(-1)).toEqual({
        freeBytes: 3 * MIB,
        totalBytes: 103 * MIB,
        writableBytes: 3 * MIB,
      });
    });
  });

  describe('what is pinned', () => {
    test('comes by itself, with what sync adds below it and with newer versions', async () => {
      await open();
      arrive('folder/one', 'folder/deep/two', 'other');
      await cached.cache.pin(at('folder'));
      await cached.until(() => cached.here('folder/one', 'folder/deep/two').length === 2);
      arrive('folder/deep/three');
      arrive('folder/one');
      expect(cached.here('folder/one', 'folder/deep/three')).toEqual([]);
      await cached.cache.ran();
      await cached.until(() => cached.here('folder/one', 'folder/deep/three').length === 2);
      expect(cached.here('other')).toEqual([]);
      expect(cached.cache.state).toMatchObject({ pinned: 1, problem: null });
    });

    test('stays pinned after a restart, and what had not come goes on', async () => {
      await open();
      cached.isOffline = true;
      arrive('folder/one');
      await cached.cache.pin(at('folder'));
      await cached.until(() => cached.cache.state.problem?.code === 'REMOTE_UNREACHABLE');
      cached.isOffline = false;
      await cached.restart();
      await cached.until(() => cached.here('folder/one').length === 1);
    });

    test('comes when a program says so by the attribute', async () => {
      await open();
      arrive('one');
      cached.tree.setPinned(cached.tree.find(at('one'))?.id ?? 0, true);
      await cached.until(() => cached.here('one').length === 1);
    });

    test('comes once the other side is there again', async () => {
      await open();
      cached.isOffline = true;
      arrive('one');
      await cached.cache.pin(at('one'));
      await cached.until(() => cached.cache.state.problem !== null);
      cached.isOffline = false;
      await cached.cache.ran();
      await cached.until(() => cached.here('one').length === 1);
      expect(cached.cache.state.problem).toBeNull();
    });

    test('is an ordinary file again when it is unpinned', async () => {
      await open({ limits: { limitBytes: 2 * MIB, keepFreeBytes: 0 } });
      arrive('folder/one', 'folder/two', 'three');
      await cached.cache.pin(at('folder'));
      await cached.until(() => cached.here('folder/one', 'folder/two').length === 2);
      expect(await cached.cache.unpin(at('folder'))).toBe(true);
      expect(await cached.cache.unpin(at('folder'))).toBe(false);
      await hydrate('three');
      expect(cached.here('folder/one', 'folder/two', 'three')).toHaveLength(2);
    });
  });

  describe('many small files', () => {
    test('come many in one request; what does not come with the others is tried alone', async () => {
      const groups: number[] = [];
      await open({
        fetchGroup: async (requests) => {
          groups.push(requests.length);
          return requests.map(({ path, expected }) => {
            const content = cached.remote.get(expected);
            return content === undefined || path.endsWith('7')
              ? { error: new FerryError('REMOTE_UNAVAILABLE', 'not now', { path }) }
              : { content };
          });
        },
      });
      const paths = Array.from({ length: 600 }, (_, index) => `d${index % 3}/file-${index}`);
      for (const path of paths) cached.arrive(path, Buffer.from(`this is ${path}`));
      cached.arrive('large', randomBytes(MIB));
      const gone = cached.arrive('d0/gone', Buffer.from('gone'));
      cached.remote.delete(`v${cached.remote.size - 1}`);
      await expect(hydrate('')).resolves.toMatchObject({
        files: 601,
        failures: [{ path: 'd0/gone' }],
      });
      expect(cached.here(...paths, 'large')).toHaveLength(601);
      expect(Math.max(...groups)).toBeLessThanOrEqual(250);
      expect(groups.length).toBeLessThan(6);
      expect(cached.fetched.filter((path) => path !== 'large' && !path.endsWith('7'))).toEqual([]);
      const entry = cached.tree.find(at('d1/file-100'));
      const backing = entry?.kind === 'file' ? (entry.backing ?? 0) : 0;
      const text = await fs.readFile(cached.tree.backingPath(backing), 'utf8');
      expect(text).toBe('this is d1/file-100');
      expect(cached.tree.entry(gone)).toMatchObject({ state: 'placeholder' });
    });
  });

  describe('giving space back', () => {
    test('leaves what is dirty, pinned or in conflict, and says why', async () => {
      const inConflict = new Set<number>();
      await open({ isInConflict: (id) => inConflict.has(id) });
      arrive('d/plain', 'd/dirty', 'd/conflict', 'd/kept/pinned', 'd/online');
      await cached.cache.pin(at('d/kept'));
      for (const name of ['plain', 'dirty', 'conflict', 'kept']) await hydrate(`d/${name}`);
      inConflict.add(cached.tree.find(at('d/conflict'))?.id ?? 0);
      const dirty = cached.tree.find(at('d/dirty'));
      cached.tree.disown(dirty?.id ?? 0, dirty?.kind === 'file' ? dirty.counter : 0);
      const report = await cached.cache.free([at('d')]);
      expect(report).toMatchObject({ freedFiles: 1, freedBytes: MIB, keptFiles: 3 });
      expect(Object.fromEntries(report.kept.map(({ path, reason }) => [path, reason]))).toEqual({
        'd/dirty': 'dirty',
        'd/conflict': 'conflict',
        'd/kept/pinned': 'pinned',
      });
      await expect(cached.cache.free([at('nothing')])).rejects.toMatchObject({
        code: 'LOCAL_NOT_FOUND',
      });
    });

    test('parts of a file go too', async () => {
      await open();
      const id = cached.arrive('film', randomBytes(4 * MIB));
      await cached.cache.need({ id, offset: 2 * MIB, length: 4096, pid: 0, isForWrite: false });
      expect(cached.tree.storedBytes).toBe(64 * 1024);
      expect(await cached.cache.free([at('film')])).toMatchObject({
        freedFiles: 1,
        freedBytes: 65_536,
      });
      expect(cached.tree.storedBytes).toBe(0);
    });
  });

  describe('parts of files that are here', () => {
    const film = randomBytes(4 * MIB);

    async function withPart(): Promise<void> {
      await open();
      const id = cached.arrive('film', film);
      await cached.cache.need({ id, offset: 2 * MIB, length: 4096, pid: 0, isForWrite: false });
      await cached.tree.flush();
    }

    test('are still there after a restart, and are not fetched again', async () => {
      await withPart();
      await cached.restart();
      expect(cached.tree.storedBytes).toBe(65_536);
      await hydrate('film');
      const entry = cached.tree.find(at('film'));
      const backing = entry?.kind === 'file' ? (entry.backing ?? 0) : 0;
      expect((await fs.readFile(cached.tree.backingPath(backing))).equals(film)).toBe(true);
      expect(cached.bytesFetched).toBe(4 * MIB);
    });

    test('are given up when the machine was started anew without the drive having been closed', async () => {
      await withPart();
      const note = join(cached.stateDirectory, 'parts');
      await cached.restart(() => fs.writeFile(note, 'another run of the machine'));
      expect(cached.tree.storedBytes).toBe(0);
    });
  });
});
