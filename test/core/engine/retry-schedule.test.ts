import { describe, expect, test } from '@jest/globals';
import { RetrySchedule } from '../../../core/engine/retry-schedule.ts';
import { FerryError } from '../../../core/model/errors.ts';
import { parseSyncPath } from '../../../core/model/path.ts';

const FILE = { side: 'remote', path: parseSyncPath('big.bin'), version: 'v1' } as const;
const LOCKED = new FerryError('REMOTE_LOCKED', 'big.bin: locked');
const FORBIDDEN = new FerryError('REMOTE_FORBIDDEN', 'big.bin: forbidden');

function schedule(random = 0.5) {
  let nowMs = 1_000_000;
  const clock = { now: () => nowMs, sleep: async () => undefined };
  return {
    retries: new RetrySchedule({ clock, random: () => random }),
    pass: (ms: number) => {
      nowMs += ms;
    },
    now: () => nowMs,
  };
}

/** Lets an entry fail again and again, each time as soon as it is due, and returns the delays. */
function delaysOf(error: FerryError, count: number): readonly number[] {
  const { retries, pass, now } = schedule();
  return Array.from({ length: count }, () => {
    const delayMs = (retries.failed(FILE, error).retryAtMs ?? 0) - now();
    pass(delayMs);
    return delayMs;
  });
}

describe('the schedule of retries', () => {
  test('waits twice as long after each failure, a quarter of an hour at most', () => {
    expect(delaysOf(LOCKED, 10)).toEqual(
      [5, 10, 20, 40, 80, 160, 320, 640, 900, 900].map((seconds) => seconds * 1000),
    );
  });

  test('waits longer where somebody has to mend it, an hour at most', () => {
    expect(delaysOf(FORBIDDEN, 8)).toEqual(
      [1, 2, 4, 8, 16, 32, 60, 60].map((minutes) => minutes * 60_000),
    );
  });

  test('does not wait for the time that a clock showed before it was set back', () => {
    const { retries, pass } = schedule();
    retries.failed(FILE, LOCKED);
    pass(-3_600_000);
    expect(retries.heldBack(FILE)).not.toBeNull();
    pass(5_001);
    expect(retries.heldBack(FILE)).toBeNull();
  });

  test('spreads the delays, so that many clients do not come back together', () => {
    const delays = [0, 0.999].map((random) => {
      const { retries, now } = schedule(random);
      return (retries.failed(FILE, LOCKED).retryAtMs ?? 0) - now();
    });
    expect(delays[0]).toBe(3750);
    expect(delays[1]).toBeGreaterThan(6200);
  });

  test('holds an entry back until its time, with the problem it had', () => {
    const { retries, pass } = schedule();
    expect(retries.heldBack(FILE)).toBeNull();
    const problem = retries.failed(FILE, LOCKED);
    expect(problem).toMatchObject({ path: 'big.bin', code: 'REMOTE_LOCKED', retry: 'later' });
    expect(retries.heldBack(FILE)).toEqual(problem);
    pass(5000);
    expect(retries.heldBack(FILE)).toBeNull();
  });

  test('lets an entry that changed since be tried at once, and begins anew with it', () => {
    const { retries, now } = schedule();
    for (let times = 0; times < 5; times++) retries.failed(FILE, LOCKED);
    const edited = { ...FILE, version: 'v2' };
    expect(retries.heldBack(edited)).toBeNull();
    expect(retries.failed(edited, LOCKED).retryAtMs).toBe(now() + 5000);
  });

  test('lets everything be tried when somebody asks, and does not forget how often it failed', () => {
    const { retries, now } = schedule();
    retries.failed(FILE, LOCKED);
    retries.makeAllDue();
    expect(retries.heldBack(FILE)).toBeNull();
    expect(retries.failed(FILE, LOCKED).retryAtMs).toBe(now() + 10_000);
  });

  test('forgets what went well, and what is no problem of a run any more', () => {
    const { retries } = schedule();
    retries.failed(FILE, LOCKED);
    retries.succeeded(FILE);
    expect(retries.heldBack(FILE)).toBeNull();
    retries.failed(FILE, LOCKED);
    retries.keepOnly([]);
    expect(retries.heldBack(FILE)).toBeNull();
  });
});
