import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** One program in one row of the benchmark: medians of its runs. */
export interface Result {
  readonly row: string;
  readonly peer: string;
  readonly runs: number;
  readonly wallS: number;
  readonly cpuS: number;
  readonly clientMib: number;
  readonly serverMib: number;
  readonly bytes: number | null;
  /** `equal`, or what was not; null: not looked at. */
  readonly trees: string | null;
}

/** What stands above the rows. */
export const ROW_TITLES: Readonly<Record<string, string>> = {
  W1: 'upload of 10,000 files, 100 MB',
  W2: 'download of the same',
  W3: 'nothing has changed, 10,000 files',
  'W3-100k': 'nothing has changed, 100,000 files',
  W4: '100 edited, 20 created, deleted, renamed of 10,000',
  W5up: 'one file of 2 GiB, up',
  W5down: 'the same, down',
  W6: '1 GiB: 64 edits of 4 KiB, 1 MiB inserted',
  W6u: 'the same, 1 MiB and 1 byte inserted',
  W7: 'a folder of 5,000 files is renamed',
  'W8up p50': 'from an edit until it is on the server, median',
  'W8up p95': 'the same, 95th percentile',
  'W8down p50': 'from an edit on the server until it is here, median',
  'W8down p95': 'the same, 95th percentile',
  W9: 'nothing has changed, 1,000,000 files',
  W10: '50 edited, 10 created, deleted, renamed on each side',
  W11: '1,000 files up at 20 ms round trip',
  W11q: 'nothing has changed, 20 ms round trip',
  P1: '1,000 files up to plain WebDAV servers, 20 ms',
};

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Returns a table in Markdown; `ratio` is Ferry's time divided by the peer's in the same row. */
export function tableOf(results: readonly Result[]): string {
  const lines = [
    '| Row | Program | Seconds | Ferry is | CPU s | MiB client + server | Bytes | Trees |',
    '|---|---|---:|---:|---:|---:|---:|---|',
  ];
  for (const result of results) {
    const isPlain = result.row === 'P1';
    const ferry = results.find(({ row, peer }) => row === result.row && peer === 'ferry');
    const ratio =
      ferry === undefined || isPlain || result.peer === 'ferry'
        ? ''
        : `${(ferry.wallS / result.wallS).toFixed(2)} ×`;
    const isFirst = results.find(({ row }) => row === result.row) === result;
    const title = isFirst ? `**${result.row}** ${ROW_TITLES[result.row] ?? ''}` : '';
    lines.push(
      `| ${title} | ${result.peer} | ${result.wallS.toFixed(3)} | ${ratio} | ${result.cpuS.toFixed(2)} | ${result.clientMib.toFixed(0)} + ${result.serverMib.toFixed(0)} | ${bytesText(result.bytes)} | ${result.trees ?? ''} |`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function bytesText(bytes: number | null): string {
  if (bytes === null) return '';
  if (bytes < 100_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}

/** One line that says what the figures were taken on. */
export function machineText(): string {
  const [cpu] = cpus();
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${gib} GiB, Linux ${release().split('-')[0]}, Node ${process.versions.node}, all on loopback of one machine`;
}

/** Versions of the programs, for the head of the table. */
export function versionOf(program: string): string {
  const flag = { nginx: '-v', unison: '-version', lsyncd: '-version' }[program] ?? '--version';
  try {
    const text = execFileSync('sh', ['-c', `${program} ${flag} 2>&1 | head -n 1`], {
      encoding: 'utf8',
    });
    return /\d+(\.\d+)+/.exec(text)?.[0] ?? '';
  } catch {
    return '';
  }
}
