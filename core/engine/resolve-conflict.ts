import type { Direction, Entry, Side } from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import { isAtOrBelow, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import type { Replica } from '../ports.ts';

/** Which version of which conflicts to keep. */
export interface ConflictChoice {
  readonly keep: 'local' | 'remote' | 'both';
  /** Of either file of a conflict, or of a directory with all conflicts in it. */
  readonly paths: readonly SyncPath[] | 'all';
  /** Only says what would be done. */
  readonly dryRun?: boolean;
}

/** What was done about one conflict, or would be. */
export interface ConflictOutcome {
  readonly conflict: Conflict;
  readonly keep: ConflictChoice['keep'];
  /** Where it was done. */
  readonly side: Side;
  /** What was removed; a folder keeps it in its version store. */
  readonly dropped?: SyncPath;
  readonly renamed?: { readonly from: SyncPath; readonly to: SyncPath };
  /** Why it was not done; the conflict stays. */
  readonly error?: { readonly code: string; readonly message: string };
}

type Replicas = Readonly<Record<Side, Replica>>;

/** Returns the side that holds both versions: the destination, or the local side of a two-way pair. */
export function sideOfBoth(direction: Direction): Side {
  return direction === 'local-to-remote' ? 'remote' : 'local';
}

/**
 * Returns the conflicts that a choice is about: those at its paths (either file's), those below its directories, or all.
 * @throws CONFIG_INVALID for a path at and below which there is none
 */
export function chosenConflicts(
  known: readonly Conflict[],
  paths: readonly SyncPath[] | 'all',
): readonly Conflict[] {
  if (paths === 'all') return known;
  const isAt = (path: SyncPath) => (conflict: Conflict) =>
    isAtOrBelow(conflict.path, path) || isAtOrBelow(conflict.copyPath, path);
  for (const path of paths)
    if (!known.some(isAt(path)))
      throw new FerryError('CONFIG_INVALID', `${path}: no conflict is known at this path`, {
        path,
      });
  return known.filter((conflict) => paths.some((path) => isAt(path)(conflict)));
}

/**
 * Carries out the user's choice on the side that holds both versions; the next run brings it to the other one, if it
 * is to have it. `both` keeps the two files as they are. A version that is gone already is no error.
 */
export async function resolveConflict(
  conflict: Conflict,
  { keep, dryRun }: Pick<ConflictChoice, 'keep' | 'dryRun'>,
  replicas: Replicas,
  direction: Direction,
): Promise<ConflictOutcome> {
  const side = sideOfBoth(direction);
  const { path, copyPath, copyFrom } = conflict;
  const outcome: ConflictOutcome = { conflict, keep, side };
  if (keep === 'both') return outcome;
  const dropped = keep === copyFrom ? path : copyPath;
  const renamed = keep === copyFrom ? { renamed: { from: copyPath, to: path } } : {};
  try {
    const replica = replicas[side];
    const copy = await replica.stat(copyPath);
    if (!copy) return outcome;
    if (!dryRun) {
      await remove(replica, dropped);
      const expected = copy.kind === 'directory' ? 'directory' : copy.version;
      if (keep === copyFrom) await replica.move(copyPath, path, { expected });
      await replica.flush();
    }
    return { ...outcome, dropped, ...renamed };
  } catch (caught) {
    const { code, message } = toFerryError(caught, path);
    return { ...outcome, error: { code, message } };
  }
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
