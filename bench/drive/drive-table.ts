import { median } from '../table.ts';

/** What one program reached in one row. */
export interface DriveResult {
  readonly row: string;
  readonly peer: string;
  readonly value: number;
}

/** What `drive` is to reach: so many times what the peer does in the same run, or so much of the unit. */
interface Bar {
  /** Absent: `times` is in the row's unit. */
  readonly of?: string;
  readonly times: number;
  /** Whose figure is compared; `drive` if absent. */
  readonly peer?: string;
}

interface DriveRow {
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly bars?: readonly Bar[];
}

const PLAIN = 'drive-plain';

/** What the rows are, and what is wanted of the drive in them. */
export const DRIVE_ROWS: Readonly<Record<string, DriveRow>> = {
  'D1 stat cold': {
    title: '20,000 of 100,000 entries, nothing of them in memory',
    unit: 'calls/s',
    better: 'more',
    bars: [
      { of: 'bare', times: 0.5 },
      { of: 'rclone', times: 10 },
    ],
  },
  'D1 stat warm': { title: 'the same again', unit: 'calls/s', better: 'more' },
  'D1 absent': { title: '20,000 names that are not there', unit: 'calls/s', better: 'more' },
  'D1 find cold': {
    title: '`find` over all of them',
    unit: 's',
    better: 'less',
    bars: [{ of: 'bare', times: 3 }],
  },
  'D1 find warm': { title: 'the same again', unit: 's', better: 'less' },
  'D1 sizes cold': {
    title: '`find -printf %s`',
    unit: 's',
    better: 'less',
    bars: [{ of: 'bare', times: 2 }],
  },
  'D2 open': {
    title: 'opening a drive of 1,000,000 entries',
    unit: 's',
    better: 'less',
    bars: [{ times: 5 }],
  },
  'D2 memory': {
    title: 'memory for each entry',
    unit: 'bytes',
    better: 'less',
    bars: [{ times: 400 }],
  },
  'D3 read first': {
    title: '1 GiB in 1 MiB reads, just mounted',
    unit: 'MiB/s',
    better: 'more',
    bars: [
      { times: 1024, peer: PLAIN },
      { of: 'bare', times: 0.8 },
    ],
  },
  'D3 read again': {
    title: 'the same again',
    unit: 'MiB/s',
    better: 'more',
    bars: [{ of: 'bare', times: 0.8 }],
  },
  'D3 random 1': {
    title: '4 KiB reads anywhere in it, one process',
    unit: 'reads/s',
    better: 'more',
    bars: [
      { of: 'drive-fuse-native', times: 3, peer: PLAIN },
      { of: 'bare', times: 0.8 },
    ],
  },
  'D3 random 4': {
    title: 'the same, four processes',
    unit: 'reads/s',
    better: 'more',
    bars: [{ of: 'drive-fuse-native', times: 3, peer: PLAIN }],
  },
  'D3 write': {
    title: '512 MiB in 1 MiB writes, and fsync',
    unit: 'MiB/s',
    better: 'more',
    bars: [{ of: 'bare', times: 0.5 }],
  },
  'D3 create': {
    title: '2,000 files of 4 KiB made, written, closed',
    unit: 'files/s',
    better: 'more',
    bars: [{ times: 4000 }],
  },
  'D4 part': {
    title: '64 KiB in the middle of a file of 100 MiB that is not here, opened and read',
    unit: 'ms',
    better: 'less',
    bars: [{ times: 10 }],
  },
  'D4 fetched': {
    title: 'bytes on the wire for it',
    unit: 'KiB',
    better: 'less',
    bars: [{ times: 1024 }],
  },
  'D5 companion': {
    title: 'from a write on the companion server until `stat` shows it',
    unit: 'ms',
    better: 'less',
    bars: [{ times: 2000 }],
  },
  'D5 companion event': {
    title: 'the same, until an inotify event tells it',
    unit: 'ms',
    better: 'less',
    bars: [{ times: 2000 }],
  },
  'D5 plain': {
    title: 'from a write on a plain WebDAV server until `stat` shows it',
    unit: 'ms',
    better: 'less',
  },
  'D5 plain event': {
    title: 'the same, until an inotify event tells it',
    unit: 'ms',
    better: 'less',
  },
  'D6 unmount': {
    title: '`ferry unmount`',
    unit: 'ms',
    better: 'less',
    bars: [{ times: 5000 }],
  },
  'D6 mount': {
    title: '`ferry mount` of a drive that was there before',
    unit: 'ms',
    better: 'less',
  },
  'D6 killed': {
    title: 'from `kill -9` of its process until programs have the files again',
    unit: 'ms',
    better: 'less',
    bars: [{ times: 2000 }],
  },
};

