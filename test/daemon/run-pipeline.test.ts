import { describe, expect, it } from '@jest/globals';
import { concat, defer, EMPTY, finalize, map, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { runPipeline, type Trigger } from '../../daemon/run-pipeline.ts';

const KINDS: Readonly<Record<string, Trigger>> = { m: 'manual', c: 'change', s: 'schedule' };
const COALESCE = 10;

/** Plays triggers in virtual time, each run taking `runMs`; returns when runs began and how many overlapped. */
function play(marbles: string, runMs: number, fails: (run: number) => boolean = () => false) {
  const scheduler = new TestScheduler(() => undefined);
  const starts: number[] = [];
  let running = 0;
  let most = 0;
  scheduler.run(({ hot, flush }) => {
    const run = () =>
      defer(() => {
        starts.push(scheduler.now());
        running += 1;
        most = Math.max(most, running);
        const isFailing = fails(starts.length);
        const end$ = defer(() => (isFailing ? throwError(() => new Error('boom')) : EMPTY));
        return concat(timer(runMs), end$).pipe(
          finalize(() => {
            running -= 1;
          }),
        );
      });
    const triggers$ = hot(marbles).pipe(map((letter) => KINDS[letter] ?? 'change'));
    runPipeline({ triggers$, run, coalesceMs: COALESCE }).subscribe();
    flush();
  });
  return { starts, most };
}

describe('runPipeline', () => {
  it('makes one run of triggers that come close together', () => {
    expect(play('ccc', 5).starts).toEqual([COALESCE]);
  });

  it('starts at once for a person', () => {
    expect(play('m', 5).starts).toEqual([0]);
  });

  it('runs exactly once more for any number of changes during a run', () => {
    const { starts, most } = play('m 9ms c 9ms c 9ms c 9ms c', 100);
    expect(starts).toEqual([0, 100 + COALESCE]);
    expect(most).toBe(1);
  });

  it('runs once more for a change just before the end of a run', () => {
    expect(play('m 98ms c', 100).starts).toEqual([0, 110]);
  });

  it('does not run again when nothing happened during a run', () => {
    expect(play('m 499ms m', 100).starts).toEqual([0, 500]);
  });

  it('never lets two runs overlap, however the triggers fall', () => {
    for (let gap = 1; gap < 60; gap += 7) {
      const marbles = Array.from({ length: 20 }, (_, n) => (n % 3 === 0 ? 'm' : 'c')).join(
        ` ${gap}ms `,
      );
      const { most, starts } = play(marbles, 37);
      expect(most).toBe(1);
      expect(starts.length).toBeGreaterThan(1);
    }
  });

  it('survives a run that fails, and a run that follows it', () => {
    const { starts } = play('m 19ms c 479ms m', 100, (run) => run <= 2);
    expect(starts).toEqual([0, 110, 500]);
  });

  it('survives a run that throws before it began', () => {
    const scheduler = new TestScheduler(() => undefined);
    let calls = 0;
    scheduler.run(({ hot, flush }) => {
      const run = () => {
        calls += 1;
        throw new Error('boom');
      };
      runPipeline({
        triggers$: hot('m 50ms m').pipe(map((): Trigger => 'manual')),
        run,
        coalesceMs: COALESCE,
      }).subscribe();
      flush();
    });
    expect(calls).toBe(2);
  });
});
