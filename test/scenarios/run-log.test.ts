import { afterEach, describe, expect, it } from '@jest/globals';
import { openRecords } from '../../core/records/open-records.ts';
import { recordsHomeIn } from '../../core/records/records-home.ts';
import type { LoggedRun, RunOperation } from '../../core/records/run-log.ts';
import { quietLogger } from '../support/quiet.ts';
import { SyncWorld } from '../support/sync-world.ts';

let world: SyncWorld;

afterEach(() => world.close());

interface Logged extends LoggedRun {
  readonly operations: readonly RunOperation[];
}

/** Reads the log as the next process would. */
async function logged(): Promise<readonly Logged[]> {
  await world.restart();
  const records = await openRecords({
    home: recordsHomeIn(world.recordsDirectory),
    nowMs: 0,
    logger: quietLogger,
  });
  try {
    const runs: Logged[] = [];
    for (const run of records.runLog.runs()) {
      const operations: RunOperation[] = [];
      for await (const some of records.runLog.operations(run.run)) operations.push(...some);
      runs.push({ ...run, operations });
    }
    return runs;
  } finally {
    await records.close();
  }
}

describe('the run log of a pair', () => {
  it('says for each step of a run what was done where, and why', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'kept', 'same');
    world.write('local', 'gone', 'old');
    world.write('local', 'edited', 'old');
    await world.sync();
    world.remove('remote', 'gone');
    world.write('remote', 'edited', 'newer');
    world.write('local', 'added', 'fresh');
    await world.sync();
    const [run] = await logged();
    expect(run).toMatchObject({ run: 2, kind: 'sync', done: 3, failed: 0, kept: 3 });
    expect(run?.endedAtMs).not.toBeNull();
    const steps = run?.operations.map(({ op, side, path, reason }) => [
      `${op} ${side} ${path}`,
      reason.local,
      reason.remote,
    ]);
    expect(steps?.sort()).toEqual([
      ['remove local gone', 'none', 'deleted'],
      ['write local edited', 'none', 'modified'],
      ['write remote added', 'new', 'none'],
    ]);
  });

  it('is not written by runs that do nothing, nor by dry runs', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    await world.sync();
    world.write('local', 'a', 'new');
    await world.sync({ dryRun: true });
    expect(await logged()).toEqual([]);
    await world.sync();
    await world.sync();
    await world.sync();
    expect((await logged()).map(({ run }) => run)).toEqual([1]);
  });

  it('names a failed step with its problem, once however often it fails', async () => {
    world = await SyncWorld.open({ direction: 'two-way' });
    world.write('local', 'fine', 'content');
    await world.sync();
    world.write('local', 'cannot-go-there', 'content');
    world.onCall = (side, operation) => {
      if (side === 'remote' && operation === 'write') throw new Error('the disk has a bad sector');
    };
    for (let round = 0; round < 3; round++) await world.sync();
    const runs = await logged();
    expect(runs.map(({ done, failed }) => [done, failed])).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(runs[0]?.operations[0]).toMatchObject({
      op: 'write',
      side: 'remote',
      path: 'cannot-go-there',
      problem: { code: 'INTERNAL', message: 'the disk has a bad sector' },
    });
  });
});