/** Figures of all runs by row. */
export type Taken = Map<string, number[]>;

/** Adds one figure to a row. */
export function note(taken: Taken, row: string, value: number): void {
  taken.set(row, [...(taken.get(row) ?? []), value]);
}

/** Returns the median of each row. */
export function resultsOf(taken: Taken, peer: string): DriveResult[] {
  return [...taken].map(([row, values]) => ({ row, peer, value: median(values) }));
}

/** Returns a table in Markdown of what each program reached, and below it what was wanted of the drive. */
export function driveTableOf(results: readonly DriveResult[], order: readonly string[]): string {
  const peers = order.filter((name) => results.some(({ peer }) => peer === name));
  const rows = Object.keys(DRIVE_ROWS).filter((name) => results.some(({ row }) => row === name));
  const bases = peers.includes('drive')
    ? ['bare', 'rclone'].filter((name) => peers.includes(name))
    : [];
  const columns = [...peers, ...bases.map((name) => `drive ÷ ${name}`)];
  const lines = [
    `| Row | Unit | ${columns.join(' | ')} |`,
    `|---|---|${'---:|'.repeat(columns.length)}`,
  ];
  const at = (row: string, peer: string): number | undefined =>
    results.find((one) => one.row === row && one.peer === peer)?.value;
  for (const row of rows) {
    const values = peers.map((peer) => numberText(at(row, peer)));
    const ratios = bases.map((peer) => ratioText(at(row, 'drive'), at(row, peer)));
    const { title = '', unit = '' } = DRIVE_ROWS[row] ?? {};
    lines.push(`| **${row}** ${title} | ${unit} | ${[...values, ...ratios].join(' | ')} |`);
  }
  const bars = rows.flatMap((row) => barsOf(row, at));
  return `${lines.join('\n')}\n${bars.length === 0 ? '' : `\n${bars.join('\n')}\n`}`;
}

function barsOf(row: string, at: (row: string, peer: string) => number | undefined): string[] {
  const { bars = [], better = 'more', unit = '' } = DRIVE_ROWS[row] ?? {};
  return bars.flatMap(({ of, times, peer = 'drive' }) => {
    const value = at(row, peer);
    const base = of === undefined ? 1 : at(row, of);
    if (value === undefined || base === undefined) return [];
    const limit = base * times;
    const isKept = better === 'more' ? value >= limit : value <= limit;
    const words = better === 'more' ? 'at least' : 'at most';
    const wanted = of === undefined ? `${numberText(times)} ${unit}` : `${times} × ${of}`;
    const reached =
      of === undefined ? `${numberText(value)} ${unit}` : `${(value / base).toFixed(2)} ×`;
    return [`- ${isKept ? 'kept' : '**missed**'}: ${row}, ${peer}: ${words} ${wanted}: ${reached}`];
  });
}

/** A figure as people read it. */
export function numberText(value: number | undefined): string {
  if (value === undefined) return '';
  if (!Number.isFinite(value)) return 'never';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function ratioText(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? '' : `${(value / base).toFixed(2)} ×`;
}
