import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RunRecorder } from '../../../core/engine/run-recorder.ts';
import { FerryError } from '../../../core/model/errors.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import type { PlannedNode } from '../../../core/reconcile/plan.ts';
import { openRecords } from '../../../core/records/open-records.ts';
import type { Records } from '../../../core/records/records.ts';
import { recordsHomeIn } from '../../../core/records/records-home.ts';
import { MAX_LOGGED_OPERATIONS } from '../../../core/records/run-log.ts';
import { quietLogger } from '../../support/quiet.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let records: Records;

beforeEach(async () => {
  folder = await temporaryDirectory();
  records = await openRecords({
    home: recordsHomeIn(folder.path),
    nowMs: 0,
    logger: quietLogger,
  });
});

afterEach(async () => {
  await records.close();
  await folder.close();
});

const PATH = 'notes.txt' as SyncPath;

function node(change: Partial<PlannedNode> = {}): PlannedNode {
  return {
    key: 1,
    baseId: 5,
    kind: 'file',
    local: { from: PATH, to: PATH },
    remote: { from: PATH, to: PATH },
    content: 'to-local',
    metadata: 'none',
    record: 'write',
    adopts: false,
    reason: { local: 'none', remote: 'modified', rule: 'changed on one side' },
    ...change,
  };
}

const WRITE = { op: 'write', key: 1, path: PATH } as const;

function recorder(options: { readonly mirror?: boolean; readonly kind?: 'reset' } = {}) {
  return new RunRecorder({
    log: records.runLog,
    kind: 'sync',
    direction: 'two-way',
    startedAtMs: 1000,
    ...options,
  });
}

describe('a recorder of runs', () => {
  it('counts every step of a large run and keeps the first ones', async () => {
    const run = recorder();
    run.beginPass();
    for (let step = 0; step < MAX_LOGGED_OPERATIONS + 50; step++) {
      run.done(WRITE, 'local', node(), undefined);
      if (step % 256 === 0) await records.commit();
    }
    run.stage({ endedAtMs: 2000 });
    expect(records.runLog.runs()).toMatchObject([
      {
        done: MAX_LOGGED_OPERATIONS + 50,
        kept: MAX_LOGGED_OPERATIONS,
        counts: { 'write-local': MAX_LOGGED_OPERATIONS + 50 },
      },
    ]);
  });

  it('leaves a run that was cut off without an end', async () => {
    recorder().done(WRITE, 'local', node(), undefined);
    await records.commit();
    expect(records.runLog.runs()).toMatchObject([{ done: 1, endedAtMs: null }]);
  });

  it('names with each step the version that it displaced', async () => {
    const run = recorder();
    run.displacementOf('local', node(), false).onKept?.('2026-01-01T00-00-00Z');
    run.done(WRITE, 'local', node(), undefined);
    run.done(WRITE, 'local', node(), undefined);
    await records.commit();
    for await (const operations of records.runLog.operations(1))
      expect(operations.map(({ keptAs }) => keptAs)).toEqual(['2026-01-01T00-00-00Z', undefined]);
  });

  it('says why a version gives way', () => {
    const removed = node({ local: { from: PATH, to: null } });
    const edited = node({ reason: { local: 'modified', remote: 'none', rule: '' } });
    expect(recorder().displacementOf('local', node(), false).cause).toBe('replaced');
    expect(recorder().displacementOf('local', removed, false).cause).toBe('deleted');
    expect(recorder({ mirror: true }).displacementOf('local', edited, false).cause).toBe('mirror');
    expect(recorder({ kind: 'reset' }).displacementOf('local', node(), false).cause).toBe('reset');
  });

  it('knows a version that is nowhere else by what its side did', () => {
    const isOnlyCopy = (local: PlannedNode['reason']['local'], isEqual = false): boolean =>
      recorder().displacementOf(
        'local',
        node({ reason: { local, remote: 'modified', rule: '' } }),
        isEqual,
      ).isOnlyCopy;
    expect(isOnlyCopy('none')).toBe(false);
    expect(isOnlyCopy('moved')).toBe(false);
    expect(isOnlyCopy('modified')).toBe(true);
    expect(isOnlyCopy('new')).toBe(true);
    expect(isOnlyCopy('new', true)).toBe(false);
  });

  it('does not take for a failure what only has to be planned again', () => {
    const run = recorder();
    run.failed(WRITE, 'local', node(), new FerryError('CHANGED', 'edited meanwhile'));
    run.failed(WRITE, 'local', node(), new FerryError('ABORTED', 'cancelled'));
    expect(run.stage({ endedAtMs: 2000 })).toBe(false);
  });
});
