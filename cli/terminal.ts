import { printable } from './format.ts';

/** Where text goes; process.stdout and process.stderr, or a test's. */
export interface Sink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface TerminalOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
}

/** Data to stdout, everything else to stderr. */
export interface Terminal extends TerminalOptions {
  /** Text for people; nothing with --json. */
  text(text: string): void;
  /** One JSON value on a line of its own; nothing without --json. */
  document(value: unknown): void;
  /** Something worth knowing; nothing with --quiet. */
  note(text: string): void;
  /** What failed, about what, and what to do. */
  complain(text: string): void;
  bold(text: string): string;
}

/** Writes bigints as numbers' texts, which JSON has no other form for. */
function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Returns the terminal of one command. */
export function createTerminal(options: TerminalOptions): Terminal {
  const { stdout, stderr, json, quiet, color } = options;
  return {
    ...options,
    text: (text) => {
      if (!json) stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    document: (value) => {
      if (json) stdout.write(`${JSON.stringify(value, jsonValue)}\n`);
    },
    note: (text) => {
      if (!quiet) stderr.write(`${printable(text)}\n`);
    },
    complain: (text) => {
      stderr.write(`ferry: ${printable(text)}\n`);
    },
    bold: (text) => (color ? `\u001b[1m${text}\u001b[22m` : text),
  };
}
