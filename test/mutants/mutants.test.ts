import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { MUTANTS } from './all-mutants.ts';
import { compilerErrors } from './type-check.ts';

const ROOT = join(import.meta.dirname, '../../..');
const TIME_LIMIT_MS = 120_000;

describe('the planted bugs', () => {
  test('have names and descriptions of their own', () => {
    expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length);
    expect(new Set(MUTANTS.map(({ bug }) => bug)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(60);
  });

  test(
    'can all still be planted into the sources, and compile',
    async () => {
      expect(await compilerErrors(ROOT, MUTANTS)).toEqual([]);
      process.stdout.write(`mutants: ${MUTANTS.length} can be planted\n`);
    },
    TIME_LIMIT_MS,
  );
});
