import { describe, expect, test } from '@jest/globals';
import { DIRECTIONS } from '../../../core/model/entry.ts';
import { outcomeOf, planOf, stepsInWords } from '../../support/scenario.ts';

const F = { f: 'A#1' };
const D = { d: '/#d', 'd/x': 'X#x', 'd/e': '/#e', 'd/e/y': 'Y#y' };

describe('what goes on as what', () => {
  test('a name that Ferry gave while it swapped names is no rename, and goes back', () => {
    const parked = { '.ferry-tmp-park-1': 'A#1' };
    expect(stepsInWords({ base: F, local: parked, remote: F })).toEqual([
      'local move .ferry-tmp-park-1 -> f',
    ]);
    expect(stepsInWords({ base: F, local: parked, remote: {} })).toEqual([
      'local remove .ferry-tmp-park-1',
    ]);
  });

  test('a directory with the identity that a removed file had is not that file', () => {
    expect(stepsInWords({ base: F, local: { f: '/#1' }, remote: F })).toEqual([
      'remote remove f',
      'remote make-directory f',
    ]);
  });

  test('an identity that two files have by now proves no move', () => {
    const links = { x: 'A#1', y: 'A#1' };
    expect(stepsInWords({ base: F, local: links, remote: F })).toEqual([
      'remote remove f',
      'remote write x',
      'remote write y',
    ]);
  });

  test('a content that two files have had proves no move', () => {
    const base = { a: 'same', b: 'same' };
    expect(stepsInWords({ base, local: { c: 'same' }, remote: base })).toEqual([
      'remote remove b',
      'remote remove a',
      'remote write c',
    ]);
  });

  test('a new file of another identity is not the one that vanished, although it has its content', () => {
    const copy = { n: 'A#2' };
    expect(stepsInWords({ base: F, local: copy, remote: { f: 'B#1' } })).toEqual([
      'local write f',
      'remote write n',
    ]);
  });
});

describe('what is deleted below a directory that the other side could not list', () => {
  test.each(DIRECTIONS)('keeps its record until that is known (%s)', (direction) => {
    for (const side of ['local', 'remote'] as const) {
      const [unlisted, emptied] = [{ d: '/#d' }, { d: '/#d' }];
      const [local, remote] = side === 'local' ? [unlisted, emptied] : [emptied, unlisted];
      const scenario = { base: D, local, remote, frozen: { [side]: ['d'] }, direction };
      expect(planOf(scenario).nodes).toEqual([]);
    }
  });
});

describe('a directory with ignored entries', () => {
  test('stays on a destination when the master deletes it, whatever the master ignores', () => {
    const [ignoring, gone] = [{ d: '/ignored#d' }, {}];
    const base = { d: '/#d' };
    for (const direction of ['remote-to-local', 'local-to-remote'] as const) {
      const isLocal = direction === 'remote-to-local';
      const [local, remote] = isLocal ? [ignoring, gone] : [gone, ignoring];
      expect(stepsInWords({ base, local, remote, direction })).toEqual([]);
    }
  });
});

describe('what the guards count', () => {
  test('is what goes, on the side where it goes, and not what has moved', () => {
    const base = { ...D, f: 'A#1', g: 'B#2' };
    const { counts } = planOf({ base, local: { h: 'B#2' }, remote: base });
    expect(counts).toMatchObject({ deletedLocal: 0, deletedRemote: 5 });
    const { counts: mirrored } = planOf({ base, local: base, remote: { h: 'B#2' } });
    expect(mirrored).toMatchObject({ deletedLocal: 5, deletedRemote: 0 });
  });

  test('does not count a directory that was moved with all that is in it', () => {
    const moved = { n: '/#d', 'n/x': 'X#x', 'n/e': '/#e', 'n/e/y': 'Y#y' };
    expect(planOf({ base: D, local: moved, remote: D }).counts).toMatchObject({
      deletedLocal: 0,
      deletedRemote: 0,
    });
    expect(outcomeOf({ base: D, local: moved, remote: D }).remote).toEqual({
      'n/x': 'X',
      'n/e/y': 'Y',
    });
  });
});
