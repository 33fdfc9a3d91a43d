import { describe, expect, it } from '@jest/globals';
import {
  formatBytes,
  formatDuration,
  formatInterval,
  formatTable,
  printable,
} from '../../cli/format.ts';
import { createProgress, progressLine } from '../../cli/progress.ts';
import { createTerminal, type Terminal } from '../../cli/terminal.ts';
import type { ApiProgress } from '../../daemon/api.ts';

const at = (filesDone: number, bytesDone: number): ApiProgress => ({
  phase: 'transferring',
  filesDone,
  filesTotal: 10,
  bytesDone,
  bytesTotal: 10_000_000,
});

function terminalWith(options: { isTTY?: boolean; json?: boolean; quiet?: boolean }) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY: options.isTTY,
    columns: 80,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const terminal: Terminal = createTerminal({
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    json: options.json ?? false,
    quiet: options.quiet ?? false,
    color: false,
  });
  return { terminal, written };
}

describe('progress', () => {
  it('is a line every ten seconds where there is no terminal', () => {
    const { terminal, written } = terminalWith({});
    let now = 0;
    const progress = createProgress(terminal, 'docs', () => now);
    for (; now <= 25_000; now += 500) progress.update(at(now / 2500, now * 400));
    progress.end();
    expect(written.stderr.trim().split('\n')).toEqual([
      'docs: 4/10 files, 4.0 MB of 10.0 MB, 400 kB/s, 15 s left',
      'docs: 8/10 files, 8.0 MB of 10.0 MB, 400 kB/s, 5.0 s left',
    ]);
    expect(written.stdout).toBe('');
  });

  it('is a bar on a terminal, which is taken away at the end', () => {
    const { terminal, written } = terminalWith({ isTTY: true });
    const progress = createProgress(terminal, 'docs', () => 1000);
    progress.update(at(5, 5_000_000));
    expect(written.stderr).toContain('[##########..........] docs: 5/10 files');
    progress.end();
    expect(written.stderr.endsWith('\r\u001b[K')).toBe(true);
  });

  it('is events on stdout with --json, and nothing with --quiet', () => {
    const json = terminalWith({ json: true });
    createProgress(json.terminal, 'docs', () => 1000).update(at(5, 5));
    expect(JSON.parse(json.written.stdout)).toMatchObject({
      event: 'progress',
      pair: 'docs',
      filesDone: 5,
    });
    const quiet = terminalWith({ isTTY: true, quiet: true });
    createProgress(quiet.terminal, 'docs', () => 1000).update(at(5, 5));
    expect(quiet.written).toEqual({ stdout: '', stderr: '' });
  });

  it('names the phase while nothing is transferred', () => {
    expect(progressLine('docs', { ...at(0, 0), phase: 'comparing' }, 0)).toBe('docs: comparing');
  });
});

describe('text for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_999, '1.0 MB'],
    [123_456_789, '123 MB'],
    [5e15, '5.0 PB'],
  ])('shows %i bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [400, '0.4 s'],
    [59_400, '59 s'],
    [185_000, '3 m 05 s'],
    [7_800_000, '2 h 10 m'],
    [200_000_000, '2 d 7 h'],
  ])('shows %i ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('shows an interval as the flag takes it', () => {
    expect([formatInterval(900_000), formatInterval(5_400_000)]).toEqual(['15m', '1h30m']);
  });

  it('lets no name of a file steer the terminal or hide its end', () => {
    expect(printable('a\u001b[2Jb\n\u202egpj.exe')).toBe('a\\u001b[2Jb\\u000a\\u202egpj.exe');
    expect(printable('Überraschung 日本 🎉')).toBe('Überraschung 日本 🎉');
  });
});

describe('tables', () => {
  it('stay aligned with names of other scripts, combining marks and emoji', () => {
    const table = formatTable([
      ['日本', '|'],
      ['e\u0301', '|'],
      ['😀 ok', '|'],
    ]);
    expect(table).toBe('日本   |\ne\u0301      |\n😀 ok  |\n');
  });
});
