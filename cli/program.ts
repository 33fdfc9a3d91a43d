import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { toFerryError } from '../core/model/errors.ts';
import { resolveHome } from '../daemon/home.ts';
import { type CommandSpec, type FlagSpec, type FlagValues, GLOBAL_FLAGS } from './command-spec.ts';
import { COMMANDS } from './command-table.ts';
import type { Context } from './context.ts';
import { EXIT, exitCodeOfError } from './exit-codes.ts';
import { complainAbout } from './report-error.ts';
import { createTerminal, type Sink, type Terminal } from './terminal.ts';

/** The world around one call of the program. */
export interface World {
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly version: string;
  readonly signal: AbortSignal;
}

function optionOf({ flags, summary, repeatable, choices }: FlagSpec): Option {
  const option = new Option(flags, summary);
  if (choices !== undefined) option.choices([...choices]);
  if (repeatable)
    option.argParser((value: string, before: readonly string[] | undefined) => [
      ...(Array.isArray(before) ? before : []),
      value,
    ]);
  return option;
}

/** Returns where a command's words lead, making the groups on the way. */
function parentOf(program: Command, words: readonly string[]): Command {
  return words.reduce<Command>(
    (parent, word, index) =>
      parent.commands.find((command) => command.name() === word) ??
      withGlobalFlags(
        parent
          .command(word)
          .description(GROUPS[words.slice(0, index + 1).join(' ')] ?? '')
          .copyInheritedSettings(program)
          .enablePositionalOptions(),
      ),
    program,
  );
}

function withGlobalFlags(command: Command): Command {
  for (const flag of GLOBAL_FLAGS) command.addOption(optionOf(flag).hideHelp());
  return command;
}

const GROUPS: Readonly<Record<string, string>> = {
  remote: 'servers and folders that have a name',
  pair: 'folders that are kept in step',
  plan: 'what a guard has stopped',
  daemon: 'what runs in the background',
  'serve users': 'who may use the server',
  'serve tokens': 'passwords for single devices',
};

type GlobalValues = {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
  readonly yes?: boolean;
  readonly config?: string;
};

function contextOf(world: World, flags: FlagValues): { context: Context; terminal: Terminal } {
  const { NO_COLOR, TERM } = world.environment;
  const { json, quiet, color, config, yes, verbose } = flags as GlobalValues;
  const terminal = createTerminal({
    stdout: world.stdout,
    stderr: world.stderr,
    json: json === true,
    quiet: quiet === true,
    color:
      color !== false &&
      (NO_COLOR === undefined || NO_COLOR === '') &&
      TERM !== 'dumb' &&
      world.stdout.isTTY === true,
  });
  const configFile = config === undefined ? undefined : resolve(world.cwd, config);
  const context: Context = {
    terminal,
    environment: world.environment,
    cwd: world.cwd,
    home: resolveHome(world.environment, configFile === undefined ? {} : { configFile }),
    yes: yes === true,
    verbose: verbose === true,
    configFile,
    signal: world.signal,
  };
  return { context, terminal };
}

function addCommand(
  program: Command,
  spec: CommandSpec,
  onRun: (spec: CommandSpec, args: readonly string[], command: Command) => Promise<void>,
): void {
  const words = spec.name.split(' ');
  const command = parentOf(program, words.slice(0, -1)).command(words.at(-1) ?? '');
  // What follows a word such as `users` in `serve users add` is that command's, also where both have such a flag.
  command.copyInheritedSettings(program).enablePositionalOptions().description(spec.summary);
  if (spec.args !== undefined) command.arguments(spec.args);
  for (const flag of spec.flags ?? []) command.addOption(optionOf(flag));
  withGlobalFlags(command);
  command.action(async () => onRun(spec, command.args, command));
}

/** Runs one call of the program and returns its exit code. */
export async function runProgram(world: World): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command('ferry')
    .description('A virtual drive and filesystem-integrated sync client.')
    .version(world.version, '--version', 'print the version')
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError('(see ferry COMMAND --help)')
    .configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(text.replace(/^error: /, 'ferry: ')),
    });
  for (const flag of GLOBAL_FLAGS) program.addOption(optionOf(flag));
  for (const spec of COMMANDS)
    addCommand(program, spec, async ({ load }, args, command) => {
      refuseStrayFlags(command);
      const all = globalFlags(command);
      const { context, terminal } = contextOf(world, all);
      try {
        const run = await load();
        exitCode = await run(context, args, ownFlags(spec, command));
      } catch (caught) {
        const error = toFerryError(caught);
        if (world.signal.aborted && error.code === 'ABORTED') exitCode = EXIT.interrupted;
        else {
          complainAbout(terminal, error);
          if (context.verbose && error.stack !== undefined) terminal.note(error.stack);
          exitCode = exitCodeOfError(error);
        }
      }
    });
  try {
    await program.parseAsync([...world.argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    if (world.argv.includes('--json')) {
      const message = error.message.replace(/^error: /, '');
      world.stdout.write(`${JSON.stringify({ error: { code: 'CONFIG_INVALID', message } })}\n`);
    }
    return EXIT.usage;
  }
  return exitCode;
}

/** Returns the flags that stand before, between or after the words of a command; the later ones count. */
function globalFlags(command: Command): FlagValues {
  const above = command.parent === null ? {} : globalFlags(command.parent);
  return { ...above, ...definedOf(command.opts()) };
}

/** A flag of `serve` between the words of `serve users add` would go unheeded. */
function refuseStrayFlags(command: Command): void {
  const globals = new Set(GLOBAL_FLAGS.map((flag) => optionOf(flag).attributeName()));
  for (let above = command.parent; above !== null; above = above.parent)
    for (const name of Object.keys(above.opts()))
      if (!globals.has(name) && above.getOptionValueSource(name) === 'cli')
        command.error(`error: the flags of ${command.name()} stand after it`);
}

/** A global flag may stand before the command or after it; `--no-color` alone has a default to look past. */
function definedOf(values: FlagValues): FlagValues {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([name, value]) => value !== undefined && !(name === 'color' && value === true),
    ),
  );
}

function ownFlags(spec: CommandSpec, command: Command): FlagValues {
  const own = new Set((spec.flags ?? []).map((flag) => optionOf(flag).attributeName()));
  return Object.fromEntries(
    Object.entries(command.opts() as FlagValues).filter(
      ([name]) => own.has(name) && command.getOptionValueSource(name) !== 'default',
    ),
  );
}
