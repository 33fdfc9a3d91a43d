import type { Direction, Entry, Side } from '../model/entry.ts';
import { isAtOrBelow, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import type { Replica } from '../ports.ts';

/**
 * Carries out the user's choice on the side that holds both versions; the next run brings it to the other one.
 * `both` keeps the two files as they are. A version that is gone already is no error.
 * @throws CHANGED when a file changes meanwhile
 */
export async function resolveConflict(
  conflict: Conflict,
  keep: 'local' | 'remote' | 'both',
  replicas: Readonly<Record<Side, Replica>>,
  direction: Direction,
): Promise<void> {
  if (keep === 'both') return;
  const replica = replicas[direction === 'local-to-remote' ? 'remote' : 'local'];
  const copy = await replica.stat(conflict.copyPath);
  if (!copy) return;
  const expected = copy.kind === 'directory' ? 'directory' : copy.version;
  if (keep !== conflict.copyFrom) {
    await remove(replica, conflict.copyPath);
    return;
  }
  await remove(replica, conflict.path);
  await replica.move(conflict.copyPath, conflict.path, { expected });
  await replica.flush();
}

/** Removes what is at the path; a directory with everything in it. */
async function remove(replica: Replica, path: SyncPath): Promise<void> {
  const entry = await replica.stat(path);
  if (!entry) return;
  const doomed = entry.kind === 'directory' ? await entriesBelow(replica, path) : [];
  for (const each of [entry, ...doomed].reverse()) {
    const expected = each.kind === 'directory' ? 'directory' : each.version;
    await replica.remove(each.path, { expected });
  }
  await replica.flush();
}

/** Returns what is below a directory, parents first. @throws FerryError when some of it cannot be seen */
async function entriesBelow(replica: Replica, directory: SyncPath): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const batch of replica.observe())
    for (const observation of batch) {
      const path = observation.type === 'entry' ? observation.entry.path : observation.path;
      if (path === directory || !isAtOrBelow(path, directory)) continue;
      if (observation.type === 'problem') throw observation.error;
      found.push(observation.entry);
    }
  return found;
}
