import type { CommandSpec } from '../command-spec.ts';
import {
  type CommandWords,
  flagsOf,
  longFlagOf,
  NAME_COMMANDS,
  quoted,
  takesValue,
} from './command-words.ts';

function argumentsOf({ completes }: CommandSpec): string {
  if (completes === undefined) return '';
  if (completes === 'files') return `'*:file:_files'`;
  if (completes === 'pairs' || completes === 'remotes')
    return `"*:name:($(${NAME_COMMANDS[completes].replaceAll('"', "'")}))"`;
  return `'*:word:(${completes.join(' ')})'`;
}

function flagsAndArguments(spec: CommandSpec): string {
  const flags = flagsOf(spec).map((flag) => {
    const summary = flag.summary.replace(/[[\]:]/g, ' ');
    return quoted(`${longFlagOf(flag)}[${summary}]${takesValue(flag) ? ':value:' : ''}`);
  });
  return `_arguments ${[...flags, argumentsOf(spec)].join(' ')}`;
}

/** Returns the completion script for zsh. */
export function zshCompletion(words: CommandWords): string {
  const described = (...prefix: readonly string[]) =>
    words
      .next(...prefix)
      .map((word) => {
        const summary = words.summaryOf([...prefix, word].join(' '));
        return quoted(`${word}:${summary.replaceAll(':', '\\:')}`);
      })
      .join(' ');
  const cases = words.places.map(({ name, spec, next }) => {
    const choices = `choices=(${described(...name.split(' '))}); _describe command choices`;
    const steps = [
      ...(next.length === 0 ? [] : [choices]),
      ...(spec === undefined ? [] : [flagsAndArguments(spec)]),
    ];
    return `    "${name}") ${steps.join('; ')} ;;`;
  });
  const known = words.places.map(({ name }) => `"${name}"`).join('|');
  return `#compdef ferry
# Completion of ferry for zsh: source <(ferry completion zsh)
_ferry() {
  local command="" word
  local -a choices
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    case "\${command:+$command }$word" in
      ${known}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
    "") choices=(${described()}); _describe command choices ;;
${cases.join('\n')}
  esac
}
compdef _ferry ferry
`;
}
