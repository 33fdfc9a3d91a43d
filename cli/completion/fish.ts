import type { CommandSpec } from '../command-spec.ts';
import {
  type CommandWords,
  longFlagOf,
  NAME_COMMANDS,
  type Place,
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

function conditionOf({ name, next }: Place): string {
  const seen = name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const further = next.length === 0 ? [] : [`not __fish_seen_subcommand_from ${next.join(' ')}`];
  return quoted([...seen, ...further].join('; and '));
}

function linesOf(words: CommandWords, place: Place): readonly string[] {
  const { name, next, spec } = place;
  const condition = conditionOf(place);
  const following = next.map((word) => {
    const summary = quoted(words.summaryOf(`${name} ${word}`));
    return `${COMPLETE} -n ${condition} -a ${word} -d ${summary}`;
  });
  const flags = (spec?.flags ?? []).map((flag) => {
    const value = takesValue(flag) ? ' -r' : '';
    const long = longFlagOf(flag).slice(2);
    return `${COMPLETE} -n ${condition} -l ${long}${value} -d ${quoted(flag.summary)}`;
  });
  return [...following, ...flags, ...(spec === undefined ? [] : argumentsOf(spec, condition))];
}

/** Returns the completion script for fish. */
export function fishCompletion(words: CommandWords): string {
  const first = words
    .next()
    .map(
      (word) =>
        `${COMPLETE} -n __fish_use_subcommand -a ${word} -d ${quoted(words.summaryOf(word))}`,
    );
  const lines = [...first, ...words.places.flatMap((place) => linesOf(words, place))];
  return `# Completion of ferry for fish: ferry completion fish | source
${COMPLETE} -f
${lines.join('\n')}
`;
}
