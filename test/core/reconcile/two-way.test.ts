import { describe, expect, test } from '@jest/globals';
import { outcomeOf, planOf, stepsInWords } from '../../support/scenario.ts';
import type { TreeLiteral } from '../../support/trees.ts';

const COPY = 'f (conflict laptop 2026-01-02 03-04-05)';
const COPY_OF_Q = 'q (conflict laptop 2026-01-02 03-04-05)';

/** What happened, base, local, remote, and what both sides hold afterwards. */
type Row = readonly [string, TreeLiteral, TreeLiteral, TreeLiteral, TreeLiteral];

const F: TreeLiteral = { f: 'A#1' };

const FILES: readonly Row[] = [
  ['nothing | nothing', F, F, F, { f: 'A' }],
  ['nothing | new: download', {}, {}, { f: 'A' }, { f: 'A' }],
  ['nothing | modified: download', F, F, { f: 'B#1' }, { f: 'B' }],
  ['nothing | deleted: delete locally', F, F, {}, {}],
  ['nothing | moved: move locally', F, F, { q: 'A#1' }, { q: 'A' }],
  ['nothing | moved and modified: move and download', F, F, { q: 'B#1' }, { q: 'B' }],
  ['new | nothing: upload', {}, { f: 'A' }, {}, { f: 'A' }],
  ['new | new, equal: adopt', {}, { f: 'A' }, { f: 'A' }, { f: 'A' }],
  ['new | new, different: conflict', {}, { f: 'L' }, { f: 'R' }, { f: 'R', [COPY]: 'L' }],
  [
    'new at q | moved to q: conflict at q',
    F,
    { f: 'A#1', q: 'L#2' },
    { q: 'A#1' },
    { q: 'A', [COPY_OF_Q]: 'L' },
  ],
  ['new at q | moved to q, equal: one file', F, { f: 'A#1', q: 'A#2' }, { q: 'A#1' }, { q: 'A' }],
  ['modified | nothing: upload', F, { f: 'B#1' }, F, { f: 'B' }],
  ['modified | modified, equal: adopt', F, { f: 'B#1' }, { f: 'B#1' }, { f: 'B' }],
  [
    'modified | modified, different: conflict',
    F,
    { f: 'L#1' },
    { f: 'R#1' },
    { f: 'R', [COPY]: 'L' },
  ],
  ['modified | deleted: upload again', F, { f: 'B#1' }, {}, { f: 'B' }],
  ['modified | moved: move, then upload', F, { f: 'B#1' }, { q: 'A#1' }, { q: 'B' }],
  [
    'modified | moved and modified: conflict at q',
    F,
    { f: 'L#1' },
    { q: 'R#1' },
    { q: 'R', [COPY_OF_Q]: 'L' },
  ],
  ['deleted | nothing: delete remotely', F, {}, F, {}],
  ['deleted | modified: download again', F, {}, { f: 'B#1' }, { f: 'B' }],
  ['deleted | deleted: forget', F, {}, {}, {}],
  ['deleted | moved: it stays at q', F, {}, { q: 'A#1' }, { q: 'A' }],
  ['moved | nothing: move remotely', F, { p: 'A#1' }, F, { p: 'A' }],
  [
    'moved to q | new at q: conflict at q',
    F,
    { q: 'A#1' },
    { f: 'A#1', q: 'R#2' },
    { q: 'R', [COPY_OF_Q]: 'A' },
  ],
  ['moved | modified: move, then download', F, { p: 'A#1' }, { f: 'B#1' }, { p: 'B' }],
  ['moved | deleted: upload', F, { p: 'A#1' }, {}, { p: 'A' }],
  ['moved to p | moved to p: adopt', F, { p: 'A#1' }, { p: 'A#1' }, { p: 'A' }],
  ['moved to p | moved to q: the remote name wins', F, { p: 'A#1' }, { q: 'A#1' }, { q: 'A' }],
  [
    'a link changed | nothing: make it remotely',
    { f: '->a' },
    { f: '->b' },
    { f: '->a' },
    { f: 'link:b' },
  ],
];

