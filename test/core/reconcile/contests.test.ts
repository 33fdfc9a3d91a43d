import { describe, expect, test } from '@jest/globals';
import { outcomeOf, planOf, stepsInWords } from '../../support/scenario.ts';

const MARK = '(conflict laptop 2026-01-02 03-04-05)';

describe('names that two entries want', () => {
  test('a file that loses its name and its content at once gets two copies', () => {
    const both = { p: 'N', [`p ${MARK}`]: 'R', [`p ${MARK} 2`]: 'L' };
    const scenario = { base: { g: 'G#1' }, local: { p: 'L#1' }, remote: { g: 'R#1', p: 'N#2' } };
    expect(outcomeOf(scenario)).toEqual({ local: both, remote: both });
  });

  test('a copy does not take the name of something that could not be read', () => {
    const [old, copy] = [`f ${MARK}`, `f ${MARK} 2`];
    const { nodes } = planOf({
      base: { [old]: 'old' },
      local: { f: 'L', [old]: 'old' },
      remote: { f: 'R', [old]: 'old' },
      frozen: { local: [old] },
    });
    expect(nodes.find((node) => node.conflictOf)?.local.to).toBe(copy);
  });

  test('a directory that was moved onto a new one of the other side stays itself', () => {
    const both = { 'p/y': 'Y', [`p ${MARK}/x`]: 'X' };
    const d = { d: '/#d', 'd/x': 'X#x' };
    const scenario = {
      base: d,
      local: { p: '/#d', 'p/x': 'X#x' },
      remote: { ...d, p: '/#p', 'p/y': 'Y#y' },
    };
    expect(outcomeOf(scenario)).toEqual({ local: both, remote: both });
  });

  test('new files of one size are one only when their contents are', () => {
    expect(Object.keys(outcomeOf({ local: { f: 'L' }, remote: { f: 'R' } }).local)).toHaveLength(2);
    expect(outcomeOf({ local: { f: 'L' }, remote: { f: 'L' } }).local).toEqual({ f: 'L' });
  });
});

describe('the order of steps', () => {
  test('what is moved out of a directory goes before the directory does', () => {
    const base = { d: '/#d', 'd/x': 'X#x' };
    expect(stepsInWords({ base, local: { y: 'X#x' }, remote: base })).toEqual([
      'remote move d/x -> y',
      'remote remove d',
    ]);
  });
});
