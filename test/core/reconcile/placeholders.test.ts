import { describe, expect, test } from '@jest/globals';
import { outcomeOf, planOf, stepsInWords } from '../../support/scenario.ts';
import type { TreeLiteral } from '../../support/trees.ts';

const COPY = 'p (conflict laptop 2026-01-02 03-04-05)';

/** What happened here and there, base, local, remote, and what both sides hold afterwards. */
type Row = readonly [string, TreeLiteral, TreeLiteral, TreeLiteral, TreeLiteral];

const F: TreeLiteral = { f: 'A#1' };

const ROWS: readonly Row[] = [
  ['moved | nothing: move', F, { p: '~A#1' }, F, { p: 'A' }],
  ['moved | modified: move, download', F, { p: '~A#1' }, { f: 'R#1' }, { p: 'R' }],
  ['moved | deleted: the deletion counts', F, { p: '~A#1' }, {}, {}],
  [
    'moved | a new one there: both stay',
    F,
    { p: '~A#1' },
    { ...F, p: 'R#2' },
    { p: 'R', [COPY]: 'A' },
  ],
  [
    'moved with its directory | deleted with it: what is here stays',
    { 'd/x': 'X#x', 'd/y': 'Y#y', d: '/#d' },
    { 'e/x': '~X#x', 'e/y': 'Y#y', e: '/#d' },
    {},
    { 'e/y': 'Y' },
  ],
  ['new | nothing: it goes', {}, { f: '~A', g: 'B' }, {}, { g: 'B' }],
  ['new | new: the one there', {}, { f: '~?A' }, { f: 'R' }, { f: 'R' }],
  ['new | new, equal: adopt', {}, { f: '~A' }, { f: 'A' }, { f: 'A' }],
  ['new | moved there: the one there', F, { f: 'A#1', p: '~B' }, { p: 'A#1' }, { p: 'A' }],
  ['new | a directory there', {}, { f: '~A' }, { 'f/x': 'X' }, { 'f/x': 'X' }],
];

describe('a file whose content is only on the other side', () => {
  test.each(ROWS)('two-way: %s', (_name, base, local, remote, both) => {
    expect(outcomeOf({ base, local, remote })).toEqual({ local: both, remote: both });
  });

  test('says why it goes although a program has moved it', () => {
    const [node] = planOf({ base: F, local: { p: '~A#1' }, remote: {} }).nodes;
    expect(node).toMatchObject({
      record: 'drop',
      reason: { local: 'moved', remote: 'deleted', rule: expect.stringContaining('only there') },
    });
  });

  test('that is not recorded is no conflict with the one there, and no deletion', () => {
    const { counts } = planOf({ local: { f: '~?A' }, remote: { f: 'R' } });
    expect(counts).toMatchObject({ conflicts: 0, deletedLocal: 0 });
  });

  test('stays where it is while deletions must not travel', () => {
    for (const deletes of ['keep', 'hold'] as const) {
      const policy = { deletes };
      expect(stepsInWords({ base: F, local: { p: '~A#1' }, remote: {}, policy })).toEqual([]);
      expect(stepsInWords({ local: { p: '~A' }, remote: {}, policy })).toEqual([]);
    }
  });

  test('is left alone by a master that cannot send it', () => {
    for (const local of [{ f: '~A#1' }, { p: '~A#1' }])
      for (const mirror of [false, true])
        expect(
          stepsInWords({
            base: F,
            local,
            remote: {},
            direction: 'local-to-remote',
            policy: { mirror },
          }),
        ).toEqual([]);
  });

  test('is not put beside what a master has in its place', () => {
    expect(
      outcomeOf({ local: { f: '~?A' }, remote: { f: 'R' }, direction: 'remote-to-local' }).local,
    ).toEqual({ f: 'R' });
  });
});
