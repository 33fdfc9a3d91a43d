import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { COMMANDS } from '../../cli/command-table.ts';
import { bashCompletion } from '../../cli/completion/bash.ts';
import { commandWords, longFlagOf } from '../../cli/completion/command-words.ts';
import { fishCompletion } from '../../cli/completion/fish.ts';
import { zshCompletion } from '../../cli/completion/zsh.ts';

const run = promisify(execFile);
const words = commandWords(COMMANDS);
const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** Returns what bash offers after `line`, with a `ferry` that knows two pairs. */
async function offered(...line: readonly string[]): Promise<readonly string[]> {
  const script = `ferry() { echo "docs  two-way"; echo "photos  two-way"; }
compopt() { :; }
${bashCompletion(words)}
COMP_WORDS=(${line.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${line.length - 1}
_ferry; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it.each(Object.entries(SCRIPTS))(
    'for %s knows every command and each of its flags',
    (_shell, make) => {
      const script = make(words);
      for (const { name, flags = [] } of COMMANDS) {
        for (const word of name.split(' ')) expect(script).toContain(word);
        for (const flag of flags) expect(script).toContain(longFlagOf(flag).replace(/^--/, ''));
      }
    },
  );

  it('offers the first words of commands in bash', async () => {
    expect(await offered('ferry', 'p')).toEqual(['pair', 'pause', 'plan', 'pin']);
  });

  it('offers the second words of a group in bash', async () => {
    expect(await offered('ferry', 'daemon', 'st')).toEqual(['start', 'stop', 'status']);
  });

  it('offers what follows a command that is also the beginning of others, in bash', async () => {
    expect(await offered('ferry', 'serve', 'u')).toEqual(['users']);
    expect(await offered('ferry', 'serve', '--json', 'users', '')).toEqual(
      expect.arrayContaining(['add', 'edit', 'remove', 'list']),
    );
    expect(await offered('ferry', 'serve', 'tokens', 'add', '--ex')).toEqual(['--expires']);
    expect(await offered('ferry', 'serve', 'folder', '--lis')).toEqual(['--listen']);
  });

  it('offers flags, and the names of the pairs there are, in bash', async () => {
    expect(await offered('ferry', 'sync', '--al')).toEqual(['--allow-deletes']);
    expect(await offered('ferry', 'sync', '--json', 'ph')).toEqual(['photos']);
    expect(await offered('ferry', 'pair', 'show', '')).toEqual(expect.arrayContaining(['docs']));
  });
});
