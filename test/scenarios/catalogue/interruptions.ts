import type { Step, StepScenario, UserEdit } from '../../support/scenario-steps.ts';

const TREE = {
  a: 'one',
  b: 'second',
  c: 'three',
  'dir/x': 'in x',
  'dir/y': 'in y',
  'p/f': 'f',
  'q/g': 'gg',
};

const HERE: readonly UserEdit[] = [
  ['swap', 'a', 'b'],
  ['write', 'dir/x', 'mine'],
  ['move', 'dir/y', 'y'],
  ['write', 'new/here', 'new here'],
];
const THERE: readonly UserEdit[] = [
  ['swap', 'p', 'q'],
  ['write', 'dir/x', 'theirs'],
  ['remove', 'c'],
  ['write', 'new/there', 'new there'],
];

function cutOff(after: number): StepScenario {
  return {
    name: `much at once, cut off after ${after} calls`,
    base: TREE,
    steps: [{ local: HERE }, { remote: THERE }, { crash: after }],
  };
}

const twice = (one: number, other: number): readonly Step[] => [
  { local: HERE },
  { crash: one },
  { remote: THERE },
  { crash: other },
  { local: [['write', 'a', 'edited in between']] },
];

/** Runs that end in the middle. */
export const INTERRUPTIONS: readonly StepScenario[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15].map(cutOff),
  { name: 'two runs that were cut off, and edits between them', base: TREE, steps: twice(3, 5) },
  { name: 'two runs that were cut off late', base: TREE, steps: twice(7, 9) },
  {
    name: 'a first run that was cut off',
    steps: [
      {
        local: [
          ['write', 'd/a', 'here'],
          ['write', 'd/b', 'also here'],
        ],
      },
      {
        remote: [
          ['write', 'd/a', 'there'],
          ['write', 'e/c', 'also there'],
        ],
      },
      { crash: 3 },
      'sync',
      { crash: 1 },
    ],
  },
];
