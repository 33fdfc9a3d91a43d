import { describe, expect, it } from '@jest/globals';
import { damageStores, isRight, tableOf } from './campaign.ts';

const SEED = Number(process.env['FERRY_SEED'] ?? 1);
const CASES = 13;

describe('records that were damaged, lost, or copied back', () => {
  it('lead to no deletion and to no transfer of what both sides have, and the next run is quiet', async () => {
    const results = await damageStores(CASES, SEED);
    process.stdout.write(`${tableOf(results)}\n`);
    expect(results.filter((result) => !isRight(result))).toEqual([]);
    expect(results).toHaveLength(CASES);
  }, 120_000);
});
