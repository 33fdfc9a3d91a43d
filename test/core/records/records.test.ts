import { readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ContentHash, Version } from '../../../core/model/entry.ts';
import { FerryError } from '../../../core/model/errors.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import { openRecords, resetRecords } from '../../../core/records/open-records.ts';
import type { PairRecord } from '../../../core/records/record.ts';
import { Records } from '../../../core/records/records.ts';
import { recordsHomeIn } from '../../../core/records/records-home.ts';
import { storeError } from '../../../core/records/store.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let records: Records;

/** Ids of all recorded directories in the directory `id`. */
function idsBelow(of: Records, id: number): number[] {
  return [...of.directoriesBelow(id)].flatMap((one) => [one.id, ...idsBelow(of, one.id)]);
}

const open = async (): Promise<Records> => {
  const opened = await openRecords({
    home: recordsHomeIn(folder.path),
    nowMs: 1_700_000_000_000,
    logger: quietLogger,
  });
  try {
    await opened.load([0, ...idsBelow(opened, 0)]);
  } catch (error) {
    await opened.close();
    throw error;
  }
  return opened;
};

beforeEach(async () => {
  folder = await temporaryDirectory();
  records = await open();
});

afterEach(async () => {
  await records.close();
  await folder.close();
});

function file(id: number, parentId: number, name: string): PairRecord {
  return {
    id,
    parentId,
    name,
    kind: 'file',
    sizeBytes: 12,
    hash: 'ab'.repeat(32) as ContentHash,
    local: { version: `l${id}` as Version, mtimeNs: -1_000_000_001n, mode: 0o755, identity: 'x:1' },
    remote: { version: `"r${id}"` as Version },
  };
}

function directory(id: number, parentId: number, name: string): PairRecord {
  const { hash: _, ...rest } = file(id, parentId, name);
  return { ...rest, kind: 'directory', sizeBytes: 0 };
}

async function fill(count: number): Promise<void> {
  for (let made = 0; made < count; made++) {
    const id = records.newId();
    records.put(file(id, 0, `file ${id}`));
  }
  await records.commit();
}

async function logFile(): Promise<string> {
  const store = join(folder.path, 'records');
  const name = (await readdir(store)).find((one) => one.endsWith('.log'));
  return join(store, name ?? 'no log');
}

