import { appendFileSync, readFileSync } from 'node:fs';

/** One line of what a program did: before the operation, and after it was told that it is done. */
export interface FuzzLine {
  readonly step: 'begin' | 'done';
  readonly at: string;
  readonly what: string;
  /** Hash of the content that it wrote; every one is unique. */
  readonly wrote?: string;
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
  /** Contents that a program replaced or removed knowingly. */
  readonly replaced: ReadonlySet<string>;
}

/** Reads the logs of several programs. */
export function readFuzzLogs(files: readonly string[]): FuzzWrites {
  const written = new Map<string, string>();
  const replaced = new Set<string>();
  let operations = 0;
  for (const file of files)
    for (const text of readFileSync(file, 'utf8').split('\n')) {
      if (text === '') continue;
      const line = JSON.parse(text) as FuzzLine;
      for (const hash of line.replaced) replaced.add(hash);
      if (line.step === 'begin') continue;
      operations += 1;
      if (line.wrote !== undefined) written.set(line.wrote, `${line.what} at ${line.at}`);
    }
  return { operations, written, replaced };
}
