import { type CommandSpec, type FlagSpec, GLOBAL_FLAGS } from '../command-spec.ts';

/** The command table, as completion scripts look at it. */
export interface CommandWords {
  readonly commands: readonly CommandSpec[];
  /** First words that need a second one: `pair`, `daemon`. */
  readonly groups: readonly string[];
  /** The words that may follow those in `prefix`. */
  next(...prefix: readonly string[]): readonly string[];
  summaryOf(name: string): string;
}

/** Returns the words of a command table. */
export function commandWords(commands: readonly CommandSpec[]): CommandWords {
  const names = commands.map(({ name }) => name.split(' '));
  const next = (...prefix: readonly string[]) => {
    const below = names.filter(
      (words) =>
        words.length > prefix.length && prefix.every((word, index) => words[index] === word),
    );
    return [...new Set(below.map((words) => words[prefix.length] ?? ''))];
  };
  return {
    commands,
    groups: next().filter((word) => next(word).length > 0),
    next,
    summaryOf: (name) => commands.find((spec) => spec.name === name)?.summary ?? '',
  };
}

/** Returns the flags of a command, those of every command included. */
export function flagsOf(spec: CommandSpec): readonly FlagSpec[] {
  return [...(spec.flags ?? []), ...GLOBAL_FLAGS];
}

/** Returns `--long` of a flag. */
export function longFlagOf({ flags }: FlagSpec): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? '';
}

/** Tells whether a value follows the flag. */
export function takesValue({ flags }: FlagSpec): boolean {
  return flags.includes('<');
}

/** Shell commands that print names; the program is asked, so that they are what is configured now. */
export const NAME_COMMANDS = {
  pairs: 'ferry pair list 2>/dev/null | cut -d" " -f1',
  remotes: 'ferry remote list 2>/dev/null | cut -d" " -f1',
} as const;

/** Returns `text` as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
