import { describe, expect, it } from '@jest/globals';
import { keepVersionsFrom } from '../../cli/pair-flags.ts';

describe('the flags about kept versions', () => {
  it.each([
    [{ keepVersionsDays: '7' }, { days: 7, bytes: 5 }],
    [{ keepVersionsDays: 'off' }, { bytes: 5 }],
    [{ keepVersionsBytes: '2G' }, { days: 30, bytes: 2e9 }],
    [{ keepVersionsBytes: '0' }, { days: 30, bytes: 0 }],
    [{ keepVersionsBytes: '20%' }, { days: 30, fraction: 0.2 }],
    [{ keepVersionsBytes: 'off' }, { days: 30 }],
    [{}, { days: 30, bytes: 5 }],
  ])('change what they name and nothing else: %j', (flags, after) => {
    expect(keepVersionsFrom({ days: 30, bytes: 5 }, flags).keepVersions).toEqual(after);
  });

  it('leave nothing behind when all are taken back', () => {
    const off = { keepVersionsDays: 'off', keepVersionsBytes: 'off' };
    expect(keepVersionsFrom({ days: 7, fraction: 0.5 }, off)).toEqual({});
  });

  it.each([
    [{ keepVersionsDays: 'a week' }, '--keep-versions-days'],
    [{ keepVersionsBytes: 'much' }, '--keep-versions-bytes'],
    [{ keepVersionsBytes: '120%' }, '--keep-versions-bytes'],
  ])('are refused by name: %j', (flags, name) => {
    expect(() => keepVersionsFrom(undefined, flags)).toThrow(name);
  });
});
