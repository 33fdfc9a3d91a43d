import { describe, expect, it } from '@jest/globals';
import { reasonWithoutMount } from '../support/mounted-drive.ts';
import { runFuzzCampaign } from './fuzz-campaign.ts';
import { runKillCampaign } from './kill-campaign.ts';

const reason = await reasonWithoutMount();
const describeMounted = reason === null ? describe : describe.skip;

describeMounted('a drive whose process is killed while a program writes in it', () => {
  it('is there again within two seconds with all that was synced, and the server gets all of it', async () => {
    const result = await runKillCampaign({
      kills: 5,
      seed: 5,
      longestMs: 500,
      note: () => undefined,
    });
    expect(result.wrong).toEqual([]);
    expect(result.operations).toBeGreaterThan(20);
    // On a busy machine some may take longer: `npm run kill-drive` looks at each.
    const sorted = [...result.awayMs].sort((one, other) => one - other);
    expect(sorted[0]).toBeLessThan(2000);
    expect(sorted[4]).toBeLessThan(15_000);
  }, 120_000);
});

// Which histories come about is a matter of timing, and a short run sees few: not for every run of the tests.
const isLong = process.env['FERRY_LONG'] === '1';
if (!isLong) process.stderr.write('not run: a short npm run fuzz-drive (FERRY_LONG=1 does)\n');

(isLong ? describeMounted : describe.skip)(
  'programs in a drive, while another client changes the same tree',
  () => {
    it('lose nothing that they closed, and in the end all sides are equal', async () => {
      const result = await runFuzzCampaign({
        forMs: 8000,
        seed: 5,
        pauseMs: 60,
        note: () => undefined,
      });
      expect(result.wrong).toEqual([]);
      expect(result.operations).toBeGreaterThan(30);
    }, 180_000);
  },
);
