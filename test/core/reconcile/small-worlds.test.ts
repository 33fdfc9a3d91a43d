import { describe, expect, test } from '@jest/globals';
import { DIRECTIONS } from '../../../core/model/entry.ts';
import { checkUniverse } from '../../exhaustive/check-universe.ts';
import { UNIVERSES, type Universe } from '../../exhaustive/universes.ts';

const IS_LONG = process.env['FERRY_LONG'] === '1';
const TIME_LIMIT_MS = IS_LONG ? 7_200_000 : 120_000;
const [ONE_NAME, TWO_NAMES, ...SEQUENCES] = UNIVERSES as [Universe, Universe, ...Universe[]];

/** Small ones completely, of the large ones every so-many-th situation; `npm run exhaustive` checks all. */
const SLICES: readonly { universe: Universe; stride: number }[] = [
  { universe: ONE_NAME, stride: 1 },
  { universe: TWO_NAMES, stride: 31 },
  ...SEQUENCES.map((universe) => ({ universe, stride: 307 })),
];

describe('every small world', () => {
  test.each(SLICES)(
    'keeps every byte, converges and comes to rest, also after an interruption: $universe.title',
    ({ universe, stride }) => {
      for (const direction of DIRECTIONS) {
        const tally = checkUniverse(universe, direction, IS_LONG ? 1 : stride);
        expect(tally.examples).toEqual([]);
        process.stdout.write(
          `small worlds: ${tally.runs} runs, ${tally.cuts} cuts (${universe.title}; ${direction})\n`,
        );
      }
    },
    TIME_LIMIT_MS,
  );
});
