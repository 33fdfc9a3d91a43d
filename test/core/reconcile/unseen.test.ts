import { describe, expect, test } from '@jest/globals';
import { DIRECTIONS } from '../../../core/model/entry.ts';
import type { SyncPath } from '../../../core/model/path.ts';
import { reconcile } from '../../../core/reconcile/reconcile.ts';
import { outcomeOf, planOf, type Scenario, stepsInWords } from '../../support/scenario.ts';
import { baseTree, PLAIN, sideTree } from '../../support/trees.ts';

const F = { f: 'A#1' };
const D = { d: '/#d', 'd/x': 'X#x', 'd/y': 'Y#y' };

function asked(scenario: Scenario): readonly string[] {
  return planOf(scenario).undecided.map(({ side, path, against }) => `${side} ${path} ${against}`);
}

describe('contents that nobody has looked at', () => {
  test('a local file that may have changed is looked at before it is uploaded', () => {
    expect(asked({ base: F, local: { f: '?A#1' }, remote: F })).toEqual(['local f base']);
  });

  test('a remote file that may have changed is downloaded without a look', () => {
    const scenario = { base: F, local: F, remote: { f: '?A#1' } };
    expect(asked(scenario)).toEqual([]);
    expect(stepsInWords(scenario)).toEqual(['local write f']);
  });

  test('a different size needs no look', () => {
    expect(asked({ base: F, local: { f: '?AA#1' }, remote: F })).toEqual([]);
    expect(asked({ local: { f: '?AA' }, remote: { f: '?A' } })).toEqual([]);
  });

  test('where both sides may have changed, both are looked at', () => {
    const scenario = { base: F, local: { f: '?A#1' }, remote: { f: '?A#1' } };
    expect(asked(scenario)).toEqual(['local f base', 'remote f base']);
  });

  test('two new files of one size are compared', () => {
    const scenario = { local: { f: '?A' }, remote: { f: '?A' } };
    expect(asked(scenario)).toEqual(['remote f other-side', 'local f other-side']);
    expect(asked({ local: { f: 'A' }, remote: { f: '?A' } })).toEqual(['remote f other-side']);
  });

  test('a file that was deleted on one side is looked at on the other before it goes', () => {
    expect(asked({ base: F, local: {}, remote: { f: '?A#1' } })).toEqual(['remote f base']);
    expect(asked({ base: F, local: { f: '?A#1' }, remote: {} })).toEqual(['local f base']);
    expect(stepsInWords({ base: F, local: { f: '?A#1' }, remote: {} })).toEqual(['remote write f']);
  });

  test('new files on one side only are never looked at', () => {
    expect(asked({ local: { f: '?A' }, remote: { g: '?B' } })).toEqual([]);
  });

  test('one-way, an edit of the destination is looked at where it decides', () => {
    const direction = 'remote-to-local';
    const local = { f: '?A#1' };
    expect(asked({ base: F, local, remote: {}, direction })).toEqual(['local f base']);
    expect(asked({ base: F, local, remote: { f: 'B#1' }, direction })).toContain('local f base');
  });
});