const KINDS: readonly Row[] = [
  ['file became a directory | nothing', F, { 'f/x': 'X' }, F, { 'f/x': 'X' }],
  ['directory became a file | nothing', { 'f/x': 'X' }, { f: 'A' }, { 'f/x': 'X' }, { f: 'A' }],
  [
    'file became a directory | modified',
    F,
    { 'f/x': 'X' },
    { f: 'B#1' },
    { f: 'B', [`${COPY}/x`]: 'X' },
  ],
  ['modified | became a directory', F, { f: 'B#1' }, { 'f/x': 'X' }, { 'f/x': 'X', [COPY]: 'B' }],
  ['file became a directory | deleted', F, { 'f/x': 'X' }, {}, { 'f/x': 'X' }],
  [
    'file became a directory | also: they merge',
    F,
    { 'f/x': 'X' },
    { 'f/y': 'Y' },
    { 'f/x': 'X', 'f/y': 'Y' },
  ],
  ['new file | new directory', {}, { f: 'L' }, { 'f/x': 'X' }, { 'f/x': 'X', [COPY]: 'L' }],
  ['link became a file | nothing', { f: '->a' }, { f: 'A' }, { f: '->a' }, { f: 'A' }],
];

const D: TreeLiteral = { d: '/#d', 'd/x': 'X#x', 'd/y': 'Y#y' };

