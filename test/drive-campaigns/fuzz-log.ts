import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';

/** One line of what a program did: before the operation, and after it was told that it is done. */
export interface FuzzLine {
  readonly step: 'begin' | 'done';
  readonly at: string;
  readonly what: string;
  /** Hash of the content that it wrote; every one is unique. */
  readonly wrote?: string;
  /** Hash of what it read as a whole: some program has written just that. */
  readonly read?: string;
  /** Hashes of what it found and replaced or removed: nobody has to keep these for it. */
  readonly replaced: readonly string[];
}

/** Appends to the log, in one write. */
export function noteLine(file: string, line: FuzzLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** What the logs of all programs say together. */
export interface FuzzWrites {
  readonly operations: number;
  /** Every content that was written completely, and by what. */
  readonly written: ReadonlyMap<string, string>;
  /** Contents that were read and that nobody has written, and what read them: parts of several versions, say. */
  readonly foreign: ReadonlyMap<string, string>;
  /** Contents that a program replaced or removed knowingly. */
  readonly replaced: ReadonlySet<string>;
}

function linesOf(file: string): readonly FuzzLine[] {
  const texts = readFileSync(file, 'utf8').split('\n');
  return texts.filter((text) => text !== '').map((text) => JSON.parse(text) as FuzzLine);
}

/** Reads the logs of several programs. */
export function readFuzzLogs(files: readonly string[]): FuzzWrites {
  const written = new Map<string, string>();
  const replaced = new Set<string>();
  const read = new Map<string, string>();
  // Who writes a file in place has made it empty before.
  const begun = new Set([createHash('sha256').digest('hex')]);
  let operations = 0;
  for (const line of files.flatMap(linesOf)) {
    for (const hash of line.replaced) replaced.add(hash);
    if (line.wrote !== undefined) begun.add(line.wrote);
    if (line.step === 'begin') continue;
    operations += 1;
    if (line.read !== undefined) read.set(line.read, `${line.what} at ${line.at}`);
    if (line.wrote !== undefined) written.set(line.wrote, `${line.what} at ${line.at}`);
  }
  const foreign = new Map([...read].filter(([hash]) => !begun.has(hash)));
  return { operations, written, replaced, foreign };
}
