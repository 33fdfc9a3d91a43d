import { describe, expect, it } from '@jest/globals';
import { type SchedulerLike, type Subscription, VirtualTimeScheduler } from 'rxjs';
import { looksWhileUsed } from '../../daemon/looks-while-used.ts';

/** Plays a drive for so many seconds; `usedAt` says in which of them programs call it. Returns when it was looked at. */
function looks(seconds: number, usedAt: (second: number) => boolean, durationMs = 10): number[] {
  const scheduler = new VirtualTimeScheduler(undefined, seconds * 1000 + 500);
  const at: number[] = [];
  let atMs = 0;
  const operations = () =>
    Array.from({ length: Math.floor(scheduler.now() / 1000) }, (_, second) => second).filter(usedAt)
      .length;
  const lastLook = () => ({ atMs, durationMs });
  const all: Subscription = looksWhileUsed({ operations, lastLook, scheduler }).subscribe(() => {
    at.push(scheduler.now() / 1000);
    atMs = scheduler.now();
  });
  scheduler.flush();
  all.unsubscribe();
  return at;
}

describe('looks at a server that tells of no changes', () => {
  it('come every two seconds while programs use the drive', () => {
    expect(looks(9, () => true)).toEqual([2, 4, 6, 8]);
  });

  it('come every ten seconds when it was used of late, and then no more than the schedule wants', () => {
    const found = looks(700, (second) => second === 0);
    expect(found.filter((at) => at > 61 && at < 100)).toEqual([70, 80, 90]);
    expect(found.filter((at) => at > 610)).toEqual([]);
  });

  it('go on when the clock is set back', () => {
    const virtual = new VirtualTimeScheduler(undefined, 20_500);
    const now = () => virtual.now() - (virtual.now() > 5000 ? 3_600_000 : 0);
    const scheduler: SchedulerLike = { now, schedule: virtual.schedule.bind(virtual) };
    let atMs = 0;
    const seen: number[] = [];
    looksWhileUsed({
      operations: () => virtual.now(),
      lastLook: () => ({ atMs, durationMs: 10 }),
      scheduler,
    }).subscribe(() => {
      atMs = now();
      seen.push(virtual.now());
    });
    virtual.flush();
    expect(seen.filter((ms) => ms > 6000).length).toBeGreaterThan(5);
  });

  it('do not come while nobody uses it', () => {
    expect(looks(100, () => false)).toEqual([]);
  });

  it('fill no more than a tenth of the time', () => {
    expect(looks(60, () => true, 2000)).toEqual([18, 36, 54]);
  });
});
