import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChunkList } from '../../../core/chunks.ts';
import type { ContentHash, Version } from '../../../core/model/entry.ts';
import { openRecords, resetRecords } from '../../../core/records/open-records.ts';
import type { PairRecord } from '../../../core/records/record.ts';
import type { Records } from '../../../core/records/records.ts';
import { recordsHomeIn } from '../../../core/records/records-home.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const MIB = 1024 * 1024;
let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let records: Records;

const options = () => ({
  home: recordsHomeIn(folder.path),
  nowMs: 1_700_000_000_000,
  logger: quietLogger,
});

async function reopened(): Promise<Records> {
  await records.close();
  records = await openRecords(options());
  await records.load([0]);
  return records;
}

beforeEach(async () => {
  folder = await temporaryDirectory();
  records = await openRecords(options());
});

afterEach(async () => {
  await records.close();
  await folder.close();
});

function hash(digit: string): ContentHash {
  return digit.repeat(64) as ContentHash;
}

function record(id: number, content: ContentHash, sizeBytes = 4 * MIB): PairRecord {
  const side = { version: `v${id}` as Version };
  const common = { id, parentId: 0, name: `file ${id}`, kind: 'file' } as const;
  return { ...common, sizeBytes, hash: content, local: side, remote: side };
}

function list(content: ContentHash, sizeBytes = 4 * MIB): ChunkList {
  const chunks = Buffer.alloc(160, 7);
  return { hash: content, sizeBytes, averageBytes: 4096, chunks };
}

describe('the chunk lists beside the records', () => {
  it('keep a list that was noted with the record of its content, also in the next run', async () => {
    records.chunks.note(list(hash('a')));
    records.put(record(1, hash('a')));
    await records.commit();
    await reopened();
    const kept = await records.chunks.find(hash('a'), record(1, hash('a')));
    expect(kept).toEqual(list(hash('a')));
  });

  it('give a list before its record is written, and after that before it is committed', async () => {
    records.chunks.note(list(hash('a')));
    expect(await records.chunks.find(hash('a'), undefined)).toEqual(list(hash('a')));
    records.put(record(1, hash('a')));
    expect(await records.chunks.find(hash('a'), record(1, hash('a')))).toEqual(list(hash('a')));
  });

  it('give none when the record has another content by now', async () => {
    records.chunks.note(list(hash('a')));
    records.put(record(1, hash('a')));
    await records.commit();
    const changed = record(1, hash('b'));
    records.put(changed);
    await records.commit();
    expect(await records.chunks.find(hash('b'), changed)).toBeNull();
    expect(await records.chunks.find(hash('a'), changed)).toBeNull();
  });

  it('forget a list with its record', async () => {
    records.chunks.note(list(hash('a')));
    records.put(record(1, hash('a')));
    await records.commit();
    records.drop(1);
    await records.commit();
    await reopened();
    expect(await records.chunks.find(hash('a'), record(1, hash('a')))).toBeNull();
  });

  it('are gone after a reset', async () => {
    records.chunks.note(list(hash('a')));
    records.put(record(1, hash('a')));
    await records.commit();
    records = await resetRecords(records, options());
    expect(await records.chunks.find(hash('a'), record(1, hash('a')))).toBeNull();
  });

  it('keep nothing for small files, and no more than some megabytes that nobody records', async () => {
    records.chunks.note(list(hash('a'), 1000));
    expect(await records.chunks.find(hash('a'), undefined)).toBeNull();
    const large = Buffer.alloc(9 * MIB);
    for (const digit of ['b', 'c', 'd'])
      records.chunks.note({ ...list(hash(digit)), chunks: large });
    expect(await records.chunks.find(hash('b'), undefined)).toBeNull();
    expect(await records.chunks.find(hash('d'), undefined)).not.toBeNull();
  });
});
