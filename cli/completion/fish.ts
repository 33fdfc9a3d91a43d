import type { CommandSpec } from '../command-spec.ts';
import {
  type CommandWords,
  longFlagOf,
  NAME_COMMANDS,
  quoted,
  takesValue,
} from './command-words.ts';

const COMPLETE = 'complete -c ferry';

function argumentsOf({ completes }: CommandSpec, condition: string): readonly string[] {
  if (completes === undefined) return [];
  if (completes === 'files') return [`${COMPLETE} -n ${condition} -F`];
  const words =
    completes === 'pairs' || completes === 'remotes'
      ? `(${NAME_COMMANDS[completes]})`
      : completes.join(' ');
  return [`${COMPLETE} -n ${condition} -a ${quoted(words)}`];
}

function linesOf(spec: CommandSpec): readonly string[] {
  const seen = spec.name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const condition = quoted(seen.join('; and '));
  const flags = (spec.flags ?? []).map((flag) => {
    const value = takesValue(flag) ? ' -r' : '';
    const long = longFlagOf(flag).slice(2);
    return `${COMPLETE} -n ${condition} -l ${long}${value} -d ${quoted(flag.summary)}`;
  });
  return [...flags, ...argumentsOf(spec, condition)];
}

/** Returns the completion script for fish. */
export function fishCompletion(words: CommandWords): string {
  const first = words
    .next()
    .map(
      (word) =>
        `${COMPLETE} -n __fish_use_subcommand -a ${word} -d ${quoted(words.summaryOf(word))}`,
    );
  const second = words.groups.flatMap((group) => {
    const own = words.next(group);
    const condition = quoted(
      `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${own.join(' ')}`,
    );
    return own.map(
      (word) =>
        `${COMPLETE} -n ${condition} -a ${word} -d ${quoted(words.summaryOf(`${group} ${word}`))}`,
    );
  });
  const lines = [...first, ...second, ...words.commands.flatMap(linesOf)];
  return `# Completion of ferry for fish: ferry completion fish | source
${COMPLETE} -f
${lines.join('\n')}
`;
}
