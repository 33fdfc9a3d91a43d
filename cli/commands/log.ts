import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../format.ts';

const TAIL_BYTES = 64_000;
const DEFAULT_LINES = 50;
const LOOK_MS = 300;

/** Returns one JSON line of the log as people read it. */
export function readableLine(line: string): string {
  try {
    const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const more = Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    return printable([time, String(level).padEnd(5), message, ...more].join(' '));
  } catch {
    return printable(line);
  }
}

function readFrom(path: string, position: number): { readonly text: string; readonly end: number } {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = Math.min(position, size);
    const buffer = Buffer.alloc(Math.min(size - start, 1_000_000));
    const bytes = readSync(fd, buffer, 0, buffer.length, start);
    return { text: buffer.toString('utf8', 0, bytes), end: start + bytes };
  } finally {
    closeSync(fd);
  }
}

/** `ferry log [-f]`: the end of the daemon's log. */
export async function run(
  context: Context,
  _args: readonly string[],
  flags: { readonly follow?: boolean },
): Promise<number> {
  const { terminal, home, signal } = context;
  const print = (text: string) => {
    for (const line of text.split('\n'))
      if (line !== '') terminal.stdout.write(`${terminal.json ? line : readableLine(line)}\n`);
  };
  if (!existsSync(home.logFile)) {
    terminal.note(`ferry: there is no log yet (${home.logFile})`);
    if (!flags.follow) return EXIT.ok;
  }
  let position = 0;
  if (existsSync(home.logFile)) {
    const { size } = statSync(home.logFile);
    const { text, end } = readFrom(home.logFile, Math.max(0, size - TAIL_BYTES));
    const whole = size > TAIL_BYTES ? text.slice(text.indexOf('\n') + 1) : text;
    print(whole.trimEnd().split('\n').slice(-DEFAULT_LINES).join('\n'));
    position = end;
  }
  while (flags.follow && !signal.aborted) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    if (!existsSync(home.logFile)) continue;
    // A file that is shorter than what was read is a new one: the log was rotated.
    if (statSync(home.logFile).size < position) position = 0;
    const { text } = readFrom(home.logFile, position);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    print(whole);
    position += Buffer.byteLength(whole);
  }
  return EXIT.ok;
}
