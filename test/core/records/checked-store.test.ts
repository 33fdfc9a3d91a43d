import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Version } from '../../../core/model/entry.ts';
import { openRecords } from '../../../core/records/open-records.ts';
import { recordsHomeIn } from '../../../core/records/records-home.ts';
import { openStore } from '../../../core/records/store.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
const warnings: string[] = [];

beforeEach(async () => {
  folder = await temporaryDirectory();
  warnings.length = 0;
});
afterEach(() => folder.close());

const opened = () =>
  openRecords({
    home: recordsHomeIn(folder.path),
    nowMs: 1_700_000_000_000,
    logger: { ...quietLogger, warn: (message) => warnings.push(message) },
  });

async function written(): Promise<void> {
  const records = await opened();
  const side = { version: 'v' as Version };
  for (const [id, name] of ['photos', 'papers'].entries())
    records.put({
      id: id + 1,
      parentId: 0,
      name,
      kind: 'directory',
      sizeBytes: 0,
      local: side,
      remote: side,
    });
  records.setState({ roots: { local: 'this disk', remote: 'that server' } });
  await records.commit();
  await records.close();
}

/** Changes one character in the values of rows that begin with the prefix. */
async function alter(prefix: string, from: string, to: string): Promise<number> {
  const store = await openStore(join(folder.path, 'records'));
  let altered = 0;
  for await (const rows of store.scan(prefix))
    for (const [key, value] of rows) {
      if (!value.includes(from)) continue;
      altered++;
      await store.batch([{ type: 'put', key, value: value.replace(from, to) }]);
    }
  await store.close();
  return altered;
}

describe('a row in which something flipped, and that still reads well', () => {
  it.each([
    ['the name of a directory', 'd!', 'papers', 'paperz'],
    ['the identity of a root', 'm!', 'this disk', 'this disc'],
    ['the number of the next entry', 'm!', '"nextId":1', '"nextId":0'],
  ])('is noticed: %s', async (_what, prefix, from, to) => {
    await written();
    expect(await alter(prefix, from, to)).toBe(1);
    const records = await opened();
    expect([records.size, warnings.length]).toEqual([0, 1]);
    await records.close();
  });

  it('is read as it is when an earlier version wrote it, without a check', async () => {
    await written();
    const store = await openStore(join(folder.path, 'records'));
    for (const prefix of ['d!', 'm!'])
      for await (const rows of store.scan(prefix))
        for (const [key, value] of rows)
          await store.batch([{ type: 'put', key, value: value.split('\u0001')[0] ?? '' }]);
    await store.close();
    const records = await opened();
    expect([records.size, warnings.length]).toEqual([2, 0]);
    await records.close();
  });
});