describe('Records', () => {
  it('finds everything again after it was closed, to the nanosecond', async () => {
    records.put(directory(1, 0, 'a'));
    records.put(file(2, 1, 'ü !.txt'));
    await records.commit();
    await records.close();
    records = await open();
    expect(records.at(parseSyncPath('a/ü !.txt'))).toEqual(file(2, 1, 'ü !.txt'));
    expect(records.size).toBe(2);
  });

  it('moves a directory of any size by rewriting one row', async () => {
    records.put(directory(1, 0, 'a'));
    records.put(directory(2, 0, 'b'));
    records.put(file(3, 1, 'f'));
    await records.commit();
    records.put({ ...directory(1, 2, 'moved') });
    await records.commit();
    await records.close();
    records = await open();
    expect(records.directoryAt(parseSyncPath('a'))).toBeUndefined();
    expect(records.at(parseSyncPath('b/moved/f'))?.id).toBe(3);
  });

  it('keeps both of two records that swap their names', async () => {
    records.put(file(1, 0, 'a'));
    records.put(file(2, 0, 'b'));
    await records.commit();
    records.put(file(1, 0, 'b'));
    records.put(file(2, 0, 'a'));
    await records.commit();
    await records.close();
    records = await open();
    expect([records.child(0, 'a')?.id, records.child(0, 'b')?.id]).toEqual([2, 1]);
  });

  it('does not drop a directory that still has recorded children', async () => {
    records.put(directory(1, 0, 'a'));
    records.put(file(2, 1, 'f'));
    records.drop(1);
    expect(records.get(1)).toBeDefined();
  });

  it('refuses a second process with the code for a lock', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'RECORD_LOCKED' });
  });

  it('notices that records are missing when they are read, because a bit of its log is flipped', async () => {
    await fill(2000);
    await fill(2000);
    await records.close();
    const log = await logFile();
    const bytes = await readFile(log);
    const middle = Math.floor(bytes.length / 4);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    await writeFile(log, bytes);
    await expect(open()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
  }, 30_000);

  it('notices that the end of its log is lost when a finished run noted how far it was', async () => {
    await fill(500);
    await fill(500);
    await recordsHomeIn(folder.path).noteSequence(records.state.sequence);
    await records.close();
    const log = await logFile();
    await truncate(log, Math.floor((await readFile(log)).length / 2));
    records = await open();
    expect(records.size).toBe(0);
  });

  it('keeps a copy and counts generations when it is reset', async () => {
    await fill(3);
    records.setState({ roots: { local: 'L', remote: 'R' } });
    records = await resetRecords(records, {
      home: recordsHomeIn(folder.path),
      nowMs: 1_700_000_000_000,
      logger: quietLogger,
    });
    expect(records.size).toBe(0);
    expect(records.state).toMatchObject({
      generation: 1,
      resetting: true,
      roots: { local: 'L', remote: 'R' },
    });
    expect((await readdir(folder.path)).some((name) => name.endsWith('.bak'))).toBe(true);
  });

  it('remembers conflicts and parked moves until they are dropped', async () => {
    const path = parseSyncPath('a.txt');
    const copyPath = parseSyncPath('a (conflict).txt');
    records.putConflict({ path, copyPath, copyFrom: 'local', detectedAtMs: 5 });
    records.putParked({ side: 'remote', parked: copyPath, from: path, to: path });
    await records.commit();
    await records.close();
    records = await open();
    expect(records.conflicts()).toHaveLength(1);
    expect(records.parked()).toHaveLength(1);
    records.dropConflict(copyPath);
    records.dropParked(copyPath);
    await records.commit();
    await records.close();
    records = await open();
    expect([records.conflicts().length, records.parked().length]).toEqual([0, 0]);
  });

  it('finds a conflict again whose name begins with an emoji', async () => {
    const copyPath = parseSyncPath('😀 (conflict).txt');
    records.putConflict({ path: copyPath, copyPath, copyFrom: 'local', detectedAtMs: 5 });
    await records.commit();
    await records.close();
    records = await open();
    expect(records.conflicts()).toHaveLength(1);
  });

  it('goes on from a reset that was ended before its store took the place of the old one', async () => {
    await fill(3);
    await recordsHomeIn(folder.path).noteSequence(records.state.sequence);
    records = await resetRecords(records, {
      home: recordsHomeIn(folder.path),
      nowMs: 1_700_000_000_000,
      logger: quietLogger,
    });
    await records.close();
    await rename(join(folder.path, 'records'), join(folder.path, 'records.next'));
    records = await open();
    expect(records.state).toMatchObject({ generation: 1, resetting: true });
  });

  it('counts no commit that failed, so that its number is never noted as reached', async () => {
    const rows = new Map<string, string>();
    let isFull = false;
    const memory = await Records.load({
      get: async (key) => rows.get(key),
      batch: async (operations) => {
        if (isFull) throw new FerryError('LOCAL_NO_SPACE', 'no room');
        for (const one of operations) if (one.type === 'put') rows.set(one.key, one.value);
      },
      async *scan() {
        yield [];
      },
      clear: async () => undefined,
      close: async () => undefined,
    });
    memory.put(file(1, 0, 'a'));
    await memory.commit();
    isFull = true;
    memory.put(file(2, 0, 'b'));
    await expect(memory.commit()).rejects.toMatchObject({ code: 'LOCAL_NO_SPACE' });
    expect(memory.state.sequence).toBe(1);
    isFull = false;
    await memory.commit();
    expect(memory.state).toMatchObject({ sequence: 2, digest: { count: 2 } });
  });
});

describe('storeError', () => {
  const means = (code: string, message: string): string =>
    storeError(Object.assign(new Error('open failed'), { cause: { code, message } }), '/x').code;

  it('does not take a refusal of the system for damage, which would set the records aside', () => {
    expect(means('LEVEL_IO_ERROR', 'IO error: /x/LOCK: Permission denied')).toBe('LOCAL_IO');
    expect(means('LEVEL_IO_ERROR', 'IO error: /x/000005.ldb: Too many open files')).toBe(
      'LOCAL_IO',
    );
    expect(means('LEVEL_IO_ERROR', 'IO error: /x: No space left on device')).toBe('LOCAL_NO_SPACE');
    expect(means('LEVEL_LOCKED', 'IO error: lock /x/LOCK: already held')).toBe('RECORD_LOCKED');
  });

  it('calls damage what LevelDB calls corruption, and what refers to files that are gone', () => {
    expect(means('LEVEL_CORRUPTION', 'Corruption: bad record length')).toBe('RECORD_CORRUPT');
    expect(means('LEVEL_IO_ERROR', 'IO error: /x/MANIFEST-000004: No such file')).toBe(
      'RECORD_CORRUPT',
    );
  });
});
