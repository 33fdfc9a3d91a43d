import { describe, expect, test } from '@jest/globals';
import {
  mirrored,
  outcomeOf,
  planOf,
  type Scenario,
  stepsInWords,
} from '../../support/scenario.ts';
import type { TreeLiteral } from '../../support/trees.ts';

const BASE: TreeLiteral = {
  'd/x': 'X#1',
  'd/y': 'Y#2',
  'd/sub/z': 'Z#3',
  d: '/#4',
  'd/sub': '/#5',
};
const PLAIN: TreeLiteral = { 'd/x': 'X', 'd/y': 'Y', 'd/sub/z': 'Z' };
const MOVED: TreeLiteral = { 'e/x': 'X', 'e/y': 'Y', 'e/sub/z': 'Z' };

function both(scenario: Scenario): readonly Scenario[] {
  return [scenario, mirrored(scenario)];
}

describe('a directory that was moved on a side without identities', () => {
  test.each(both({ base: BASE, local: BASE, remote: MOVED }))(
    'is moved by one operation',
    (scenario) => {
      const operations = stepsInWords(scenario);
      expect(operations.map((words) => words.replace(/^(local|remote) /, ''))).toEqual([
        'move d -> e',
      ]);
    },
  );

  test('is moved by one operation also where a file in it is empty or is there twice', () => {
    const base = { 'd/x': 'X', 'd/y': 'X', 'd/empty': '', 'd/own': 'own' };
    const moved = { 'e/x': 'X', 'e/y': 'X', 'e/empty': '', 'e/own': 'own' };
    expect(stepsInWords({ base, local: base, remote: moved })).toEqual(['local move d -> e']);
  });

  test('takes along what is new in it on the other side', () => {
    const local = { ...PLAIN, 'd/new': 'N' };
    expect(outcomeOf({ base: PLAIN, local, remote: MOVED }).remote).toEqual({
      ...MOVED,
      'e/new': 'N',
    });
    expect(outcomeOf({ base: PLAIN, local, remote: MOVED }).local).toEqual({
      ...MOVED,
      'e/new': 'N',
    });
  });

  test.each<readonly [string, TreeLiteral, TreeLiteral]>([
    ['one of its files is missing', PLAIN, { 'e/x': 'X', 'e/sub/z': 'Z' }],
    ['one of its files is another', PLAIN, { ...MOVED, 'e/y': 'other' }],
    ['its files were spread over two', PLAIN, { 'e/x': 'X', 'g/y': 'Y', 'e/sub/z': 'Z' }],
    ['its files have other names', PLAIN, { 'e/x2': 'X', 'e/y': 'Y', 'e/sub/z': 'Z' }],
    ['it was there before', { ...PLAIN, 'e/old': 'O' }, { ...MOVED, 'e/old': 'O' }],
    ['nothing in it can be told from other files', { 'd/x': '' }, { 'e/x': '' }],
    ['its only file was copied', { 'd/x': 'X' }, { 'e/x': 'X', 'f/x': 'X' }],
  ])('is not taken for moved when %s', (_why, base, remote) => {
    const words = stepsInWords({ base, local: base, remote });
    expect(words).not.toContain('local move d -> e');
    expect(outcomeOf({ base, local: base, remote }).local).toEqual(
      outcomeOf({ base, local: base, remote }).remote,
    );
  });

  test('is not taken for moved to where an interrupted run has put another directory with the same content', () => {
    const base = { 'x/c': 'a', 'y/c': 'b' };
    const local = { 'y (conflict laptop 2026-01-02 03-04-05)/c': 'a' };
    const { local: after } = outcomeOf({ base, local, remote: { x: '/', y: 'a new file' } });
    expect(Object.values(after)).toContain('a');
  });

  test('is not taken for moved when both sides say that it is another one', () => {
    const remote = { 'e/x': 'X#11', 'e/y': 'Y#12', e: '/#14', 'e/sub/z': 'Z#13', 'e/sub': '/#15' };
    expect(stepsInWords({ base: BASE, local: BASE, remote })).not.toContain('local move d -> e');
  });
});

describe('a swap that both sides made, one of them without identities', () => {
  const base = { a: 'A#1', b: 'BB#2' };
  const swapped = { a: 'BB#2', b: 'A#1' };

  test.each(both({ base, local: swapped, remote: { a: 'BB', b: 'A' } }))(
    'stays as it is',
    (scenario) => {
      expect(stepsInWords(scenario)).toEqual([]);
      expect(planOf(scenario).nodes.every(({ adopts }) => adopts)).toBe(true);
    },
  );

  test('is asked about while the contents are not known', () => {
    const { undecided } = planOf({ base, local: swapped, remote: { a: '?xx', b: '?x' } });
    expect(undecided.map(({ side, path }) => `${side} ${path}`)).toContain('remote b');
  });

  test('is carried out where the other side changed the contents otherwise', () => {
    const { local, remote } = outcomeOf({ base, local: swapped, remote: { a: 'new', b: 'BB' } });
    expect(local).toEqual({ a: 'BB', b: 'new' });
    expect(remote).toEqual(local);
  });
});

describe('a file whose old version an editor has renamed while it saved', () => {
  const base = { f: 'A#1' };
  const saved = { f: 'S#2', 'f.old': 'A#1' };
  const COPY = 'f (conflict laptop 2026-01-02 03-04-05)';

  test.each<readonly [string, TreeLiteral, TreeLiteral, TreeLiteral]>([
    ['here, edited there', saved, { f: 'R#1' }, { f: 'R', [COPY]: 'S', 'f.old': 'A' }],
    ['there, edited here', { f: 'L#1' }, saved, { f: 'S', [COPY]: 'L', 'f.old': 'A' }],
    ['here, edited the same there', saved, { f: 'S#1' }, { f: 'S', 'f.old': 'A' }],
    ['here, not edited there', saved, base, { f: 'S', 'f.old': 'A' }],
    ['here, deleted there', saved, {}, { f: 'S', 'f.old': 'A' }],
    ['here, moved there', saved, { g: 'A#1' }, { f: 'S', g: 'A' }],
    ['on both sides', saved, { f: 'T#3', 'f.old': 'A#1' }, { f: 'T', [COPY]: 'S', 'f.old': 'A' }],
  ])('keeps its name and every version: %s', (_what, local, remote, end) => {
    const outcome = outcomeOf({ base, local, remote });
    expect(outcome.local).toEqual(end);
    expect(outcome.remote).toEqual(end);
  });

  test('is looked at on the other side before anything is concluded', () => {
    expect(planOf({ base, local: saved, remote: { f: '?x#1' } }).undecided).toMatchObject([
      { side: 'remote', path: 'f', against: 'base' },
    ]);
  });
});
