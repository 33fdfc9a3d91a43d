import {
  type Direction,
  type Entry,
  type FileEntry,
  otherSide,
  type Side,
} from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import { isAtOrBelow, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import type { Displacement, Replica, WriteItem } from '../ports.ts';

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
  /** What was removed. */
  readonly dropped?: SyncPath;
  /** The side whose version store has it now; absent: none, as neither side has one. */
  readonly keptOn?: Side;
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
      await remove(dropped, side, replicas, conflict.run ?? 0);
      const expected = copy.kind === 'directory' ? 'directory' : copy.version;
      if (keep === copyFrom) await replica.move(copyPath, path, { expected });
      await replica.flush();
    }
    const keptOn = keeper(side, replicas, direction);
    return { ...outcome, dropped, ...(keptOn === null ? {} : { keptOn }), ...renamed };
  } catch (caught) {
    const { code, message } = toFerryError(caught, path);
    return { ...outcome, error: { code, message } };
  }
}

/**
 * Returns the side that keeps what is dropped: the one where it is, or the other in its place, or the other when the next
 * run removes it there, too; null: none.
 */
function keeper(side: Side, replicas: Replicas, direction: Direction): Side | null {
  if (replicas[side].versions) return side;
  const other = otherSide(side);
  const { versions } = replicas[other];
  return versions?.keep || (versions && direction === 'two-way') ? other : null;
}

/** Removes what is at the path, after it is kept; a directory with everything in it. */
async function remove(path: SyncPath, side: Side, replicas: Replicas, run: number): Promise<void> {
  const replica = replicas[side];
  const entry = await replica.stat(path);
  if (!entry) return;
  const shelf = replica.versions ? undefined : replicas[otherSide(side)].versions;
  const displacement = { cause: 'resolved', run, isOnlyCopy: false } as const;
  const doomed = entry.kind === 'directory' ? await entriesBelow(replica, path) : [];
  for (const each of [entry, ...doomed].reverse()) {
    if (each.kind === 'file') await shelf?.keep?.(versionToKeep(each, replica, displacement));
    const expected = each.kind === 'directory' ? 'directory' : each.version;
    await replica.remove(each.path, { expected, displacement });
  }
}

function versionToKeep(
  { path, version, sizeBytes, mtimeNs }: FileEntry,
  replica: Replica,
  displacement: Displacement,
): WriteItem {
  return {
    path,
    sizeBytes,
    displacement,
    expected: 'absent',
    sourceVersion: version,
    ...(mtimeNs === undefined ? {} : { mtimeNs }),
    open: async (signal) => {
      const options = { expected: version, ...(signal === undefined ? {} : { signal }) };
      return (await replica.read(path, options)).stream;
    },
  };
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