describe('places that could not be seen', () => {
  test.each(DIRECTIONS)('nothing happens when a root could not be listed (%s)', (direction) => {
    const plan = planOf({
      base: D,
      local: { n: 'N' },
      remote: {},
      frozen: { remote: [''] },
      direction,
    });
    expect(plan).toMatchObject({ nodes: [], operations: { local: [], remote: [] }, undecided: [] });
  });

  test.each(DIRECTIONS)(
    'what is below an unreadable directory is not taken for deleted (%s)',
    (direction) => {
      for (const side of ['local', 'remote'] as const) {
        const seen = { d: '/#d' };
        const [local, remote] = side === 'local' ? [seen, D] : [D, seen];
        const plan = planOf({ base: D, local, remote, frozen: { [side]: ['d'] }, direction });
        expect(plan.nodes).toEqual([]);
      }
    },
  );

  test('changes and new files on the other side wait, others go on', () => {
    const scenario: Scenario = {
      base: D,
      local: { d: '/#d' },
      remote: { ...D, 'd/x': 'B#x', 'd/new': 'N', 'd/sub/new': 'N', other: 'O' },
      frozen: { local: ['d'] },
    };
    expect(stepsInWords(scenario)).toEqual(['local write other']);
  });

  test('a new entry waits for a place that nobody could look at', () => {
    expect(stepsInWords({ local: {}, remote: { f: 'R' }, frozen: { local: ['f'] } })).toEqual([]);
  });

  test('nothing is moved into a place that could not be seen, and what is in the way stays', () => {
    const base = { ...D, m: 'M#m' };
    const frozen = { local: ['d'] };
    const moved = { ...D, 'd/m': 'M#m' };
    expect(stepsInWords({ base, local: base, remote: moved, frozen })).toEqual([]);
    const replaced = { d: 'M#m' };
    expect(stepsInWords({ base, local: base, remote: replaced, frozen })).toEqual([]);
  });

  test('a directory that was deleted elsewhere stays while something in it could not be read', () => {
    const scenario = { base: D, local: D, remote: {}, frozen: { local: ['d/x'] } };
    expect(stepsInWords(scenario)).toEqual(['local remove d/y']);
    expect(planOf(scenario).nodes.map(({ record }) => record)).toEqual(['drop']);
  });

  test('an unreadable file moves along with its directory', () => {
    const remote = { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' };
    expect(stepsInWords({ base: D, local: D, remote, frozen: { local: ['d/x'] } })).toEqual([
      'local move d -> e',
    ]);
  });
});

describe('directories with ignored entries', () => {
  test('stay when they were deleted on the other side, with their record, again and again', () => {
    const local = { d: '/ignored#d', 'd/x': 'X#x', 'd/y': 'Y#y' };
    const scenario = { base: D, local, remote: {} };
    expect(stepsInWords(scenario)).toEqual(['local remove d/y', 'local remove d/x']);
    expect(planOf(scenario).nodes.map(({ record }) => record)).toEqual(['drop', 'drop']);
    const later = planOf({ base: { d: '/#d' }, local: { d: '/ignored#d' }, remote: {} });
    expect(later).toMatchObject({ nodes: [], operations: { local: [], remote: [] } });
  });

  test('make way, with what they hold, for a file of that name', () => {
    const { local } = outcomeOf({ base: { d: '/' }, local: { d: '/ignored' }, remote: { d: 'F' } });
    expect(local).toEqual({ d: 'F', 'd (conflict laptop 2026-01-02 03-04-05)': '/' });
  });
});

describe('names that a side cannot hold beside each other', () => {
  const folding = (local: Record<string, string>, remote: Record<string, string>) =>
    reconcile({
      base: baseTree({}),
      local: { ...sideTree(local), foldsNames: true },
      remote: sideTree(remote),
      direction: 'two-way',
      policy: PLAIN,
    });

  test('the first in byte order comes, the other is reported and left alone', () => {
    const plan = folding({}, { b: '1', B: '2', ä: '3' });
    expect(plan.operations.local.map((operation) => 'path' in operation && operation.path)).toEqual(
      ['B', 'ä'],
    );
    expect(plan.problems).toMatchObject([{ side: 'remote', path: 'b' }]);
  });

  test('what is there already keeps the name, and nothing below the other one comes', () => {
    const plan = folding({ d: '/' }, { d: '/', 'D/x': 'X' });
    expect(plan.operations.local).toEqual([]);
    expect(plan.problems).toMatchObject([{ side: 'remote', path: 'D' }]);
  });
});

test('a record whose directory is not recorded is dropped and removes nothing', () => {
  const plan = reconcile({
    base: [
      { id: 7, parentId: 99, name: 'x', kind: 'file', content: 'X', sizeBytes: 1, identity: {} },
    ],
    local: sideTree({ x: 'X' }),
    remote: sideTree({}),
    direction: 'two-way',
    policy: PLAIN,
  });
  expect(plan.operations).toMatchObject({
    local: [],
    remote: [{ op: 'write', path: 'x' as SyncPath }],
  });
  expect(plan.nodes.map(({ baseId, record }) => [baseId, record])).toEqual([
    [null, 'write'],
    [7, 'drop'],
  ]);
});
