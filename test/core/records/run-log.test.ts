import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseSyncPath } from '../../../core/model/path.ts';
import { openRecords, resetRecords } from '../../../core/records/open-records.ts';
import type { Records } from '../../../core/records/records.ts';
import { recordsHomeIn } from '../../../core/records/records-home.ts';
import type { LoggedRun, RunOperation } from '../../../core/records/run-log.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 1_700_000_000_000;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let records: Records;

const open = async (): Promise<Records> =>
  openRecords({ home: recordsHomeIn(folder.path), nowMs: NOW_MS, logger: quietLogger });

beforeEach(async () => {
  folder = await temporaryDirectory();
  records = await open();
});

afterEach(async () => {
  await records.close();
  await folder.close();
});

function operation(name: string): RunOperation {
  return {
    pass: 1,
    node: 7,
    recordId: 3,
    op: 'write',
    side: 'local',
    kind: 'file',
    path: parseSyncPath(name),
    from: null,
    local: null,
    reason: { local: 'none', remote: 'modified', rule: 'changed on one side' },
  };
}

function run(number: number, startedAtMs = NOW_MS): Omit<LoggedRun, 'kept' | 'chunks'> {
  return {
    run: number,
    kind: 'sync',
    direction: 'two-way',
    startedAtMs,
    endedAtMs: null,
    done: 1,
    failed: 0,
    counts: {},
  };
}

async function namesOf(number: number): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const operations of records.runLog.operations(number))
    names.push(...operations.map(({ path }) => path));
  return names;
}

const numbers = (): readonly number[] => records.runLog.runs().map((one) => one.run);

describe('the run log', () => {
  it('gives back every operation of a run in order, after the records are opened again', async () => {
    records.runLog.put(run(1), [operation('a'), operation('b')]);
    await records.commit();
    records.runLog.put({ ...run(1), endedAtMs: NOW_MS + 5 }, [operation('c')]);
    await records.commit();
    await records.close();
    records = await open();
    expect(records.runLog.runs()).toMatchObject([{ run: 1, kept: 3, endedAtMs: NOW_MS + 5 }]);
    expect(await namesOf(1)).toEqual(['a', 'b', 'c']);
    expect(records.runLog.nextRun).toBe(2);
  });

  it('is kept by a reset, and goes on counting', async () => {
    records.runLog.put(run(4), [operation('a')]);
    await records.commit();
    records = await resetRecords(records, {
      home: recordsHomeIn(folder.path),
      nowMs: NOW_MS,
      logger: quietLogger,
    });
    expect(await namesOf(4)).toEqual(['a']);
    expect(records.runLog.nextRun).toBe(5);
  });

  it('forgets runs that are older than 30 days with their operations, but never the latest', async () => {
    records.runLog.put(run(1, NOW_MS - 40 * DAY_MS), [operation('old')]);
    records.runLog.put(run(2, NOW_MS - 31 * DAY_MS), [operation('latest')]);
    records.runLog.prune(NOW_MS);
    await records.commit();
    expect(numbers()).toEqual([2]);
    expect(await namesOf(1)).toEqual([]);
  });

  it('keeps the last 50 runs', async () => {
    for (let number = 1; number <= 60; number++) records.runLog.put(run(number), [operation('x')]);
    records.runLog.prune(NOW_MS);
    await records.commit();
    expect(numbers()).toHaveLength(50);
    expect(numbers().at(-1)).toBe(11);
    expect(await namesOf(10)).toEqual([]);
    expect(await namesOf(11)).toEqual(['x']);
  });
});
