import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { BehaviorSubject } from 'rxjs';
import { CacheLimit, type CacheLimitOptions } from '../../../fs-adapter/cache/cache-limit.ts';
import type { DriveFile } from '../../../fs-adapter/cache/drive-tree.ts';
import { driveFile } from '../../support/drive-file.ts';
import { QUIET } from '../../support/drive-on-disk.ts';

const KIB = 1024;
const LIMIT = 64 * KIB;

/** A file of 1 KiB that the other side has. */
function uploaded(id: number): DriveFile {
  const source = 'v' as DriveFile['source'];
  return driveFile({ id, name: `old ${id}`, sizeBytes: KIB, source, usedAtMs: 1 });
}

describe('the limit of the cache', () => {
  const pending = new BehaviorSubject(0);
  const files = new Map<number, DriveFile>();
  let writtenBytes = 0;
  let limit: CacheLimit;

  function treeOf(): CacheLimitOptions['tree'] {
    return {
      entry: (id) => files.get(id) ?? null,
      stored: () => files.values(),
      get storedBytes() {
        const sizes = [...files.values()].map(({ storedBytes }) => storedBytes);
        return sizes.reduce((sum, bytes) => sum + bytes, writtenBytes);
      },
      get openHandles() {
        return [...files.values()].reduce((sum, { handles }) => sum + handles, 0);
      },
      pending$: pending,
      dehydrate: (id) => {
        files.delete(id);
        return null;
      },
      setRoom: () => undefined,
      backingPath: (backing) => `/nowhere/${backing}`,
    };
  }

  function open(options: Partial<CacheLimitOptions> = {}): Promise<void> {
    files.clear();
    writtenBytes = 0;
    for (let id = 2; id < 34; id += 1) files.set(id, uploaded(id));
    limit = new CacheLimit({
      tree: treeOf(),
      limits: { limitBytes: LIMIT, keepFreeBytes: 0 },
      directory: tmpdir(),
      isKept: () => false,
      onChanged: () => undefined,
      clock: { now: () => Date.now(), sleep: (ms) => sleep(ms) },
      logger: QUIET,
      ...options,
    });
    return limit.start();
  }

  afterEach(() => limit.close());

  test('is kept while programs make one small file after the other, without a pause', async () => {
    await open();
    for (let made = 1; made <= 40; made += 1) {
      writtenBytes += KIB;
      pending.next(made);
      await sleep(20);
    }
    // Of 32 files 8 had to go for 40 new ones in 64 KiB; the last new ones may not have been seen yet.
    expect(files.size).toBeLessThanOrEqual(28);
  });

  test('is kept soon after the last program has closed what is larger than it', async () => {
    await open();
    files.clear();
    files.set(2, { ...uploaded(2), storedBytes: 2 * LIMIT, handles: 1 });
    await sleep(300);
    expect(files.size).toBe(1);
    files.set(2, { ...uploaded(2), storedBytes: 2 * LIMIT });
    const deadlineMs = Date.now() + 10_000;
    while (files.size > 0 && Date.now() < deadlineMs) await sleep(50);
    expect(files.size).toBe(0);
  });

  test('is kept after the clock was set back', async () => {
    let now = 1_700_000_000_000;
    await open({ clock: { now: () => now, sleep: (ms) => sleep(ms) } });
    const here = new Map(files);
    files.clear();
    // Nothing can be given up, and it is known that nothing can.
    writtenBytes = LIMIT;
    expect(() => limit.makeRoom(KIB, 'background')).toThrow('no room');
    now -= 3_600_000;
    expect(() => limit.makeRoom(KIB, 'background')).toThrow('no room');
    now += 1_001;
    writtenBytes = LIMIT - here.size * KIB;
    for (const [id, file] of here) files.set(id, file);
    limit.makeRoom(KIB, 'background');
    expect(files.size).toBeLessThan(here.size);
  });
});
