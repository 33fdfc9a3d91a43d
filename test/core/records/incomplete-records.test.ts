import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Cursor } from '../../../core/feed.ts';
import type { Version } from '../../../core/model/entry.ts';
import { FerryError } from '../../../core/model/errors.ts';
import { openRecords } from '../../../core/records/open-records.ts';
import { baseToken, type PairRecord } from '../../../core/records/record.ts';
import { Records } from '../../../core/records/records.ts';
import type { RecordsHome } from '../../../core/records/records-home.ts';
import type { Store } from '../../../core/records/store.ts';
import { quietLogger } from '../../support/quiet.ts';

let rows: Map<string, string>;

/** A store in memory, whose rows a test can change behind the back of the records. */
const store: Store = {
  get: async (key) => rows.get(key),
  async batch(operations) {
    for (const one of operations)
      if (one.type === 'put') rows.set(one.key, one.value);
      else rows.delete(one.key);
  },
  async *scan(prefix) {
    yield [...rows].filter(([key]) => key.startsWith(prefix)).sort();
  },
  clear: async () => undefined,
  close: async () => undefined,
};

function recordOf(id: number, parentId: number, name: string, kind: PairRecord['kind']) {
  const side = { version: `v${id}` as Version };
  return { id, parentId, name, kind, sizeBytes: 3, local: side, remote: side };
}

/** Opens the records and reads all of them. */
async function readAll(): Promise<Records> {
  const records = await Records.load(store);
  for await (const _ of records.below('' as never));
  return records;
}

function keyOf(pattern: RegExp): string {
  const key = [...rows.keys()].find((one) => pattern.test(one));
  if (key === undefined) throw new Error(`no row like ${pattern}: ${[...rows.keys()].join(', ')}`);
  return key;
}

beforeEach(async () => {
  rows = new Map();
  const records = await Records.load(store);
  records.put(recordOf(1, 0, 'directory', 'directory'));
  records.put(recordOf(2, 1, 'file', 'file'));
  records.put(recordOf(3, 0, 'empty', 'directory'));
  records.newId();
  await records.commit();
});

describe('records', () => {
  it('are all there when nothing was lost', async () => {
    expect((await readAll()).size).toBe(3);
  });

  it('are known to be incomplete when one is missing', async () => {
    rows.delete(keyOf(/^n!.*!file$/));
    await expect(readAll()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
  });

  it('are known to be damaged when one says something else', async () => {
    const key = keyOf(/^n!.*!file$/);
    rows.set(key, (rows.get(key) ?? '').replace('v2', 'v9'));
    await expect(readAll()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
  });

  it('are known to be incomplete when a directory is missing, even an empty one', async () => {
    rows.delete(keyOf(/^d!3$/));
    await expect(readAll()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
  });

  it('do not know how far a feed was followed when the row of a directory is an older one', async () => {
    const feed = { cursor: 'here' as Cursor, epoch: 'e', wholeAtMs: 1 };
    const records = await Records.load(store);
    records.setKnownListing(1, 'remote', { fingerprint: 'known', holdsIgnored: false });
    records.setState({ feeds: { remote: feed } });
    await records.commit();
    const older = rows.get('d!1') ?? '';
    expect((await readAll()).state.feeds?.remote).toEqual(feed);
    records.setKnownListing(1, 'remote', null);
    await records.commit();
    rows.set('d!1', older);
    expect((await readAll()).state.feeds?.remote).toBeUndefined();
  });

  it('are not read when a newer ferry wrote them', async () => {
    const state = JSON.parse(rows.get('m!state') ?? '{}');
    rows.set('m!state', JSON.stringify({ ...state, schema: state.schema + 1 }));
    await expect(readAll()).rejects.toMatchObject({ code: 'RECORD_SCHEMA_NEWER' });
  });
});

describe('a content that nobody has read', () => {
  it('is equal only to itself', () => {
    const [one, other] = [recordOf(1, 0, 'a', 'file'), recordOf(2, 0, 'b', 'file')];
    expect(baseToken(one)).toBe(baseToken({ ...one, name: 'renamed' }));
    expect(baseToken(one)).not.toBe(baseToken(other));
  });
});

describe('records that cannot be opened now', () => {
  it('are left where they are', async () => {
    const aside: string[] = [];
    const refuse = (): never => {
      throw new FerryError('LOCAL_IO', 'too many open files');
    };
    const home: RecordsHome = {
      open: async () => refuse(),
      openNext: async () => refuse(),
      promoteNext: async () => refuse(),
      setAside: async (reason) => {
        aside.push(reason);
      },
      notedSequence: async () => 0,
      noteSequence: async () => undefined,
    };
    const opened = openRecords({ home, nowMs: 0, logger: quietLogger });
    await expect(opened).rejects.toMatchObject({ code: 'LOCAL_IO' });
    expect(aside).toEqual([]);
  });
});
