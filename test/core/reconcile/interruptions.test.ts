import { describe, expect, test } from '@jest/globals';
import { checkCuts } from '../../support/cuts.ts';
import { editedPairs, withSituation } from '../../support/edited-pairs.ts';

const SAMPLES = 120;
const TIME_LIMIT_MS = 900_000;

describe('a run that was cut off after any of its steps', () => {
  test.each([true, false])(
    'has lost nothing, and the next runs finish it (identities: %s)',
    (identities) => {
      let cuts = 0;
      for (const edited of editedPairs(SAMPLES, identities))
        try {
          cuts += checkCuts(edited.pair, edited.base);
        } catch (error) {
          throw withSituation(error, edited);
        }
      process.stdout.write(`interruptions: ${cuts} cuts (identities: ${identities})\n`);
      expect(cuts).toBeGreaterThan(10_000);
    },
    TIME_LIMIT_MS,
  );
});
