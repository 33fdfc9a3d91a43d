import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ContentHash, Version } from '../../../core/model/entry.ts';
import { openByteStore } from '../../../core/records/store.ts';
import { DriveLog, logDirectory } from '../../../fs-adapter/cache/drive-log.ts';
import {
  type DriveRow,
  decodeRow,
  digestOfRow,
  encodeRemoval,
  encodeRow,
  type FileRow,
  rowLengthAt,
  rowsIn,
} from '../../../fs-adapter/cache/drive-row.ts';
import { type DriveStore, openDriveStore } from '../../../fs-adapter/cache/drive-store.ts';
import { observeAll } from '../../conformance/setting.ts';
import { openDriveOnDisk } from '../../support/drive-on-disk.ts';

const BASE = {
  id: 7,
  name: 'größe 🚢.txt',
  nameBytes: null,
  mode: 0o640,
  mtimeNs: -1_234_567_890_123n,
  ctimeNs: 1_700_000_000_123_456_789n,
  atimeNs: 0n,
  identity: 2 ** 40 + 5,
  counter: 3,
  isPinned: true,
  isPlaced: false,
  attributes: null,
};

const FILE: FileRow = {
  ...BASE,
  kind: 'file',
  sizeBytes: 9 * 2 ** 40 + 1,
  state: 'placeholder',
  source: '"etag-ü"' as Version,
  hash: '0123456789abcdef'.repeat(4) as ContentHash,
  backing: 2 ** 33,
  stampNs: 5n,
  map: new Uint8Array([1, 0, 255]),
};

const ROWS: readonly DriveRow[] = [
  FILE,
  { ...FILE, source: null, hash: null, backing: null, stampNs: null, map: null, state: 'dirty' },
  { ...BASE, kind: 'directory' },
  { ...BASE, kind: 'symlink', target: '../anderswo/ä' },
  { ...BASE, kind: 'special', format: 0o010000, rdev: 0 },
  {
    ...BASE,
    kind: 'directory',
    name: 'latin\ufffd',
    nameBytes: Buffer.from('latin\xe9', 'latin1'),
  },
  { ...FILE, attributes: Buffer.from('of programs') },
  { ...BASE, kind: 'directory', attributes: Buffer.from('of others') },
  { ...BASE, kind: 'directory', name: 'a real \ufffd' },
];

describe('packed rows', () => {
  test('say what they were made from', () => {
    for (const row of ROWS) expect(decodeRow(encodeRow(row, 12))).toEqual({ row, parentId: 12 });
  });

  test('lie one behind another, removals among them', () => {
    const rows = [...ROWS.map((row) => encodeRow(row, 1)), encodeRemoval(2 ** 35)];
    const found = [...rowsIn(Buffer.concat(rows))];
    expect(found.map((row) => row.length)).toEqual(rows.map((row) => row.length));
  });

  test('that are cut or whose lengths do not fit are not taken for rows', () => {
    const whole = encodeRow(FILE, 1);
    expect(rowLengthAt(whole, 0)).toBe(whole.length);
    for (let length = 0; length < whole.length; length += 1)
      expect(rowLengthAt(whole.subarray(0, length), 0)).toBe(0);
    for (const at of [0, 4, 5, 10, 96, 100, 104]) {
      const wrong = Buffer.from(whole);
      wrong[at] = 77;
      expect(rowLengthAt(wrong, 0)).toBe(0);
    }
  });
});

