import type { StepScenario } from '../../support/scenario-steps.ts';

const TREE = {
  a: 'one',
  b: 'second',
  c: 'three',
  'dir/x': 'in x',
  'dir/y': 'in y',
  'dir/sub/z': 'in z',
};

/** Names and places that change on one side or both. */
export const MOVES: readonly StepScenario[] = [
  {
    name: 'a file renamed here and another one there',
    base: TREE,
    steps: [{ local: [['move', 'a', 'a2']] }, { remote: [['move', 'b', 'dir/b2']] }],
    ends: {
      'two-way': {
        a2: 'one',
        'dir/b2': 'second',
        c: 'three',
        'dir/x': 'in x',
        'dir/y': 'in y',
        'dir/sub/z': 'in z',
      },
    },
  },
  {
    name: 'a file renamed to the same name on both sides',
    base: { a: 'one' },
    steps: [{ local: [['move', 'a', 'b']] }, { remote: [['move', 'a', 'b']] }],
    ends: { 'two-way': { b: 'one' } },
  },
  {
    name: 'a file renamed to different names on both sides',
    base: { a: 'one' },
    steps: [{ local: [['move', 'a', 'mine']] }, { remote: [['move', 'a', 'theirs']] }],
  },
  {
    name: 'two files that were swapped here',
    base: TREE,
    steps: [{ local: [['swap', 'a', 'b']] }],
    ends: {
      'two-way': { ...TREE, a: 'second', b: 'one' },
      'local-to-remote': { ...TREE, a: 'second', b: 'one' },
    },
  },
  {
    name: 'two files that were swapped there',
    base: TREE,
    steps: [{ remote: [['swap', 'a', 'b']] }],
    ends: {
      'two-way': { ...TREE, a: 'second', b: 'one' },
      'remote-to-local': { ...TREE, a: 'second', b: 'one' },
    },
  },
  {
    name: 'two directories that were swapped',
    base: { 'p/one': '1', 'p/deep/er': 'er', 'q/two': 'three' },
    steps: [{ local: [['swap', 'p', 'q']] }],
    ends: { 'two-way': { 'q/one': '1', 'q/deep/er': 'er', 'p/two': 'three' } },
  },
  {
    name: 'a ring of three names',
    base: TREE,
    steps: [
      {
        remote: [
          ['move', 'a', 't'],
          ['move', 'c', 'a'],
          ['move', 'b', 'c'],
          ['move', 't', 'b'],
        ],
      },
    ],
    ends: { 'two-way': { ...TREE, a: 'three', b: 'one', c: 'second' } },
  },
  {
    name: 'a chain of names, each onto the one that the next gave up',
    base: TREE,
    steps: [
      {
        local: [
          ['move', 'c', 'd'],
          ['move', 'b', 'c'],
          ['move', 'a', 'b'],
        ],
      },
    ],
    ends: {
      'two-way': {
        b: 'one',
        c: 'second',
        d: 'three',
        'dir/x': 'in x',
        'dir/y': 'in y',
        'dir/sub/z': 'in z',
      },
    },
  },
  {
    name: 'swaps on both sides of the same two files',
    base: TREE,
    steps: [{ local: [['swap', 'a', 'b']] }, { remote: [['swap', 'a', 'b']] }],
    ends: { 'two-way': { ...TREE, a: 'second', b: 'one' } },
  },
  {
    name: 'a file that was moved here and edited there',
    base: TREE,
    steps: [{ local: [['move', 'a', 'dir/a']] }, { remote: [['write', 'a', 'edited there']] }],
  },
  {
    name: 'a file that was moved and edited here',
    base: TREE,
    steps: [
      {
        local: [
          ['move', 'a', 'dir/a'],
          ['write', 'dir/a', 'edited on the way'],
        ],
      },
    ],
  },
  {
    name: 'a file that was moved here and deleted there',
    base: TREE,
    steps: [{ local: [['move', 'a', 'kept']] }, { remote: [['remove', 'a']] }],
  },
  {
    name: 'a file that was moved onto a name that is new on the other side',
    base: TREE,
    steps: [{ local: [['move', 'a', 'd']] }, { remote: [['write', 'd', 'new there']] }],
  },
  {
    name: 'a directory that was renamed',
    base: TREE,
    steps: [{ local: [['move', 'dir', 'renamed']] }],
    ends: {
      'two-way': {
        a: 'one',
        b: 'second',
        c: 'three',
        'renamed/x': 'in x',
        'renamed/y': 'in y',
        'renamed/sub/z': 'in z',
      },
    },
  },
  {
    name: 'a directory that was renamed here while something in it was edited there',
    base: TREE,
    steps: [
      { local: [['move', 'dir', 'renamed']] },
      {
        remote: [
          ['write', 'dir/x', 'edited there'],
          ['write', 'dir/new', 'new there'],
        ],
      },
    ],
  },
  {
    name: 'a directory that was renamed here and deleted there',
    base: TREE,
    steps: [{ local: [['move', 'dir', 'renamed']] }, { remote: [['remove', 'dir']] }],
  },
  {
    name: 'a directory that was renamed on both sides',
    base: TREE,
    steps: [{ local: [['move', 'dir', 'mine']] }, { remote: [['move', 'dir', 'theirs']] }],
  },
  {
    name: 'a file that was moved into a directory that was deleted there',
    base: TREE,
    steps: [{ local: [['move', 'a', 'dir/sub/a']] }, { remote: [['remove', 'dir']] }],
  },
  {
    name: 'a file that was moved into a directory that was renamed there',
    base: TREE,
    steps: [{ local: [['move', 'a', 'dir/sub/a']] }, { remote: [['move', 'dir', 'renamed']] }],
  },
  {
    name: 'a file that was moved out of a directory that was deleted there',
    base: TREE,
    steps: [{ local: [['move', 'dir/x', 'x']] }, { remote: [['remove', 'dir']] }],
  },
  {
    name: 'two directories that were moved into each other',
    base: { 'p/one': '1', 'q/two': '2' },
    steps: [{ local: [['move', 'p', 'q/p']] }, { remote: [['move', 'q', 'p/q']] }],
  },
  {
    name: 'a directory that was moved below a new one of its own name',
    base: { 'dir/x': 'in x', 'dir/y': 'in y' },
    steps: [
      {
        local: [
          ['move', 'dir', 'old'],
          ['make', 'dir/dir'],
          ['move', 'old', 'dir/dir/dir'],
        ],
      },
    ],
    ends: { 'two-way': { 'dir/dir/dir/x': 'in x', 'dir/dir/dir/y': 'in y' } },
  },
  {
    name: 'a directory whose inside was turned out',
    base: { 'p/q/r/f': 'deep', 'p/g': 'shallow' },
    steps: [
      {
        remote: [
          ['move', 'p/q/r', 'r'],
          ['move', 'p', 'r/p'],
        ],
      },
    ],
    ends: { 'two-way': { 'r/f': 'deep', 'r/p/g': 'shallow', 'r/p/q': '/' } },
  },
  {
    name: 'a file that was replaced by saving it beside and renaming',
    base: TREE,
    steps: [
      {
        local: [
          ['write', 'a.new', 'saved'],
          ['move', 'a.new', 'a'],
        ],
      },
    ],
    ends: { 'two-way': { ...TREE, a: 'saved' } },
  },
  {
    name: 'a file whose old version an editor kept under another name',
    base: TREE,
    steps: [
      {
        local: [
          ['move', 'a', 'a.bak'],
          ['write', 'a', 'saved'],
        ],
      },
    ],
    ends: { 'two-way': { ...TREE, a: 'saved', 'a.bak': 'one' } },
  },
  {
    name: 'a file whose old version an editor kept here while it was edited there',
    base: TREE,
    steps: [
      {
        local: [
          ['move', 'a', 'a.bak'],
          ['write', 'a', 'saved here'],
        ],
      },
      { remote: [['write', 'a', 'edited there']] },
    ],
    ends: {
      'two-way': { ...TREE, a: 'edited there', 'a (conflict)': 'saved here', 'a.bak': 'one' },
    },
  },
  {
    name: 'a file whose old version an editor kept there while it was edited here',
    base: TREE,
    steps: [
      {
        remote: [
          ['move', 'a', 'a.bak'],
          ['write', 'a', 'saved there'],
        ],
      },
      { local: [['write', 'a', 'edited here']] },
    ],
    ends: {
      'two-way': { ...TREE, a: 'saved there', 'a (conflict)': 'edited here', 'a.bak': 'one' },
    },
  },
  {
    name: 'a file that was copied and the copy renamed',
    base: TREE,
    steps: [
      {
        remote: [
          ['write', 'a copy', 'one'],
          ['move', 'a copy', 'dir/a'],
        ],
      },
    ],
    ends: { 'two-way': { ...TREE, 'dir/a': 'one' } },
  },
];
