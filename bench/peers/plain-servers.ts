import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { ServerKind } from '../../test/support/servers/real-server.ts';
import type { Command } from '../processes.ts';

const FERRY = resolve('ferry');

/** Ferry's client against a server that is not its own. */
export function ferryAgainst(url: string, local: string, state: string): Command {
  const env = { FERRY_HOME: join(state, 'home') };
  execFileSync(FERRY, ['remote', 'add', 'bench', url], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  return {
    command: FERRY,
    args: ['sync', local, 'bench', '--direction', 'local-to-remote', '--allow-deletes', '-q'],
    env,
  };
}

/** What a client of sixteen connections without any pauses would need at the least: 3.2 requests for each file. */
export function unpacedClientS(files: number, roundTripMs: number): number {
  return (files * 3.2 * roundTripMs) / 16 / 1000;
}

/** Name for a table. */
export function shortName({ name }: ServerKind): string {
  return `ferry to ${name}`;
}
