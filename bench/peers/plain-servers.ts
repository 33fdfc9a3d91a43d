import { join, resolve } from 'node:path';
import type { ServerKind } from '../../test/support/servers/real-server.ts';
import { type Command, runToEnd } from '../processes.ts';

const FERRY = resolve('ferry');

/** Ferry's client against a server that is not its own. */
export async function ferryAgainst(url: string, local: string, state: string): Promise<Command> {
  const env = { FERRY_HOME: join(state, 'home') };
  await runToEnd({ command: FERRY, args: ['remote', 'add', 'bench', url], env });
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
