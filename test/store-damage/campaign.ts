import { DAMAGES, type Pick } from './damage.ts';
import { DamagedPair, type TrialResult } from './trial.ts';

/** After so many trials a fresh pair is made: conflict copies add up. */
const TRIALS_PER_PAIR = 13;

/** Mulberry32: small, seeded, good enough to pick damages. */
export function pickFrom(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Plays so many cases, each kind of damage in turn, and returns what became of each. */
export async function damageStores(
  cases: number,
  seed: number,
  onResult: (result: TrialResult, number: number) => void = () => undefined,
): Promise<readonly TrialResult[]> {
  const kinds = Object.keys(DAMAGES);
  const results: TrialResult[] = [];
  let pair: DamagedPair | null = null;
  try {
    for (let number = 0; number < cases; number++) {
      if (number % TRIALS_PER_PAIR === 0) {
        await pair?.close();
        pair = await DamagedPair.open();
      }
      const kind = kinds[number % kinds.length] ?? '';
      const result = await pair?.trial(kind, pickFrom(seed + number));
      if (!result) continue;
      results.push(result);
      onResult(result, number);
    }
  } finally {
    await pair?.close();
  }
  return results;
}

/** Tells whether a damaged store was got over as it must be. */
export function isRight(result: TrialResult): boolean {
  const { deleted, transferredEqual, needlessPuts, broken } = result;
  return deleted === 0 && transferredEqual === 0 && needlessPuts === 0 && broken.length === 0;
}

/** Returns a table with a line for each kind of damage. */
export function tableOf(results: readonly TrialResult[]): string {
  const head = ['damage', 'cases', 'noticed', 'right', 'deleted', 'equal sent', 'read to compare'];
  const rows = Object.keys(DAMAGES).map((damage) => {
    const own = results.filter((result) => result.damage === damage);
    const sum = (of: (result: TrialResult) => number): number =>
      own.reduce((total, result) => total + of(result), 0);
    return [
      damage,
      own.length,
      sum(({ noticed }) => Number(noticed)),
      sum((result) => Number(isRight(result))),
      sum(({ deleted }) => deleted),
      sum(({ transferredEqual }) => transferredEqual),
      sum(({ looked }) => looked),
    ];
  });
  const line = ([first, ...others]: readonly (string | number)[]): string =>
    `${String(first).padEnd(18)} ${others.map((one) => String(one).padStart(15)).join(' ')}`;
  return [head, ...rows].map(line).join('\n');
}
