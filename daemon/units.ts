import { invalid } from './parse.ts';
import { DAYS, type Day } from './schedule.ts';

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 } as const;
const BINARY_UNITS = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const;

function unitOf(units: Readonly<Record<string, number>>, unit: string): number {
  return units[unit.toLowerCase()] ?? Number.NaN;
}

/** Returns the milliseconds that a text such as `15m`, `90s` or `1h30m` means. @throws CONFIG_INVALID naming `key` */
export function parseDuration(text: string, key: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy)];
  const whole = parts.map(([part]) => part).join('');
  const ms = parts.reduce(
    (sum, [, n, unit]) => sum + Number(n) * unitOf(DURATION_UNITS, unit ?? ''),
    0,
  );
  if (whole !== text || !(ms > 0)) throw invalid(key, 'a duration such as 30s, 15m or 1h30m', text);
  return ms;
}

/**
 * Returns the bytes that a text such as `500k`, `2M` or `1.5GB` means (powers of 1000), or `20GiB` (powers of 1024).
 * @throws CONFIG_INVALID
 */
export function parseSize(text: string, key: string): number {
  const [, n, unit, binary] = /^(\d+(?:\.\d+)?)([kmgt]?)(i?)b?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(n) * unitOf(binary ? BINARY_UNITS : SIZE_UNITS, unit ?? 'none'));
  if (!(bytes > 0)) throw invalid(key, 'a size such as 500k, 2M or 20GiB', text);
  return bytes;
}

/** Returns the fraction that a text such as `25%` or `0.25` means. @throws CONFIG_INVALID */
export function parseFraction(text: string, key: string): number {
  const [, n, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const fraction = Number(n) / (percent === '%' ? 100 : 1);
  if (!(fraction >= 0 && fraction <= 1)) throw invalid(key, 'a part such as 25%', text);
  return fraction;
}

/** Returns the days that a text such as `mon-fri` or `mon,wed,sat-sun` means. @throws CONFIG_INVALID */
export function parseDays(text: string, key: string): readonly Day[] {
  const chosen = new Set<Day>();
  for (const range of text.toLowerCase().split(',')) {
    const [from, to = from] = range
      .split('-')
      .map((day) => (DAYS as readonly string[]).indexOf(day));
    if (from === undefined || to === undefined || from < 0 || to < 0 || range.split('-').length > 2)
      throw invalid(key, 'days such as mon-fri or sat,sun', text);
    for (let day = from; ; day = (day + 1) % DAYS.length) {
      chosen.add(DAYS[day] as Day);
      if (day === to) break;
    }
  }
  return DAYS.filter((day) => chosen.has(day));
}

/**
 * Returns the time, in ms since 1970, that a text means: a length of time ago (`2h`, also `2h ago`), a time of today
 * (`14:30`), a local date with or without a time, or an ISO time with its zone. @throws CONFIG_INVALID
 */
export function parseTime(text: string, nowMs: number, key: string): number {
  const [, length] = /^([\d.]+(?:ms|s|m|h|d)[\d.msdh]*)(?: ago)?$/.exec(text.trim()) ?? [];
  if (length !== undefined) return nowMs - parseDuration(length, key);
  const [, hours, minutes] = /^(\d{1,2}):(\d\d)$/.exec(text.trim()) ?? [];
  if (hours !== undefined) return new Date(nowMs).setHours(Number(hours), Number(minutes), 0, 0);
  const isDate = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?$/;
  // A bare date would be taken for UTC.
  const local = text.trim().length === 10 ? `${text.trim()}T00:00` : text.trim().replace(' ', 'T');
  const ms = isDate.test(text.trim()) ? Date.parse(local) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(key, 'a time such as 2h, 14:30 or 2026-01-31 14:30', text);
  return ms;
}