describe('the store of a drive', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await fs.mkdtemp(join(tmpdir(), 'ferry-drive-store-'));
  });
  afterEach(() => fs.rm(directory, { recursive: true, force: true }));

  function row(id: number, name: string): Buffer {
    return encodeRow({ ...BASE, id, identity: id, name, kind: 'directory' }, 1);
  }

  async function rowsOf(store: DriveStore): Promise<string[]> {
    const names: string[] = [];
    for await (const batch of store.rows())
      for (const bytes of batch) names.push(decodeRow(bytes).row.name);
    return names;
  }

  async function inStore<T>(work: (store: DriveStore) => Promise<T>): Promise<T> {
    const store = await openDriveStore(directory);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  async function logged(...records: readonly (readonly Buffer[])[]): Promise<void> {
    const log = await DriveLog.open(directory);
    for (const rows of records) log.append(rows);
    await log.sync();
    await log.close();
  }

  const checkOf = (rows: readonly Buffer[], nextId: number) => ({
    count: rows.length,
    digest: rows.reduce((sum, one) => (sum + digestOfRow(one)) >>> 0, 0),
    nextId,
  });

  test('keeps rows and their check until they are removed', async () => {
    const [one, two] = [row(2, 'one'), row(3, 'two')];
    await inStore((store) => store.write([one, two], [], checkOf([one, two], 4)));
    await inStore(async (store) => {
      expect(await rowsOf(store)).toEqual(['one', 'two']);
      await store.write([], [2], checkOf([two], 4), { sync: true });
      expect(await rowsOf(store)).toEqual(['two']);
      expect(await store.check()).toEqual(checkOf([two], 4));
    });
  });

  test('knows which parts of a file are here, though the log leaves that out', async () => {
    const stored = encodeRow(FILE, 1);
    const attributes = Buffer.from('of programs');
    const renamed = encodeRow({ ...FILE, name: 'renamed', map: null, attributes }, 1);
    const other = encodeRow({ ...FILE, id: 8, map: null, backing: 5 }, 1);
    const before = encodeRow({ ...FILE, id: 8 }, 1);
    await inStore((store) => store.write([stored, before], [], checkOf([stored, before], 9)));
    await logged([renamed, other]);
    const whole = encodeRow({ ...FILE, name: 'renamed', attributes }, 1);
    await inStore(async (store) => {
      const rows: Buffer[] = [];
      for await (const batch of store.rows()) rows.push(...batch);
      // Another backing file is another content.
      expect(rows).toEqual([whole, other]);
      expect(await store.check()).toMatchObject({ digest: checkOf(rows, 9).digest });
    });
  });

  test('has what only the log holds when it is opened again, the check too', async () => {
    const [one, two] = [row(2, 'one'), row(3, 'two')];
    await inStore((store) => store.write([one, two], [], checkOf([one, two], 4)));
    const renamed = row(3, 'renamed');
    await logged([renamed, encodeRemoval(2)], [row(9, 'new')]);
    await inStore(async (store) => {
      expect(await rowsOf(store)).toEqual(['renamed', 'new']);
      expect(await store.check()).toEqual(checkOf([renamed, row(9, 'new')], 10));
    });
    expect(await fs.readdir(logDirectory(directory))).toEqual([]);
  });

  test('takes nothing of a record that is torn, at whatever byte, and all before it', async () => {
    await logged([row(2, 'whole')], [row(3, 'torn')]);
    const [name = ''] = await fs.readdir(logDirectory(directory));
    const file = join(logDirectory(directory), name);
    const bytes = await fs.readFile(file);
    const first = 8 + bytes.readUInt32LE(0);
    for (const length of [first, first + 1, first + 8, first + 50, bytes.length - 1]) {
      await fs.mkdir(logDirectory(directory), { recursive: true });
      await fs.writeFile(file, bytes.subarray(0, length));
      expect(await inStore(rowsOf)).toEqual(['whole']);
    }
    const wrong = Buffer.from(bytes);
    wrong[bytes.length - 3] = 99;
    await fs.writeFile(file, wrong);
    expect(await inStore(rowsOf)).toEqual(['whole']);
  });

  test('takes no harm from any bytes in the log', async () => {
    await fs.mkdir(logDirectory(directory), { recursive: true });
    const put = (name: string, bytes: Buffer) =>
      fs.writeFile(join(logDirectory(directory), name), bytes);
    const payload = Buffer.alloc(300, 0xff);
    const header = Buffer.alloc(8);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt32LE(crc32(payload), 4);
    await put('0000000000000001', Buffer.concat([header, payload]));
    await put('0000000000000002', Buffer.alloc(5000, 0xff));
    await put('0000000000000003', Buffer.alloc(5000));
    await put('stranger', Buffer.from('?'));
    expect(await inStore(rowsOf)).toEqual([]);
  });

  test('goes on in a new file of the log, and drops only those before it', async () => {
    const log = await DriveLog.open(directory);
    log.append([row(2, 'old')]);
    const sequence = log.rotate();
    log.append([row(3, 'new')]);
    await log.sync();
    await log.drop(sequence);
    await log.close();
    expect(await inStore(rowsOf)).toEqual(['new']);
  });

  test('lets nobody wait in vain while files of the log are dropped', async () => {
    const log = await DriveLog.open(directory);
    const waiting: Promise<void>[] = [];
    for (let round = 0; round < 30; round += 1) {
      log.append([row(round + 2, `row ${round}`)]);
      waiting.push(log.sync());
      const sequence = log.rotate();
      log.append([row(round + 2, `again ${round}`)]);
      waiting.push(log.sync(), log.drop(sequence), log.sync());
      if (round % 5 === 0) await Promise.all(waiting.splice(0));
    }
    await Promise.all(waiting);
    await log.close();
    expect(await inStore(rowsOf)).toEqual(['again 29']);
  });

  test('never gives a number again that only the log has used, for an identity either', async () => {
    await logged([encodeRow({ ...FILE, id: 3, identity: 70, backing: 40 }, 1)]);
    await inStore(async (store) => expect((await store.check()).nextId).toBe(71));
  });

  test('of a newer schema is not opened', async () => {
    const store = await openByteStore(join(directory, 'table'));
    const meta = JSON.stringify({ schema: 99, identity: 'x' });
    await store.batch([{ type: 'put', key: 'm/drive', value: Buffer.from(meta) }]);
    await store.close();
    await expect(openDriveStore(directory)).rejects.toMatchObject({ code: 'RECORD_SCHEMA_NEWER' });
  });
});

