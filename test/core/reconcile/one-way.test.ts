import { describe, expect, test } from '@jest/globals';
import {
  mirrored,
  outcomeOf,
  planOf,
  type Scenario,
  stepsInWords,
} from '../../support/scenario.ts';
import type { TreeLiteral } from '../../support/trees.ts';

const COPY = 'f (conflict DEVICE 2026-01-02 03-04-05)';
const COPY_OF_Q = 'q (conflict DEVICE 2026-01-02 03-04-05)';

/** What happened, base, master, destination, what the destination holds afterwards, and how it still differs. */
type Row = readonly [string, TreeLiteral, TreeLiteral, TreeLiteral, TreeLiteral, string];

const F: TreeLiteral = { f: 'A#1' };
const D: TreeLiteral = { d: '/#d', 'd/x': 'X#x', 'd/y': 'Y#y' };
const E: TreeLiteral = { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' };

const ROWS: readonly Row[] = [
  ['nothing | nothing', F, F, F, { f: 'A' }, ''],
  ['nothing | new: stays', {}, {}, { f: 'L' }, { f: 'L' }, 'only 1'],
  ['nothing | modified: stays', F, F, { f: 'L#1' }, { f: 'L' }, 'changed 1'],
  ['nothing | deleted: stays deleted', F, F, {}, {}, 'removed 1'],
  [
    'nothing | moved: stays there, the old name stays deleted',
    F,
    F,
    { p: 'A#1' },
    { p: 'A' },
    'only 1, removed 1',
  ],
  ['new | nothing: transfer', {}, { f: 'A' }, {}, { f: 'A' }, ''],
  ['new | new, equal: adopt', {}, { f: 'A' }, { f: 'A' }, { f: 'A' }, ''],
  [
    'new | new, different: the other is kept beside it',
    {},
    { f: 'M' },
    { f: 'L' },
    { f: 'M', [COPY]: 'L' },
    'only 1',
  ],
  ['modified | nothing: transfer', F, { f: 'M#1' }, F, { f: 'M' }, ''],
  ['modified | modified, equal: adopt', F, { f: 'M#1' }, { f: 'M#1' }, { f: 'M' }, ''],
  [
    'modified | modified, different: kept beside it',
    F,
    { f: 'M#1' },
    { f: 'L#1' },
    { f: 'M', [COPY]: 'L' },
    'only 1',
  ],
  ['modified | deleted: transfer', F, { f: 'M#1' }, {}, { f: 'M' }, ''],
  [
    'modified | moved: transfer at the old name',
    F,
    { f: 'M#1' },
    { p: 'A#1' },
    { f: 'M', p: 'A' },
    'only 1',
  ],
  ['deleted | nothing: delete', F, {}, F, {}, ''],
  ['deleted | modified: stays', F, {}, { f: 'L#1' }, { f: 'L' }, 'only 1'],
  ['deleted | deleted: forget', F, {}, {}, {}, ''],
  ['deleted | moved: stays', F, {}, { p: 'A#1' }, { p: 'A' }, 'only 1'],
  ['moved | nothing: move', F, { q: 'A#1' }, F, { q: 'A' }, ''],
  [
    'moved | modified: move, the edit goes along',
    F,
    { q: 'A#1' },
    { f: 'L#1' },
    { q: 'L' },
    'changed 1',
  ],
  ['moved | deleted: transfer at q', F, { q: 'A#1' }, {}, { q: 'A' }, ''],
  ['moved | moved there, too', F, { q: 'A#1' }, { q: 'A#1' }, { q: 'A' }, ''],
  [
    'moved | moved elsewhere: both stay',
    F,
    { q: 'A#1' },
    { p: 'A#1' },
    { p: 'A', q: 'A' },
    'only 1',
  ],
  [
    'moved and modified | modified',
    F,
    { q: 'M#1' },
    { f: 'L#1' },
    { q: 'M', [COPY_OF_Q]: 'L' },
    'only 1',
  ],
  [
    'moved to q | new at q',
    F,
    { q: 'A#1' },
    { f: 'A#1', q: 'L' },
    { q: 'A', [COPY_OF_Q]: 'L' },
    'only 1',
  ],
  ['became a directory | nothing', F, { 'f/x': 'X' }, F, { 'f/x': 'X' }, ''],
  [
    'became a directory | modified',
    F,
    { 'f/x': 'X' },
    { f: 'L#1' },
    { 'f/x': 'X', [COPY]: 'L' },
    'only 1',
  ],
  ['nothing | became a directory', F, F, { 'f/x': 'X' }, { 'f/x': 'X' }, 'only 2, removed 1'],
  [
    'modified | became a directory',
    F,
    { f: 'M#1' },
    { 'f/x': 'X' },
    { f: 'M', [`${COPY}/x`]: 'X' },
    'only 2',
  ],
  [
    'directory new | directory new: merge',
    {},
    { 'd/x': 'X' },
    { 'd/l': 'L' },
    { 'd/x': 'X', 'd/l': 'L' },
    'only 1',
  ],
  [
    'directory deleted | something new in it',
    D,
    {},
    { ...D, 'd/l': 'L' },
    { 'd/l': 'L' },
    'only 2',
  ],
  ['directory deleted | nothing', D, {}, D, {}, ''],
  [
    'directory moved | something new in it goes along',
    D,
    E,
    { ...D, 'd/l': 'L' },
    { 'e/x': 'X', 'e/y': 'Y', 'e/l': 'L' },
    'only 1',
  ],
  ['directory moved | deleted', D, E, {}, { 'e/x': 'X', 'e/y': 'Y' }, ''],
  [
    'child modified | directory moved',
    D,
    { ...D, 'd/x': 'M#x' },
    E,
    { 'd/x': 'M', 'e/x': 'X', 'e/y': 'Y' },
    'only 3, removed 1',
  ],
  [
    'child modified | directory deleted',
    D,
    { ...D, 'd/x': 'M#x' },
    {},
    { 'd/x': 'M' },
    'removed 1',
  ],
  [
    'nothing | an old version kept aside by an editor',
    F,
    F,
    { f: 'L#2', 'f~': 'A#1' },
    { f: 'L', 'f~': 'A' },
    'only 1, changed 1',
  ],
];

const RUNS = ROWS.flatMap(([name, base, master, destination, after, difference]) => [
  {
    title: `remote-to-local: ${name}`,
    device: 'laptop',
    scenario: {
      base,
      local: destination,
      remote: master,
      direction: 'remote-to-local',
    } as Scenario,
    master,
    after,
    difference,
  },
  {
    title: `local-to-remote: ${name}`,
    device: 'server',
    scenario: mirrored({ base, local: destination, remote: master, direction: 'local-to-remote' }),
    master,
    after,
    difference,
  },
]);

function differences(scenario: Scenario): string {
  const { destinationOnly, changedHere, removedHere } = planOf(scenario).counts;
  const parts = [
    ['only', destinationOnly],
    ['changed', changedHere],
    ['removed', removedHere],
  ] as const;
  return parts
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

describe('one-way', () => {
  test.each(RUNS)('$title', ({ scenario, device, after, difference }) => {
    const side = scenario.direction === 'remote-to-local' ? 'local' : 'remote';
    const expected = Object.fromEntries(
      Object.entries(after).map(([path, content]) => [path.replace('DEVICE', device), content]),
    );
    expect(outcomeOf(scenario)[side]).toEqual(expected);
    const other = side === 'local' ? 'remote' : 'local';
    expect(planOf(scenario).operations[other]).toEqual([]);
    expect(differences(scenario)).toBe(difference);
  });

  test('mirror makes the destination identical to the master', () => {
    const policy = { mirror: true };
    const base = { ...F, g: 'G#2', h: 'H#3', 'd/x': 'X' };
    const remote = { ...F, g: 'G#2', h: 'H#3', 'd/x': 'X' };
    const local = { f: 'L#1', moved: 'H#3', own: 'O', 'dir/own': 'P' };
    const { local: after } = outcomeOf({
      base,
      local,
      remote,
      direction: 'remote-to-local',
      policy,
    });
    expect(after).toEqual({ f: 'A', g: 'G', h: 'H', 'd/x': 'X' });
  });

  test('deletes keep removes nothing and forgets what the master has lost', () => {
    const scenario: Scenario = {
      base: D,
      local: D,
      remote: {},
      direction: 'remote-to-local',
      policy: { deletes: 'keep' },
    };
    expect(stepsInWords(scenario)).toEqual([]);
    expect(planOf(scenario).nodes.map((node) => node.record)).toEqual(['drop', 'drop', 'drop']);
  });

  test('deletes hold removes nothing and remembers, so that a later run decides', () => {
    const policy = { deletes: 'hold' } as const;
    expect(
      planOf({ base: D, local: D, remote: {}, direction: 'remote-to-local', policy }).nodes,
    ).toEqual([]);
  });

  test('deletes hold remembers also beside what is only on the destination', () => {
    const policy = { deletes: 'hold' } as const;
    const local = { ...F, own: 'O' };
    expect(
      planOf({ base: F, local, remote: {}, direction: 'remote-to-local', policy }).nodes,
    ).toEqual([]);
  });

  test('a reset uploads equal files again, and adopts the equal ones that were downloaded to compare', () => {
    const policy = { transferEqual: true, deletes: 'hold' } as const;
    const same = { f: 'A', 'd/x': 'X' };
    const steps = (direction: 'two-way' | 'local-to-remote' | 'remote-to-local') =>
      stepsInWords({ local: same, remote: same, direction, policy });
    expect(steps('local-to-remote')).toEqual(['remote write d/x', 'remote write f']);
    expect(steps('remote-to-local')).toEqual([]);
    expect(steps('two-way')).toEqual([]);
  });

  test('the destination’s own time and mode are left alone', () => {
    expect(
      stepsInWords({ base: F, local: { f: 'A!#1' }, remote: F, direction: 'remote-to-local' }),
    ).toEqual([]);
    expect(
      stepsInWords({ base: F, local: F, remote: { f: 'A!#1' }, direction: 'remote-to-local' }),
    ).toEqual(['local set-metadata f']);
  });
});
