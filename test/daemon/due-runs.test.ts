import { describe, expect, it } from '@jest/globals';
import { type SchedulerLike, take, VirtualTimeScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { backOffMs } from '../../daemon/back-off.ts';
import { nextDue, scheduled$, waitUntil } from '../../daemon/due-runs.ts';
import { NO_SCHEDULE } from '../../daemon/schedule.ts';

const at = (text: string) => new Date(text).getTime();

describe('nextDue', () => {
  it('is never for a pair that only runs when told to', () => {
    expect(nextDue(NO_SCHEDULE, at('2026-11-21T12:00:00'))).toBeNull();
  });

  it('is the next time of day, in local time', () => {
    const schedule = { ...NO_SCHEDULE, at: ['02:30'] };
    expect(nextDue(schedule, at('2026-11-21T12:00:00'))).toBe(at('2026-11-22T02:30:00'));
    expect(nextDue(schedule, at('2026-11-21T02:29:00'))).toBe(at('2026-11-21T02:30:00'));
  });

  it('skips days that are not chosen', () => {
    const schedule = { ...NO_SCHEDULE, at: ['02:30'], days: ['mon', 'tue'] as const };
    // 21 November 2026 is a Saturday.
    expect(nextDue(schedule, at('2026-11-21T12:00:00'))).toBe(at('2026-11-23T02:30:00'));
  });

  it('is the earlier of interval and time of day', () => {
    const schedule = { ...NO_SCHEDULE, at: ['12:10', '18:00'], everyMs: 900_000 };
    expect(nextDue(schedule, at('2026-11-21T12:00:00'))).toBe(at('2026-11-21T12:10:00'));
    expect(nextDue(schedule, at('2026-11-21T12:20:00'))).toBe(at('2026-11-21T12:35:00'));
  });
});

describe('scheduled$', () => {
  it('emits at every interval and says when the next one is', () => {
    const scheduler = new TestScheduler(() => undefined);
    const due: (number | null)[] = [];
    const emitted: number[] = [];
    scheduler.run(({ flush }) => {
      scheduled$({ ...NO_SCHEDULE, everyMs: 90_000 }, (ms) => due.push(ms), { scheduler })
        .pipe(take(3))
        .subscribe(() => emitted.push(scheduler.now()));
      flush();
    });
    expect(emitted).toEqual([90_000, 180_000, 270_000]);
    expect(due.slice(0, 3)).toEqual([90_000, 180_000, 270_000]);
  });

  it('goes on at its interval when the clock is set back', () => {
    const virtual = new VirtualTimeScheduler(undefined, 400_000);
    const now = () => virtual.now() - (virtual.now() > 100_000 ? 3_600_000 : 0);
    const scheduler: SchedulerLike = { now, schedule: virtual.schedule.bind(virtual) };
    const emitted: number[] = [];
    scheduled$({ ...NO_SCHEDULE, everyMs: 30_000 }, () => undefined, { scheduler }).subscribe(() =>
      emitted.push(virtual.now()),
    );
    virtual.flush();
    expect(emitted.slice(0, 3)).toEqual([30_000, 60_000, 90_000]);
    expect(emitted.length).toBeGreaterThan(10);
  });

  it.each([
    { lastRunAtMs: -80_000, dueMs: [10_000, 100_000], when: 'goes on from the last run' },
    { lastRunAtMs: -500_000, dueMs: [0, 90_000], when: 'makes up once for what was missed' },
    { lastRunAtMs: 700_000, dueMs: [90_000, 180_000], when: 'does not trust a time in the future' },
  ])('after a restart it $when', ({ lastRunAtMs, dueMs }) => {
    const scheduler = new TestScheduler(() => undefined);
    const emitted: number[] = [];
    scheduler.run(({ flush }) => {
      const options = { scheduler, sinceMs: lastRunAtMs };
      scheduled$({ ...NO_SCHEDULE, everyMs: 90_000 }, () => undefined, options)
        .pipe(take(2))
        .subscribe(() => emitted.push(scheduler.now()));
      flush();
    });
    expect(emitted).toEqual(dueMs);
  });

  it('waits longer than a timer of the platform can', () => {
    const scheduler = new TestScheduler(() => undefined);
    const emitted: number[] = [];
    const farAwayMs = 2 ** 31 + 1_000_000;
    scheduler.run(({ flush }) => {
      waitUntil(farAwayMs, scheduler).subscribe(() => emitted.push(scheduler.now()));
      flush();
    });
    expect(emitted).toEqual([farAwayMs]);
  });
});

describe('backOffMs', () => {
  it('doubles up to five minutes', () => {
    expect([1, 2, 3, 20].map((failures) => backOffMs(failures, 0.5))).toEqual([
      5000, 10_000, 20_000, 300_000,
    ]);
  });

  it('spreads clients by a quarter each way', () => {
    expect([backOffMs(1, 0), backOffMs(1, 1)]).toEqual([3750, 6250]);
  });
});