const DIRECTORIES: readonly Row[] = [
  ['new | new: they merge', {}, { 'd/x': 'X' }, { 'd/y': 'Y' }, { 'd/x': 'X', 'd/y': 'Y' }],
  ['deleted | nothing', D, {}, D, {}],
  ['deleted | child modified: only that survives', D, {}, { ...D, 'd/x': 'B#x' }, { 'd/x': 'B' }],
  ['deleted | child new: only that survives', D, {}, { ...D, 'd/z': 'Z' }, { 'd/z': 'Z' }],
  [
    'deleted | moved: all of it stays',
    D,
    {},
    { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' },
    { 'e/x': 'X', 'e/y': 'Y' },
  ],
  [
    'child deleted | moved: the deletion stands',
    D,
    { d: '/#d', 'd/y': 'Y#y' },
    { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' },
    { 'e/y': 'Y' },
  ],
  [
    'deleted | something moved in',
    { ...D, m: 'M#m' },
    { m: 'M#m' },
    { ...D, 'd/m': 'M#m' },
    { 'd/m': 'M' },
  ],
  ['deleted | child moved out', D, {}, { d: '/#d', 'd/y': 'Y#y', x: 'X#x' }, { x: 'X' }],
  [
    'moved | child modified',
    D,
    { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' },
    { ...D, 'd/x': 'B#x' },
    { 'e/x': 'B', 'e/y': 'Y' },
  ],
  [
    'moved to p | moved to q: the remote name wins',
    D,
    { p: '/#d', 'p/x': 'X#x', 'p/y': 'Y#y' },
    { q: '/#d', 'q/x': 'X#x', 'q/y': 'Y#y' },
    { 'q/x': 'X', 'q/y': 'Y' },
  ],
  [
    'moved, with a new child | became a file',
    D,
    { e: '/#d', 'e/x': 'X#x', 'e/z': 'Z' },
    { d: 'F' },
    { 'e/x': 'X', 'e/z': 'Z', d: 'F' },
  ],
  [
    'moved into a deleted parent: it is made again',
    { p: '/#p', f: 'A#1' },
    { 'p/f': 'A#1', p: '/#p' },
    { f: 'A#1' },
    { 'p/f': 'A' },
  ],
  [
    'swapped | nothing',
    { a: 'A#1', b: 'B#2' },
    { a: 'B#2', b: 'A#1' },
    { a: 'A#1', b: 'B#2' },
    { a: 'B', b: 'A' },
  ],
  [
    'put into each other: the remote move wins',
    { a: '/#a', b: '/#b' },
    { b: '/#b', 'b/a': '/#a' },
    { a: '/#a', 'a/b': '/#b' },
    { 'a/b': '/' },
  ],
  [
    'moved | a new one there: they merge if it is gone at its old place',
    D,
    { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' },
    { e: '/', 'e/x': 'X' },
    { 'e/x': 'X', 'e/y': 'Y' },
  ],
];

describe('two-way', () => {
  test.each([...FILES, ...KINDS, ...DIRECTORIES])('%s', (_name, base, local, remote, both) => {
    expect(outcomeOf({ base, local, remote })).toEqual({ local: both, remote: both });
  });

  test('a touched file transfers only its time', () => {
    expect(stepsInWords({ base: F, local: { f: 'A!#1' }, remote: F })).toEqual([
      'remote set-metadata f',
    ]);
    expect(stepsInWords({ base: F, local: { f: 'A!#1' }, remote: { f: 'A!#1' } })).toEqual([
      'local set-metadata f',
    ]);
  });

  test('a file that was written anew with the same content is found under its new identity later', () => {
    const plan = planOf({ base: F, local: { f: 'A#2' }, remote: F });
    expect(plan.operations).toEqual({ local: [], remote: [] });
    expect(plan.nodes).toMatchObject([{ baseId: 1, record: 'write', adopts: true }]);
  });

  test('a moved directory is one operation, however much it holds', () => {
    const local = { e: '/#d', 'e/x': 'X#x', 'e/y': 'Y#y' };
    expect(stepsInWords({ base: D, local, remote: D })).toEqual(['remote move d -> e']);
    expect(planOf({ base: D, local, remote: D }).nodes).toHaveLength(1);
  });

  test('a chain of names needs no temporary one, a circle needs one', () => {
    const base = { a: 'A#1', b: 'B#2', c: 'C#3' };
    expect(stepsInWords({ base, local: { b: 'A#1', c: 'B#2', d: 'C#3' }, remote: base })).toEqual([
      'remote move c -> d',
      'remote move b -> c',
      'remote move a -> b',
    ]);
    const turned = stepsInWords({ base, local: { b: 'A#1', c: 'B#2', a: 'C#3' }, remote: base });
    expect(turned.filter((step) => step.startsWith('remote park'))).toHaveLength(1);
    expect(turned).toHaveLength(4);
  });

  test('a file without an identity is found by its content when it moved', () => {
    expect(stepsInWords({ base: { f: 'A' }, local: { g: 'A' }, remote: { f: 'A' } })).toEqual([
      'remote move f -> g',
    ]);
  });

  test('an empty file without an identity is not taken for a moved one', () => {
    const steps = stepsInWords({ base: { f: '' }, local: { g: '' }, remote: { f: '' } });
    expect(steps).toEqual(['remote remove f', 'remote write g']);
  });

  test('a conflict copy says what it is a copy of and counts as one conflict', () => {
    const plan = planOf({ local: { f: 'L' }, remote: { f: 'R' } });
    expect(plan.counts.conflicts).toBe(1);
    expect(plan.nodes.find((node) => node.conflictOf)).toMatchObject({
      local: { from: 'f', to: COPY },
      remote: { from: null, to: COPY },
      content: 'to-remote',
      conflictOf: { path: 'f', from: 'local' },
    });
  });

  test('a conflict copy that an interrupted run made is not taken for a rename', () => {
    const both = { f: 'R', [COPY]: 'L' };
    const interrupted = { base: F, local: { [COPY]: 'L#1' }, remote: { f: 'R#1' } };
    expect(outcomeOf(interrupted)).toEqual({ local: both, remote: both });
  });

  test('a deletion that must not travel leaves both sides and the record as they are', () => {
    for (const deletes of ['keep', 'hold'] as const)
      expect(planOf({ base: D, local: {}, remote: D, policy: { deletes } })).toMatchObject({
        nodes: [],
        operations: { local: [], remote: [] },
      });
  });
});
