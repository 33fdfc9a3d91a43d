import { describe, expect, it } from '@jest/globals';
import { BehaviorSubject } from 'rxjs';
import type { PairEngine, PairState } from '../../core/engine/pair-engine.ts';
import type { Conflict } from '../../core/model/problem.ts';
import { followEngine } from '../../daemon/drive-marks.ts';
import { quietLogger } from '../support/quiet.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('followEngine', () => {
  const state$ = new BehaviorSubject({
    running: false,
    conflicts: 0,
    lastRunAtMs: null,
  } as PairState);
  const marked: string[][] = [];
  let ended = 0;
  let found: readonly Partial<Conflict>[] = [];
  const engine = { state$, conflicts: async () => found } as unknown as PairEngine;
  const marks = {
    allEnded: () => {
      ended += 1;
    },
    setConflicts: (paths: readonly string[]) => void marked.push([...paths]),
  };
  const subscription = followEngine(engine, marks, quietLogger);
  const next = async (state: Partial<PairState>): Promise<void> => {
    state$.next({ ...state$.value, ...state });
    await settled();
  };

  it('marks both files of each conflict when a run has ended, and nothing while one is going on', async () => {
    await settled();
    expect([marked.splice(0), ended]).toEqual([[[]], 1]);
    found = [{ path: 'a' as never, copyPath: 'a (conflict)' as never }];
    await next({ running: true, conflicts: 1 });
    expect(marked).toEqual([]);
    await next({ running: false, lastRunAtMs: 5 });
    expect([marked.splice(0), ended]).toEqual([[['a', 'a (conflict)']], 2]);
  });

  it('takes the marks away when the conflict was resolved between two runs', async () => {
    found = [];
    await next({ conflicts: 0 });
    expect(marked.splice(0)).toEqual([[]]);
    subscription.unsubscribe();
    await next({ conflicts: 1 });
    expect(marked).toEqual([]);
  });
});
