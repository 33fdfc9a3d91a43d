import type { CommandSpec } from '../command-spec.ts';
import { bashCompletion } from '../completion/bash.ts';
import { type CommandWords, commandWords } from '../completion/command-words.ts';
import { fishCompletion } from '../completion/fish.ts';
import { zshCompletion } from '../completion/zsh.ts';
import { type Context, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

const SHELLS: ReadonlyMap<string, (words: CommandWords) => string> = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
]);

/** `ferry completion SHELL`: prints a script made from the command table. */
export function printCompletion(
  context: Context,
  args: readonly string[],
  commands: readonly CommandSpec[],
): number {
  const [shell = ''] = args;
  const script = SHELLS.get(shell);
  if (script === undefined) throw usage(`completion: expected bash, zsh or fish, found ${shell}`);
  context.terminal.stdout.write(script(commandWords(commands)));
  return EXIT.ok;
}
