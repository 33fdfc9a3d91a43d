import { describe, expect, it } from '@jest/globals';
import { planUndo } from '../../../core/engine/plan-undo.ts';
import type { Version } from '../../../core/model/entry.ts';
import { parseSyncPath } from '../../../core/model/path.ts';
import type { RunOperation } from '../../../core/records/run-log.ts';

interface Told extends Partial<Omit<RunOperation, 'path' | 'from' | 'local'>> {
  readonly path: string;
  readonly from?: string;
  /** Where the local side has it afterwards; absent: at `path`; null: nowhere. */
  readonly local?: string | null;
}

let node = 0;

function step({ path, from, local = path, ...rest }: Told): RunOperation {
  return {
    pass: 1,
    node: ++node,
    recordId: null,
    op: 'write',
    side: 'local',
    kind: 'file',
    reason: { local: 'none', remote: 'modified', rule: '' },
    ...rest,
    path: parseSyncPath(path),
    from: from === undefined ? null : parseSyncPath(from),
    local: local === null ? null : { path: parseSyncPath(local), version: 'v' as Version },
  };
}

describe('the plan of an undo', () => {
  it('brings replaced and removed contents back under their names', () => {
    const plan = planUndo([
      step({ path: 'a', from: 'a', keptAs: 'k1' }),
      step({ op: 'remove', path: 'b', from: 'b', local: null, keptAs: 'k2' }),
    ]);
    expect(plan.contents).toMatchObject([
      { path: 'a', now: { path: 'a' }, keptAs: 'k1' },
      { path: 'b', now: null, keptAs: 'k2' },
    ]);
    expect([plan.moves, plan.directories, plan.additions]).toEqual([[], [], []]);
  });

  it('takes an entry that was moved and written as one', () => {
    const plan = planUndo([
      step({ op: 'move', node: 5, path: 'new', from: 'old' }),
      step({ op: 'write', node: 5, path: 'new', from: 'old', keptAs: 'k' }),
    ]);
    expect(plan.moves).toMatchObject([{ now: 'new', before: 'old' }]);
    expect(plan.contents).toMatchObject([{ path: 'old', keptPath: 'new', keptAs: 'k' }]);
  });

  it('follows an entry through several passes', () => {
    const plan = planUndo([
      step({ op: 'move', pass: 1, node: 1, path: 'b', from: 'a' }),
      step({ op: 'move', pass: 2, node: 1, path: 'c', from: 'b' }),
      step({ op: 'write', pass: 3, node: 9, path: 'c', from: 'c', keptAs: 'k' }),
    ]);
    expect(plan.moves).toMatchObject([{ now: 'c', before: 'a' }]);
    expect(plan.contents).toMatchObject([{ path: 'a', now: { path: 'c' }, keptAs: 'k' }]);
  });

  it('tells paths in a directory that an earlier pass moved as they were before the run', () => {
    const plan = planUndo([
      step({ op: 'move', kind: 'directory', pass: 1, path: 'new', from: 'old' }),
      step({ pass: 2, path: 'new/file', from: 'new/file', keptAs: 'k' }),
    ]);
    expect(plan.contents).toMatchObject([{ path: 'old/file', now: { path: 'new/file' } }]);
  });

  it('tells what was done on the remote side for the local one', () => {
    const plan = planUndo([
      step({ side: 'remote', path: 'f', from: 'f', keptAs: 'k1' }),
      step({ side: 'remote', op: 'remove', path: 'g', from: 'g', local: null, keptAs: 'k2' }),
      step({ side: 'remote', op: 'move', path: 'to', from: 'from' }),
    ]);
    expect(plan.contents).toMatchObject([
      { path: 'f', side: 'remote', now: { path: 'f' } },
      { path: 'g', side: 'remote', now: null },
    ]);
    expect(plan.moves).toMatchObject([{ now: 'to', before: 'from' }]);
  });

  it('leaves out what failed', () => {
    const problem = { code: 'LOCAL_IO', message: 'a bad sector' };
    expect(planUndo([step({ path: 'a', from: 'a', problem })]).contents).toEqual([]);
  });

  it('does not count as an addition what only came to another name', () => {
    const plan = planUndo([
      step({ op: 'move', path: 'copy', from: 'f' }),
      step({ path: 'f' }),
      step({ op: 'make-directory', kind: 'directory', path: 'd' }),
      step({ side: 'remote', path: 'mine' }),
    ]);
    expect(plan.additions).toMatchObject([
      { path: 'f', side: 'local' },
      { path: 'd', side: 'local' },
      { path: 'mine', side: 'remote' },
    ]);
  });
});
