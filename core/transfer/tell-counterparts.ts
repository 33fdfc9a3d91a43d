import type { Entry, Side } from '../model/entry.ts';
import { otherSide } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';

/** A file that both sides hold with the same content. */
export interface EqualFile {
  readonly path: Readonly<Record<Side, SyncPath>>;
  readonly entry: Readonly<Record<Side, Entry>>;
}

/**
 * Tells replicas that are caches which version of the other side their files are equal to, and makes that durable. Runs
 * before the records are committed: a file that is recorded but not known as equal would count as changed for ever.
 */
export async function tellCounterparts(
  replicas: Readonly<Record<Side, Replica>>,
  files: readonly EqualFile[],
): Promise<void> {
  for (const side of ['local', 'remote'] as const) {
    const replica = replicas[side];
    if (!replica.noteCounterpart || files.length === 0) continue;
    for (const { path, entry } of files)
      await replica.noteCounterpart(
        path[side],
        entry[side].version,
        entry[otherSide(side)].version,
      );
    await replica.flush();
  }
}