describe('a drive of schema 1', () => {
  const OLD: readonly (readonly [number, string])[] = [
    [1, '["directory",0,"",493,"1700000000001000000",1700000000001,1,0]'],
    [
      2,
      '["file",3,"online.txt",420,"1600000000123456789",1700000000002,2,0,7,"placeholder","v1",null,null,null]',
    ],
    [3, '["directory",1,"folder",493,"1700000000003000000",1700000000003,3,1]'],
    [4, '["symlink",3,"link",511,"1700000000004000000",1700000000004,4,0,"../x"]'],
    [6, '["file",1,"mine",384,"1700000000005000000",1700000000005,6,2,4,"dirty",null,null,5,null]'],
  ];

  async function oldDrive(stateDirectory: string, rows: typeof OLD): Promise<void> {
    await fs.mkdir(join(stateDirectory, 'cache'), { recursive: true });
    await fs.writeFile(join(stateDirectory, 'cache', '5'), 'mine');
    const store = await openByteStore(join(stateDirectory, 'table'));
    const put = (key: string, value: string) =>
      store.batch([{ type: 'put', key, value: Buffer.from(value) }]);
    let digest = 0;
    for (const [id, row] of OLD) digest = (digest + crc32(`${id} ${row}`)) >>> 0;
    for (const [id, row] of rows) await put(`n/${String(id).padStart(12, '0')}`, row);
    await put('m/check', JSON.stringify({ count: OLD.length, digest, nextId: 20 }));
    await put('m/drive', JSON.stringify({ schema: 1, identity: 'the same drive' }));
    await store.close();
  }

  test('is opened with all it had, and stays the same drive', async () => {
    const disk = await openDriveOnDisk({}, (state) => oldDrive(state, OLD));
    const { entries } = await observeAll(disk.drive.replica);
    expect([...entries.keys()].sort()).toEqual([
      'folder',
      'folder/link',
      'folder/online.txt',
      'mine',
    ]);
    expect(entries.get('folder/online.txt')).toMatchObject({
      version: '2.0',
      mtimeNs: 1_600_000_000_123_456_789n,
      sizeBytes: 7,
      mode: 0o644,
    });
    expect(entries.get('mine')).toMatchObject({ version: '6.2', identity: '6' });
    expect(disk.drive.stats.pending).toBe(1);
    expect(await disk.drive.replica.identify()).toEqual({ id: 'the same drive' });
    await disk.restart();
    expect((await observeAll(disk.drive.replica)).entries).toEqual(entries);
    expect(await disk.drive.replica.identify()).toEqual({ id: 'the same drive' });
    await disk.close();
  });

  test('that had lost rows is not taken for whole after it was rewritten', async () => {
    const disk = await openDriveOnDisk({}, (state) => oldDrive(state, OLD.slice(0, 4)));
    expect(await disk.drive.replica.identify()).not.toEqual({ id: 'the same drive' });
    await disk.close();
  });
});
