const FIRST_MS = 5000;
const LONGEST_MS = 300_000;

/**
 * Returns how long to wait before try number `failures` + 1: doubled each time up to five minutes, and spread by a
 * quarter so that many clients of one server do not return together. `random` is from 0 to 1.
 */
export function backOffMs(failures: number, random: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return Math.round(whole * (0.75 + random * 0.5));
}
