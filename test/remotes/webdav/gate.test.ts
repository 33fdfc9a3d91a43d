import { describe, expect, test } from '@jest/globals';
import { Gate } from '../../../remotes/webdav/gate.ts';

const MINUTE_MS = 60_000;

function gate() {
  let nowMs = 1_000_000;
  const slept: number[] = [];
  const clock = {
    now: () => nowMs,
    sleep: async (ms: number) => {
      slept.push(ms);
      nowMs += ms;
    },
  };
  const made = new Gate({ host: 'server.example', clock, random: () => 0.5 });
  const passage = (isFirstLook: boolean) => ({ isFirstLook, isRepeat: false });
  return {
    slept,
    later: (ms: number) => {
      nowMs += ms;
    },
    /** Asks to pass; what it was refused with. */
    ask: (isFirstLook = false) =>
      made.enter(passage(isFirstLook)).then(
        () => 'passed',
        ({ code }: { readonly code: string }) => code,
      ),
    answered: (status: number, retryAfterMs = 0, isFirstLook = false) =>
      made.answered(status, retryAfterMs, passage(isFirstLook)),
    lost: () => made.lost(),
  };
}

describe('the gate before a server', () => {
  test('lets everything through while all is well', async () => {
    const { ask, answered } = gate();
    for (const status of [200, 207, 404, 412, 500]) answered(status);
    expect(await ask()).toBe('passed');
  });

  test('tries a refused sign-in once in each run, three times, and then once in a quarter of an hour', async () => {
    const { ask, answered, later } = gate();
    let tries = 0;
    for (let run = 0; run < 60; run++) {
      if ((await ask(true)) === 'passed') {
        tries++;
        // Many were under way when the first answer came.
        for (let request = 0; request < 16; request++) answered(401);
      }
      expect(await ask()).toBe('REMOTE_UNAUTHORIZED');
      later(MINUTE_MS / 2);
    }
    expect(tries).toBe(4);
  });

  test('opens again when the sign-in is accepted', async () => {
    const { ask, answered } = gate();
    answered(401);
    expect(await ask(true)).toBe('passed');
    answered(207, 0, true);
    expect(await ask()).toBe('passed');
  });

  test('waits out a short time that a server asks for, for all requests', async () => {
    const { ask, answered, slept } = gate();
    answered(429, 5000);
    expect(await ask()).toBe('passed');
    expect(slept).toEqual([5000]);
  });

  test('leaves a server alone for as long as it asks, five minutes at most', async () => {
    const { ask, answered, later } = gate();
    answered(429, 2 * MINUTE_MS);
    expect(await ask(true)).toBe('REMOTE_RATE_LIMITED');
    later(2 * MINUTE_MS);
    expect(await ask()).toBe('passed');
    answered(207);
    answered(429, 5 * 365 * 24 * 60 * MINUTE_MS);
    later(4 * MINUTE_MS);
    expect(await ask(true)).toBe('REMOTE_RATE_LIMITED');
    later(MINUTE_MS);
    expect(await ask()).toBe('passed');
  });

  test('fails at once while a server is away, but lets a run find out whether it is back', async () => {
    const { ask, answered, lost } = gate();
    lost();
    expect(await ask()).toBe('REMOTE_UNREACHABLE');
    expect(await ask(true)).toBe('passed');
    answered(207, 0, true);
    expect(await ask()).toBe('passed');
  });

  test('takes one folder that asks for hours for that folder only', async () => {
    const { ask, answered } = gate();
    answered(503, 120 * MINUTE_MS);
    expect(await ask()).toBe('passed');
  });
});
