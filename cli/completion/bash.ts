import type { CommandSpec } from '../command-spec.ts';
import { type CommandWords, flagsOf, longFlagOf, NAME_COMMANDS } from './command-words.ts';

function argumentsOf({ completes }: CommandSpec): string {
  if (completes === undefined) return '';
  if (completes === 'files') return `COMPREPLY+=($(compgen -f -- "$cur")); compopt -o filenames`;
  const words =
    completes === 'pairs' || completes === 'remotes'
      ? `$(${NAME_COMMANDS[completes]})`
      : completes.join(' ');
  return `COMPREPLY+=($(compgen -W "${words}" -- "$cur"))`;
}

/** Returns the completion script for bash. */
export function bashCompletion(words: CommandWords): string {
  const cases = words.places.map(({ name, spec, next }) => {
    const flags = spec === undefined ? [] : flagsOf(spec).map(longFlagOf);
    const offered = [...new Set([...next, ...flags])].join(' ');
    const others = spec === undefined ? '' : argumentsOf(spec);
    return `    "${name}") COMPREPLY=($(compgen -W "${offered}" -- "$cur")); ${others} ;;`;
  });
  const known = words.places.map(({ name }) => `"${name}"`).join('|');
  return `# Completion of ferry for bash: source <(ferry completion bash)
_ferry() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) continue ;; esac
    case "\${command:+$command }$word" in
      ${known}) command="\${command:+$command }$word" ;;
    esac
  done
  COMPREPLY=()
  case "$command" in
    "") COMPREPLY=($(compgen -W "${words.next().join(' ')} --help --version" -- "$cur")) ;;
${cases.join('\n')}
  esac
}
complete -F _ferry ferry
`;
}
