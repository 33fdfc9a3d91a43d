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
  const cases = words.commands.map((spec) => {
    const flags = [...new Set(flagsOf(spec).map(longFlagOf))].join(' ');
    return `    "${spec.name}") COMPREPLY=($(compgen -W "${flags}" -- "$cur")); ${argumentsOf(spec)} ;;`;
  });
  const groups = words.groups.map(
    (group) =>
      `    "${group}") COMPREPLY=($(compgen -W "${words.next(group).join(' ')}" -- "$cur")) ;;`,
  );
  return `# Completion of ferry for bash: source <(ferry completion bash)
_ferry() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) continue ;; esac
    case "$command" in
      "") command=$word ;;
      ${words.groups.join('|')}) command="$command $word" ;;
    esac
  done
  COMPREPLY=()
  case "$command" in
    "") COMPREPLY=($(compgen -W "${words.next().join(' ')} --help --version" -- "$cur")) ;;
${[...groups, ...cases].join('\n')}
  esac
}
complete -F _ferry ferry
`;
}
