import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import { DigestSum } from '../../../core/records/digest.ts';
import { openRecords } from '../../../core/records/open-records.ts';
import { encodeRecord, type PairRecord, recordKey } from '../../../core/records/record.ts';
import { recordsHomeIn } from '../../../core/records/records-home.ts';
import { openStore } from '../../../core/records/store.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const RECORDS: readonly PairRecord[] = [
  recordOf(1, 0, 'a', 'directory'),
  recordOf(2, 1, 'deep', 'directory'),
  recordOf(3, 2, 'file', 'file'),
  recordOf(4, 0, 'top', 'file'),
];

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  folder = await temporaryDirectory();
});
afterEach(() => folder.close());

function recordOf(id: number, parentId: number, name: string, kind: PairRecord['kind']) {
  const side = { version: `v${id}` as Version };
  return { id, parentId, name, kind, sizeBytes: 0, local: side, remote: side };
}

/** Writes a store as the first layout had it: rows of records and a state, no rows of directories. */
async function writeFirstLayout(records: readonly PairRecord[], counted = records): Promise<void> {
  const home = recordsHomeIn(folder.path);
  await (await home.open()).close();
  const store = await openStore(join(folder.path, 'records'));
  const sum = new DigestSum();
  for (const record of counted)
    sum.add(recordKey(record.parentId, record.name), encodeRecord(record));
  const state = {
    schema: 1,
    nextId: 5,
    sequence: 7,
    generation: 2,
    resetting: false,
    direction: 'two-way',
    roots: { local: 'L', remote: 'R' },
    digest: sum.digest,
  };
  await store.batch([
    { type: 'put', key: 'm!state', value: JSON.stringify(state) },
    ...records.map((record) => ({
      type: 'put' as const,
      key: recordKey(record.parentId, record.name),
      value: encodeRecord(record),
    })),
  ]);
  await store.close();
}

async function open() {
  return openRecords({
    home: recordsHomeIn(folder.path),
    nowMs: 1_700_000_000_000,
    logger: quietLogger,
  });
}

describe('records of the first layout', () => {
  it('are taken over, and are the same when they are opened again', async () => {
    await writeFirstLayout(RECORDS);
    for (let time = 0; time < 2; time++) {
      const records = await open();
      expect(records.size).toBe(4);
      expect(records.state).toMatchObject({ generation: 2, roots: { local: 'L', remote: 'R' } });
      expect(await records.find(parseSyncPath('a/deep/file'))).toEqual(RECORDS[2]);
      expect(records.newId()).toBeGreaterThan(4);
      await records.close();
    }
  });

  it('are set aside when they are not complete', async () => {
    await writeFirstLayout(RECORDS.slice(1), RECORDS);
    const records = await open();
    expect(records.size).toBe(0);
    await records.close();
  });
});
