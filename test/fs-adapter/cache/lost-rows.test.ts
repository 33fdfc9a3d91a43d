import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { SyncPath } from '../../../core/model/path.ts';
import { openByteStore } from '../../../core/records/store.ts';
import { DriveLog, logDirectory } from '../../../fs-adapter/cache/drive-log.ts';
import { blankRow, ROOT_ID } from '../../../fs-adapter/cache/drive-node.ts';
import { encodeRow } from '../../../fs-adapter/cache/drive-row.ts';
import { FUSE_NATIVE_KIND } from '../../../fs-adapter/mount/fuse-native-kind.ts';
import { NATIVE_KIND } from '../../../fs-adapter/mount/native-kind.ts';
import type { TreeKind } from '../../../fs-adapter/mount/shown-tree.ts';
import { loadDriveAddon } from '../../../native/drive-addon.ts';
import { CachedTree } from '../../support/cached-tree.ts';

const KINDS: readonly TreeKind[] =
  loadDriveAddon() === null ? [FUSE_NATIVE_KIND] : [NATIVE_KIND, FUSE_NATIVE_KIND];
if (KINDS.length < 2) process.stderr.write("skipped: the addon's tree: it is not built\n");

const never = new AbortController().signal;

describe.each(KINDS)('a drive whose rows are lost, $name', (kind) => {
  const one = randomBytes(3000);
  const two = randomBytes(5000);
  let cached: CachedTree;

  beforeEach(async () => {
    cached = await CachedTree.open(kind);
    cached.arrive('one', one);
    cached.arrive('two', two);
    await cached.cache.hydrate(['' as SyncPath], { signal: never });
  });
  afterEach(() => cached.close());

  /** Returns what is kept beside the drive. */
  async function kept(): Promise<readonly Buffer[]> {
    const versions = join(cached.stateDirectory, 'versions');
    const names = await fs.readdir(versions, { recursive: true }).catch(() => []);
    const found: Buffer[] = [];
    for (const name of names) {
      const path = join(versions, name);
      if ((await fs.stat(path)).isFile()) found.push(await fs.readFile(path));
    }
    return found.sort((a, b) => a.length - b.length);
  }

  test('keeps the contents that no row speaks of, as they may be all there is', async () => {
    const { id } = cached.tree.find('one' as SyncPath) ?? { id: 0 };
    await cached.restart(async () => {
      const store = await openByteStore(join(cached.stateDirectory, 'table'));
      await store.batch([{ type: 'del', key: `n/${String(id).padStart(12, '0')}` }]);
      await store.close();
    });
    expect(await kept()).toEqual([one]);
    expect(cached.here('one', 'two')).toEqual(['two']);
  });

  test('keeps all contents where the whole store is gone', async () => {
    const { identity } = cached.tree;
    const table = join(cached.stateDirectory, 'table');
    await cached.restart(() => fs.rm(table, { recursive: true }));
    expect(await kept()).toEqual([one, two]);
    expect(cached.tree.identity).not.toBe(identity);
  });

  test('says what to do where the store cannot be read, and loses nothing when that is done', async () => {
    const table = join(cached.stateDirectory, 'table');
    const damage = async (): Promise<void> => {
      for (const name of await fs.readdir(table))
        if (/^(CURRENT|MANIFEST)/.test(name)) await fs.writeFile(join(table, name), 'damaged\n');
    };
    const advice = {
      code: 'RECORD_CORRUPT',
      message: expect.stringContaining(`move ${table} away`),
    };
    await expect(cached.restart(damage)).rejects.toMatchObject(advice);
    await cached.restart(() => fs.rename(table, `${table}.away`));
    expect(await kept()).toEqual([one, two]);
  });

  test('keeps nothing where none was lost', async () => {
    cached.arrive('one', randomBytes(100));
    await cached.restart();
    expect(await kept()).toEqual([]);
  });

  /** Leaves a log as a killed process does, with three new directories, and changes bytes in it. */
  async function leaveLog(damage: (log: Buffer, recordBytes: number) => Buffer): Promise<void> {
    const log = await DriveLog.open(cached.stateDirectory);
    for (const name of ['first', 'second', 'third']) {
      const row = { ...blankRow(1000 + log.bytes, name, 0o755, 0), kind: 'directory' } as const;
      log.append([encodeRow(row, ROOT_ID)]);
    }
    await log.close();
    const name = (await fs.readdir(logDirectory(cached.stateDirectory))).sort().at(-1) ?? '';
    const path = join(logDirectory(cached.stateDirectory), name);
    const bytes = await fs.readFile(path);
    await fs.writeFile(path, damage(bytes, 8 + bytes.readUInt32LE(0)));
  }

  test.each([
    ['the content of a record', (record: number) => record + 20],
    ['the length of a record', (record: number) => record + 1],
  ])('infers nothing as deleted when %s in the middle of the log was damaged', async (_, where) => {
    const { identity } = cached.tree;
    await cached.restart(() =>
      leaveLog((log, recordBytes) => {
        log[where(recordBytes)] = 99;
        return log;
      }),
    );
    expect(cached.tree.find('first' as SyncPath)).not.toBeNull();
    expect(cached.tree.identity).not.toBe(identity);
  });

  test('is the same drive when the last record of the log was torn, which nobody was told of', async () => {
    const { identity } = cached.tree;
    for (const cut of [1, 60]) {
      await cached.restart(() => leaveLog((log) => log.subarray(0, log.length - cut)));
      expect(cached.tree.find('second' as SyncPath)).not.toBeNull();
      expect(cached.tree.identity).toBe(identity);
    }
  });

  test('is the same drive when the end of the log is of zeros, as a power cut leaves it', async () => {
    const { identity } = cached.tree;
    await cached.restart(() => leaveLog((log, bytes) => log.fill(0, bytes + 40)));
    expect(cached.tree.find('first' as SyncPath)).not.toBeNull();
    expect(cached.tree.identity).toBe(identity);
  });

  test('lets go of what was kept for 30 days', async () => {
    const versions = join(cached.stateDirectory, 'versions');
    await fs.mkdir(versions);
    await fs.writeFile(join(versions, 'old'), 'old');
    cached.aheadMs = 31 * 24 * 3_600_000;
    await cached.restart();
    expect(await kept()).toEqual([]);
  });
});
