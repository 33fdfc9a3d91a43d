import type { Drawn, StepScenario } from '../../support/scenario-steps.ts';

const DEEP = Array.from({ length: 40 }, (_, index) => `level ${index}`).join('/');

const ODD: readonly string[] = [
  'quote\'s "double"',
  '100% %41 %2F',
  'a+b=c&d;e',
  'hash#tag?query',
  'semi;colon:name',
  '  leading',
  'trailing ',
  'trailing.',
  'tab\there',
  'back\\slash',
  '<angle> [square] {curly}',
  'emoji 🚢🏳️‍🌈.txt',
  '日本語',
  '~tilde',
  '-dash',
  'CON',
  'aux.txt',
];

function drawn(names: readonly string[], inside: string): Drawn {
  return Object.fromEntries(names.map((name, index) => [`${inside}${name}`, `content ${index}`]));
}

/** Names that some program or protocol has trouble with. */
export const NAMES: readonly StepScenario[] = [
  {
    name: 'odd names of files that are made here, edited there and renamed',
    base: drawn(ODD, ''),
    steps: [
      { remote: ODD.map((name, index) => ['write', name, `edited ${index}`]) },
      'sync',
      { local: ODD.slice(0, 6).map((name) => ['move', name, `moved/${name}`]) },
    ],
  },
  {
    name: 'odd names of directories',
    base: Object.fromEntries(ODD.map((name) => [`${name}/in`, `in ${name}`])),
    steps: [
      { local: ODD.map((name) => ['write', `${name}/more`, `more in ${name}`]) },
      'sync',
      { remote: ODD.slice(0, 4).map((name) => ['remove', name]) },
    ],
  },
  {
    name: 'odd names that come from the other side',
    steps: [{ remote: ODD.map((name, index) => ['write', `d/${name}`, `theirs ${index}`]) }],
  },
  {
    name: 'a name with a line break',
    base: { 'first\nsecond': 'one', plain: 'two' },
    steps: [{ local: [['write', 'first\nsecond', 'edited']] }],
  },
  {
    name: 'a name of 255 bytes, and a conflict in it',
    base: { ['x'.repeat(255)]: 'long', [`${'ü'.repeat(120)}.txt`]: 'umlauts' },
    steps: [
      {
        local: [
          ['write', 'x'.repeat(255), 'mine'],
          ['write', `${'ü'.repeat(120)}.txt`, 'mine too'],
        ],
      },
      { remote: [['write', 'x'.repeat(255), 'theirs']] },
    ],
  },
  {
    name: 'a change of upper and lower case only',
    base: { 'readme.md': 'one', 'docs/guide': 'two' },
    steps: [
      { local: [['move', 'readme.md', 'README.md']] },
      { remote: [['move', 'docs', 'Docs']] },
    ],
    ends: { 'two-way': { 'README.md': 'one', 'Docs/guide': 'two' } },
  },
  {
    name: 'names that differ only in case',
    base: { a: 'lower', A: 'UPPER CASE' },
    steps: [{ local: [['swap', 'a', 'A']] }, { remote: [['write', 'B', 'new']] }],
  },
  {
    name: 'a name in composed form here and decomposed form there',
    steps: [
      { local: [['write', 'caf\u00e9', 'same']] },
      { remote: [['write', 'cafe\u0301', 'same']] },
      'sync',
      { local: [['write', 'caf\u00e9', 'edited']] },
    ],
    ends: { 'two-way': { 'caf\u00e9': 'edited' } },
  },
  {
    name: 'decomposed names of directories that come from there and are removed here',
    directions: ['two-way', 'remote-to-local'],
    base: { 're\u0301sume\u0301/a': 'one', 're\u0301sume\u0301/b': 'two' },
    steps: [
      { remote: [['write', 'new\u0308/c', 'three']] },
      'sync',
      { local: [['remove', 'ne\u1e85']] },
    ],
  },
  {
    name: 'a tree of forty levels, a change at its end and its removal',
    base: { [`${DEEP}/f`]: 'deep' },
    steps: [
      { remote: [['write', `${DEEP}/f`, 'deeper']] },
      'sync',
      { local: [['move', 'level 0/level 1', 'cut']] },
    ],
  },
];
