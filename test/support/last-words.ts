import type { ChildProcess } from 'node:child_process';

const KEPT_LINES = 50;
const KEPT_CHARACTERS = 65_536;

/** Returns the last lines of what a program said, indented for a message about its end. */
export function lastLines(said: string): string {
  const lines = said.trimEnd().split('\n').slice(-KEPT_LINES);
  return lines[0] === '' ? '' : lines.map((line) => `\n  ${line}`).join('');
}

/** What a child says on stderr: it is passed on, and its end is kept for a message about how the child ended. */
export class LastWords {
  #said = '';

  constructor({ stderr }: ChildProcess) {
    stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      this.#said = `${this.#said}${chunk.toString()}`.slice(-KEPT_CHARACTERS);
    });
  }

  /** Says with what the child ended, and what it said last. */
  of(code: number | null, signal: NodeJS.Signals | null): string {
    return `${signal ?? `exit code ${code}`}${lastLines(this.#said)}`;
  }
}
