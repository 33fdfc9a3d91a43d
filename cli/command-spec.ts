import type { Context } from './context.ts';

/** Values of flags as the parser gives them. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface CommandAction {
  // A method, so that each command may say more exactly which flags it takes.
  run(context: Context, args: readonly string[], flags: FlagValues): Promise<number>;
}

export interface FlagSpec {
  /** As commander takes it: `-f, --follow`, `--every <time>`, `--no-tls`. */
  readonly flags: string;
  readonly summary: string;
  readonly repeatable?: boolean;
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  /** Words of the command: `pair add`. */
  readonly name: string;
  /** As commander takes them: `<local> <remote>`, `[pairs...]`. */
  readonly args?: string;
  readonly summary: string;
  readonly flags?: readonly FlagSpec[];
  /** What completion offers for the arguments. */
  readonly completes?: 'pairs' | 'remotes' | 'files' | readonly string[];
  /** Loads the command's code; no command pays for another. */
  readonly load: () => Promise<CommandAction['run']>;
}

/** Flags of every command. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  { flags: '--json', summary: 'one JSON document, or one event a line' },
  { flags: '-q, --quiet', summary: 'only data and errors' },
  { flags: '-v, --verbose', summary: 'say everything' },
  { flags: '--no-color', summary: 'no colours (also NO_COLOR)' },
  { flags: '-y, --yes', summary: 'yes to every question' },
  { flags: '--config <file>', summary: 'another configuration file' },
];
