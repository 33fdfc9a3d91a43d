import { type CommandSpec, type FlagSpec, GLOBAL_FLAGS } from '../command-spec.ts';

/** The command table, as completion scripts look at it. */
export interface CommandWords {
  readonly commands: readonly CommandSpec[];
  /** Every command and every beginning of one: `pair`, `pair add`, `serve`, `serve users`, … */
  readonly places: readonly Place[];
  /** The words that may follow those in `prefix`. */
  next(...prefix: readonly string[]): readonly string[];
  summaryOf(name: string): string;
}

/** Words that a line may begin with. */
export interface Place {
  readonly name: string;
  /** The command of that name; undefined where another word has to follow. */
  readonly spec: CommandSpec | undefined;
  /** The words that may follow. */
  readonly next: readonly string[];
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
  const beginnings = names.flatMap((words) => words.map((_, end) => words.slice(0, end + 1)));
  return {
    commands,
    places: [...new Set(beginnings.map((words) => words.join(' ')))].map((name) => ({
      name,
      spec: commands.find((spec) => spec.name === name),
      next: next(...name.split(' ')),
    })),
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
