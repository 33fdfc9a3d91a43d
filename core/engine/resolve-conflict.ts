import type { Direction, Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
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

async function remove(replica: Replica, path: SyncPath): Promise<void> {
  const entry = await replica.stat(path);
  if (!entry) return;
  const expected = entry.kind === 'directory' ? 'directory' : entry.version;
  await replica.remove(path, { expected });
  await replica.flush();
}
