import { describe, expect, it } from '@jest/globals';
import { FerryError } from '../../../core/model/errors.ts';
import { createThrottle } from '../../../core/transfer/throttle.ts';

/** A clock on which time passes only while somebody sleeps. */
function sleepingClock(): {
  now(): number;
  setBack(ms: number): void;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
} {
  let nowMs = 1_000_000;
  return {
    now: () => nowMs,
    setBack: (ms) => {
      nowMs -= ms;
    },
    sleep: async (ms, signal) => {
      if (signal?.aborted) throw new FerryError('ABORTED', 'cancelled');
      nowMs += ms;
    },
  };
}

async function* chunks(count: number, sizeBytes: number): AsyncIterable<Uint8Array> {
  for (let made = 0; made < count; made++) yield new Uint8Array(sizeBytes);
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.byteLength;
  return bytes;
}

describe('createThrottle', () => {
  it('lets a second pass for each second of bytes, but for the first burst', async () => {
    const clock = sleepingClock();
    const throttle = createThrottle(1000, clock);
    const before = clock.now();
    expect(await drain(throttle.limit(chunks(100, 100)))).toBe(10_000);
    expect(clock.now() - before).toBeCloseTo(10_000 - 250, 3);
  });

  it('does not wait for the time that a clock showed before it was set back', async () => {
    const clock = sleepingClock();
    const throttle = createThrottle(1000, clock);
    await drain(throttle.limit(chunks(10, 100)));
    clock.setBack(3_600_000);
    const before = clock.now();
    await drain(throttle.limit(chunks(10, 100)));
    expect(clock.now() - before).toBeLessThanOrEqual(1250);
  });

  it('counts all streams together', async () => {
    const clock = sleepingClock();
    const throttle = createThrottle(1000, clock);
    const before = clock.now();
    for (let stream = 0; stream < 4; stream++) await drain(throttle.limit(chunks(5, 100)));
    expect(clock.now() - before).toBeCloseTo(2000 - 250, 3);
  });

  it('gives no credit for time in which nothing was sent', async () => {
    const clock = sleepingClock();
    const throttle = createThrottle(1000, clock);
    await clock.sleep(60_000);
    const before = clock.now();
    await drain(throttle.limit(chunks(20, 100)));
    expect(clock.now() - before).toBeCloseTo(2000 - 250, 3);
  });

  it('ends with the run', async () => {
    const throttle = createThrottle(1, sleepingClock());
    await expect(drain(throttle.limit(chunks(9, 9), AbortSignal.abort()))).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
