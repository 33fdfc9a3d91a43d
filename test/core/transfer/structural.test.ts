import { describe, expect, test } from '@jest/globals';
import type { SyncPath } from '../../../core/model/path.ts';
import { runStructural } from '../../../core/transfer/structural.ts';
import type {
  StructuralContext,
  StructuralOperation,
} from '../../../core/transfer/structural-context.ts';

/** Carries out moves on a side that is slow, and returns what began and ended, in order. */
async function played(moves: readonly (readonly [from: string, to: string])[]): Promise<string[]> {
  const log: string[] = [];
  const replica = {
    async move(from: SyncPath, to: SyncPath) {
      log.push(`begin ${from}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push(`end ${from}`);
      return { path: to };
    },
  };
  const ledger = {
    fatal: null,
    isBlocked: () => false,
    entry: () => ({ kind: 'file', version: 'v' }),
    done: () => undefined,
  };
  const context = {
    side: 'remote',
    replica,
    ledger,
    records: { dropParked: () => undefined },
    signal: new AbortController().signal,
    onDone: () => undefined,
    displacementOf: () => ({}),
  } as unknown as StructuralContext;
  const operations = moves.map(
    ([from, to], key) => ({ op: 'move', key, from, to }) as unknown as StructuralOperation,
  );
  await runStructural(operations, context);
  return log;
}

describe('moves on one side', () => {
  test('go at the same time when they have nothing to do with each other', async () => {
    const log = await played([
      ['a/1', 'a/2'],
      ['b/1', 'c/1'],
      ['d', 'e'],
    ]);
    expect(log.slice(0, 3)).toEqual(['begin a/1', 'begin b/1', 'begin d']);
  });

  test.each([
    ['the name is free only after the move before', ['b', 'c'], ['a', 'b']],
    ['what is moved is in what was moved before', ['a', 'b'], ['b/1', 'c']],
    ['what is moved holds what was moved before', ['a/1', 'b'], ['a', 'c']],
    ['it goes into what was moved before', ['x', 'y'], ['z', 'y/z']],
  ])('wait for each other when %s', async (_reason, first, second) => {
    const log = await played([first as [string, string], second as [string, string]]);
    expect(log).toEqual([
      `begin ${first[0]}`,
      `end ${first[0]}`,
      `begin ${second[0]}`,
      `end ${second[0]}`,
    ]);
  });
});
