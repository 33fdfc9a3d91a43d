import type { StepScenario } from '../../support/scenario-steps.ts';

const TREE = { a: 'one', b: 'second', 'dir/x': 'in x', 'dir/y': 'in y', 'dir/sub/z': 'in z' };

/** Contents, deletions, kinds and conflicts. */
export const CONTENTS: readonly StepScenario[] = [
  { name: 'nothing at all', steps: ['sync'] },
  {
    name: 'edits of different files on both sides',
    base: TREE,
    steps: [{ local: [['write', 'a', 'mine']] }, { remote: [['write', 'dir/x', 'theirs']] }],
    ends: { 'two-way': { ...TREE, a: 'mine', 'dir/x': 'theirs' } },
  },
  {
    name: 'the same edit on both sides',
    base: TREE,
    steps: [{ local: [['write', 'a', 'same']] }, { remote: [['write', 'a', 'same']] }],
    ends: { 'two-way': { ...TREE, a: 'same' } },
  },
  {
    name: 'different edits of one file',
    base: { 'a.tar.gz': 'one' },
    steps: [
      { local: [['write', 'a.tar.gz', 'mine']] },
      { remote: [['write', 'a.tar.gz', 'them']] },
    ],
    ends: { 'two-way': { 'a.tar.gz': 'them', 'a (conflict).tar.gz': 'mine' } },
  },
  {
    name: 'the same new file on both sides',
    base: {},
    steps: [{ local: [['write', 'n', 'same']] }, { remote: [['write', 'n', 'same']] }],
    ends: { 'two-way': { n: 'same' } },
  },
  {
    name: 'different new files of one name',
    steps: [{ local: [['write', 'd/n', 'mine']] }, { remote: [['write', 'd/n', 'theirs']] }],
    ends: { 'two-way': { 'd/n': 'theirs', 'd/n (conflict)': 'mine' } },
  },
  {
    name: 'different new empty and filled files of one name',
    steps: [{ local: [['write', 'n', '']] }, { remote: [['write', 'n', 'theirs']] }],
  },
  {
    name: 'an edit here and a deletion there',
    base: TREE,
    steps: [{ local: [['write', 'a', 'edited']] }, { remote: [['remove', 'a']] }],
    ends: { 'two-way': { ...TREE, a: 'edited' } },
  },
  {
    name: 'a deletion here and an edit there',
    base: TREE,
    steps: [{ local: [['remove', 'dir/x']] }, { remote: [['write', 'dir/x', 'edited']] }],
    ends: { 'two-way': { ...TREE, 'dir/x': 'edited' } },
  },
  {
    name: 'a deletion on both sides',
    base: TREE,
    steps: [{ local: [['remove', 'a']] }, { remote: [['remove', 'a']] }],
  },
  {
    name: 'a deleted directory in which something is new on the other side',
    base: TREE,
    steps: [{ remote: [['remove', 'dir']] }, { local: [['write', 'dir/sub/new', 'new here']] }],
    ends: { 'two-way': { a: 'one', b: 'second', 'dir/sub/new': 'new here' } },
  },
  {
    name: 'a deleted directory in which something was edited on the other side',
    base: TREE,
    steps: [{ local: [['remove', 'dir']] }, { remote: [['write', 'dir/sub/z', 'edited there']] }],
    ends: { 'two-way': { a: 'one', b: 'second', 'dir/sub/z': 'edited there' } },
  },
  {
    name: 'a directory that was deleted and made again with other things',
    base: TREE,
    steps: [
      {
        local: [
          ['remove', 'dir'],
          ['write', 'dir/other', 'other'],
        ],
      },
    ],
    ends: { 'two-way': { a: 'one', b: 'second', 'dir/other': 'other' } },
  },
  {
    name: 'a file that became a directory',
    base: TREE,
    steps: [
      {
        local: [
          ['remove', 'a'],
          ['write', 'a/in', 'below'],
        ],
      },
    ],
  },
  {
    name: 'a directory that became a file',
    base: TREE,
    steps: [
      {
        remote: [
          ['remove', 'dir'],
          ['write', 'dir', 'a file now'],
        ],
      },
    ],
    ends: { 'two-way': { a: 'one', b: 'second', dir: 'a file now' } },
  },
  {
    name: 'a file that became a directory here and was edited there',
    base: TREE,
    steps: [
      {
        local: [
          ['remove', 'a'],
          ['write', 'a/in', 'below'],
        ],
      },
      { remote: [['write', 'a', 'edited there']] },
    ],
  },
  {
    name: 'a directory that became a file here while something in it was edited there',
    base: TREE,
    steps: [
      {
        local: [
          ['remove', 'dir'],
          ['write', 'dir', 'a file now'],
        ],
      },
      { remote: [['write', 'dir/x', 'edited there']] },
    ],
  },
  {
    name: 'a new file here and a new directory of that name there',
    base: TREE,
    steps: [{ local: [['write', 'n', 'a file']] }, { remote: [['write', 'n/in', 'below']] }],
  },
  {
    name: 'a new directory here and a new file of that name there',
    base: TREE,
    steps: [{ local: [['write', 'n/in', 'below']] }, { remote: [['write', 'n', 'a file']] }],
  },
  {
    name: 'two new directories of one name',
    steps: [
      { local: [['write', 'n/mine', 'mine']] },
      {
        remote: [
          ['write', 'n/theirs', 'theirs'],
          ['make', 'n/empty'],
        ],
      },
    ],
    ends: { 'two-way': { 'n/mine': 'mine', 'n/theirs': 'theirs', 'n/empty': '/' } },
  },
  {
    name: 'empty directories that come and go',
    base: { 'old/empty': '/', keep: '/' },
    steps: [
      { local: [['make', 'new/empty']] },
      {
        remote: [
          ['remove', 'old'],
          ['make', 'theirs'],
        ],
      },
    ],
    ends: { 'two-way': { keep: '/', 'new/empty': '/', theirs: '/' } },
  },
  {
    name: 'a conflict, an edit of its copy, and a conflict of the copy',
    base: { 'f.txt': 'base' },
    steps: [
      { local: [['write', 'f.txt', 'mine']] },
      { remote: [['write', 'f.txt', 'theirs']] },
      'sync',
      { local: [['write', 'f.txt', 'mine again']] },
      { remote: [['write', 'f.txt', 'theirs again']] },
      'sync',
      { local: [['remove', 'f.txt']] },
    ],
  },
  {
    name: 'a file that grew, shrank and became empty',
    base: { f: 'base' },
    steps: [
      { local: [['write', 'f', 'x'.repeat(70_000)]] },
      'sync',
      { remote: [['write', 'f', 'short']] },
      'sync',
      { local: [['write', 'f', '']] },
    ],
  },
  {
    name: 'a file that was touched on both sides',
    base: TREE,
    steps: [{ local: [['touch', 'a']] }, { remote: [['touch', 'b']] }],
    ends: { 'two-way': TREE },
  },
  {
    name: 'a link beside files that change',
    base: { 'dir/f': 'content' },
    steps: [
      {
        local: [
          ['link', 'dir/link', 'f'],
          ['write', 'dir/f', 'edited'],
        ],
      },
      'sync',
      { remote: [['write', 'dir/g', 'new there']] },
    ],
  },
  {
    name: 'edits of the same length',
    base: { f: 'aaaa', g: 'bbbb' },
    steps: [{ local: [['write', 'f', 'AAAA']] }, 'sync', { remote: [['write', 'g', 'BBBB']] }],
    ends: { 'two-way': { f: 'AAAA', g: 'BBBB' } },
  },
  {
    name: 'a restart between every change',
    directions: ['two-way'],
    base: TREE,
    steps: [
      'restart',
      { local: [['move', 'a', 'moved']] },
      'sync',
      'restart',
      { remote: [['move', 'moved', 'dir/back']] },
      'sync',
      'restart',
      { local: [['remove', 'dir/sub']] },
    ],
  },
  {
    name: 'links that are new, retargeted, and changed for files',
    directions: ['two-way'],
    needsLinks: true,
    base: { target: 'content', other: 'more', link: '-> target' },
    steps: [
      { local: [['link', 'dir/new', '../target']] },
      'sync',
      { remote: [['link', 'link2', 'other']] },
      'sync',
      {
        local: [
          ['remove', 'link2'],
          ['write', 'link2', 'a file now'],
        ],
      },
    ],
  },
];
