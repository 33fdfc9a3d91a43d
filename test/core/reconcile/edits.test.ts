import { describe, expect, test } from '@jest/globals';
import { editedPairs, withSituation } from '../../support/edited-pairs.ts';
import { checkRun } from '../../support/invariants.ts';

const SAMPLES = 5_000;
const TIME_LIMIT_MS = 900_000;

describe('edits, moves, swaps and changes of kind on both sides', () => {
  test.each([true, false, 'local'] as const)(
    'lose nothing, converge and come to rest (identities: %s)',
    (identities) => {
      let runs = 0;
      for (const edited of editedPairs(identities === true ? SAMPLES : SAMPLES / 2, identities)) {
        const before = edited.pair.copy();
        try {
          checkRun(edited.pair, edited.base);
        } catch (error) {
          throw withSituation(error, { ...edited, pair: before });
        }
        runs++;
      }
      process.stdout.write(`edits on both sides: ${runs} runs (identities: ${identities})\n`);
      expect(runs).toBeGreaterThan(10_000);
    },
    TIME_LIMIT_MS,
  );
});
