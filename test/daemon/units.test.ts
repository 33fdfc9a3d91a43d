import { describe, expect, it } from '@jest/globals';
import {
  parseDays,
  parseDuration,
  parseFraction,
  parseSize,
  parseTime,
} from '../../daemon/units.ts';

describe('what people write for quantities', () => {
  it.each([
    ['15m', 900_000],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['2d', 172_800_000],
  ])('reads the duration %s', (text, ms) => {
    expect(parseDuration(text, '--every')).toBe(ms);
  });

  it.each([
    ['2M', 2_000_000],
    ['500k', 500_000],
    ['1.5G', 1_500_000_000],
    ['10MB', 10_000_000],
    ['7', 7],
    ['20GiB', 21_474_836_480],
    ['64Ki', 65_536],
  ])('reads the size %s', (text, bytes) => {
    expect(parseSize(text, '--bandwidth')).toBe(bytes);
  });

  it('reads parts as percentages and as fractions', () => {
    expect([parseFraction('25%', '--max-delete'), parseFraction('0.5', '--max-delete')]).toEqual([
      0.25, 0.5,
    ]);
  });

  it.each([
    ['mon-fri', 'mon tue wed thu fri'],
    ['sat,sun', 'sat sun'],
    ['fri-mon', 'mon fri sat sun'],
    ['WED', 'wed'],
  ])('reads the days %s', (text, days) => {
    expect(parseDays(text, '--days').join(' ')).toBe(days);
  });

  it.each(['', '15', '15 m', '-5m', 'm', '0s', '5y'])(
    'refuses the duration "%s", naming the flag',
    (text) => {
      expect(() => parseDuration(text, '--every')).toThrow('--every');
    },
  );

  it.each(['', 'fast', '2X', '-1', '0'])('refuses the size "%s", naming the flag', (text) => {
    expect(() => parseSize(text, '--bandwidth')).toThrow('--bandwidth');
  });

  it.each(['', '101%', '-1%', 'half'])('refuses the part "%s", naming the flag', (text) => {
    expect(() => parseFraction(text, '--max-delete')).toThrow('--max-delete');
  });

  it.each(['', 'monday', 'mon-', 'mon-wed-fri'])(
    'refuses the days "%s", naming the flag',
    (text) => {
      expect(() => parseDays(text, '--days')).toThrow('--days');
    },
  );

  it.each([
    ['2h', new Date(2026, 0, 31, 12, 30)],
    ['1h30m ago', new Date(2026, 0, 31, 13, 0)],
    ['09:15', new Date(2026, 0, 31, 9, 15)],
    ['2026-01-30', new Date(2026, 0, 30)],
    ['2026-01-30 08:05', new Date(2026, 0, 30, 8, 5)],
    ['2026-01-30T08:05:09Z', new Date(Date.UTC(2026, 0, 30, 8, 5, 9))],
  ])('reads the time "%s"', (text, time) => {
    const now = new Date(2026, 0, 31, 14, 30).getTime();
    expect(parseTime(text, now, '--at')).toBe(time.getTime());
  });

  it.each(['', 'yesterday', '2026-13-01', '25', '2026-01-30 8'])(
    'refuses the time "%s", naming the flag',
    (text) => {
      expect(() => parseTime(text, 0, '--at')).toThrow('--at');
    },
  );
});
