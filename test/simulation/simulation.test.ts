import { describe, expect, test } from '@jest/globals';
import { simulate } from './simulate.ts';

const asked = process.env['FERRY_SEEDS'];
const SEEDS = Number(asked ?? 10_000);
/** What a commit waits for on a slow or busy machine; a number that was asked for is played to its end. */
const MAX_MS = 30_000;

describe('the sync core, simulated', () => {
  test(
    'schedules with faults, crashes and edits at any moment lose nothing and come to rest',
    async () => {
      const limit = asked === undefined ? { untilMs: Date.now() + MAX_MS } : {};
      const result = await simulate({ first: 1, count: SEEDS, jobs: 2, maxFailures: 5, ...limit });
      const { seeds, runs, crashes, failures } = result;
      process.stderr.write(
        `simulated ${seeds} of ${SEEDS} seeds: ${runs} runs, ${crashes} crashes\n`,
      );
      // Each is explained by `npm run simulate -- --seed SEED --trace`.
      expect(failures).toEqual([]);
      expect(seeds).toBeGreaterThan(0);
    },
    2 * MAX_MS + SEEDS * 60,
  );
});
