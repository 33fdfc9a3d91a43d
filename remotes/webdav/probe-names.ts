import { FerryError } from '../../core/model/errors.ts';
import { childPath, parseSyncPath, type SyncPath } from '../../core/model/path.ts';
import { ODD_NAMES } from './listable.ts';
import type { ProbeDesk } from './probe-desk.ts';
import type { ProbeResult } from './probe-result.ts';

/** What was found out about names. */
export type NameAbilities = Pick<
  ProbeResult,
  'listsDotNames' | 'caseSensitive' | 'maxNameBytes' | 'unusableNames'
>;

const NAME_LENGTHS: readonly number[] = [255, 200, 143];
const SHORTEST_LIMIT = 100;

/** Tries which names come back as they were sent. */
export async function probeNames(desk: ProbeDesk, parent: SyncPath): Promise<NameAbilities> {
  const directory = childPath(parent, 'names');
  desk.requests += 1;
  await desk.session.status(directory, { method: 'MKCOL', isCollection: true, accept: [200, 201] });
  const at = (name: string): SyncPath => childPath(directory, parseSyncPath(name));

  const odd = ODD_NAMES.map(({ name }) => name);
  const tried = [...odd, 'case', '.dot'];
  for (const name of tried) await putQuietly(desk, at(name));
  const caseSensitive = (await desk.look(at('CASE'))) === null;
  const maxNameBytes = await longest(desk, at);
  const there = (await desk.paths(directory, '1')) ?? new Set<SyncPath>();
  return {
    listsDotNames: there.has(at('.dot')),
    caseSensitive,
    maxNameBytes,
    unusableNames: odd.filter((name) => !there.has(at(name))),
  };
}

async function longest(desk: ProbeDesk, at: (name: string) => SyncPath): Promise<number> {
  for (const length of NAME_LENGTHS)
    if (await putQuietly(desk, at('n'.repeat(length)))) return length;
  return SHORTEST_LIMIT;
}

/** Writes an empty file; a server that cuts the connection over a name refuses the name. */
async function putQuietly(desk: ProbeDesk, path: SyncPath): Promise<boolean> {
  try {
    return (await desk.try('PUT', path, {}, '')).isDone;
  } catch (error) {
    if (error instanceof FerryError && error.code === 'REMOTE_PROTOCOL') return false;
    throw error;
  }
}
