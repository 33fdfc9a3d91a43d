import { describe, expect, test } from '@jest/globals';
import { simulate } from './simulate.ts';

/** As many as a commit can wait for; `FERRY_SEEDS` asks for another number. */
const SEEDS = Number(process.env['FERRY_SEEDS'] ?? 1_000);

describe('the sync core, simulated', () => {
  test(
    `${SEEDS} schedules with faults, crashes and edits at any moment lose nothing and come to rest`,
    async () => {
      const result = await simulate({ first: 1, count: SEEDS, jobs: 2, maxFailures: 5 });
      // Each is explained by `npm run simulate -- --seed SEED --trace`.
      expect(result.failures).toEqual([]);
      expect(result.seeds).toBe(SEEDS);
    },
    60_000 + SEEDS * 30,
  );
});
