import { describe, expect, it } from '@jest/globals';
import { QuietTime } from '../../daemon/quiet-time.ts';

function at(): { quiet: QuietTime; clock: { ms: number } } {
  const clock = { ms: 1000 };
  return { quiet: new QuietTime(() => clock.ms), clock };
}

describe('the quiet time before a run', () => {
  it('is a moment for one change', () => {
    const { quiet } = at();
    quiet.note();
    expect(quiet.ms).toBe(5);
  });

  it('grows with the number of changes', () => {
    const { quiet } = at();
    for (let count = 0; count < 10; count++) quiet.note();
    const few = quiet.ms;
    for (let count = 0; count < 100; count++) quiet.note();
    expect(few).toBeGreaterThan(5);
    expect(quiet.ms).toBeGreaterThan(few);
  });

  it('ends after a second, however long changes go on', () => {
    const { quiet, clock } = at();
    for (let count = 0; count < 100; count++) quiet.note();
    clock.ms += 990;
    quiet.note();
    expect(quiet.ms).toBe(10);
    clock.ms += 500;
    expect(quiet.ms).toBe(0);
  });

  it('is no longer for a clock that was set back', () => {
    const { quiet, clock } = at();
    quiet.note();
    quiet.runBegins();
    clock.ms += 40;
    quiet.runEnds();
    clock.ms -= 3_600_000;
    quiet.note();
    expect(quiet.ms).toBe(40);
    clock.ms += 40;
    expect(quiet.ms).toBe(5);
  });

  it('lets a run be followed by a rest as long as the run was, and by no longer one', () => {
    const { quiet, clock } = at();
    quiet.note();
    quiet.runBegins();
    clock.ms += 40;
    quiet.runEnds();
    quiet.note();
    expect(quiet.ms).toBe(40);
    clock.ms += 60;
    expect(quiet.ms).toBe(5);
  });
});
