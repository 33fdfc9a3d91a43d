import type { Entry, Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import {
  depthOf,
  isAtOrBelow,
  parentPath,
  ROOT,
  rebasePath,
  type SyncPath,
  TEMPORARY_PREFIX,
} from '../model/path.ts';
import type { Replica, StoredVersion } from '../ports.ts';
import type { LoggedRun, RunLog, RunOperation } from '../records/run-log.ts';
import type { LocalChanges, Mover, Restoration } from './local-changes.ts';
import { type Addition, type ContentBack, planUndo, type UndoPlan } from './plan-undo.ts';

export interface UndoRequest {
  /** Number in the run log; absent: the last run. */
  readonly run?: number;
  /** Also removes what the run added on the local side. */
  readonly additions?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

type Replicas = Readonly<Record<Side, Replica>>;

/** Returns the run that is to be taken back. @throws CONFIG_INVALID when the log has none, or not this one */
export function runToUndo(log: RunLog, number: number | undefined): LoggedRun {
  const runs = log.runs().filter(({ done }) => done > 0);
  const found = number === undefined ? runs[0] : runs.find(({ run }) => run === number);
  if (found) return found;
  throw new FerryError(
    'CONFIG_INVALID',
    number === undefined
      ? 'no run is known that did anything: there is nothing to undo'
      : `run ${number} is not known any more, or did nothing: ferry undo --list shows the runs that are`,
  );
}

/** What an undo will do, after a look at what is there now. */
interface CheckedUndo {
  readonly doomed: readonly Addition[];
  readonly movers: readonly Mover[];
  readonly directories: readonly SyncPath[];
  readonly restorations: readonly Restoration[];
}

/**
 * Looks at everything that a run changed and decides what can be taken back; what changed since is refused. Carries it
 * out unless it is a dry run.
 */
export async function undo(
  run: LoggedRun,
  {
    log,
    replicas,
    changes,
    request,
  }: {
    readonly log: RunLog;
    readonly replicas: Replicas;
    readonly changes: LocalChanges;
    readonly request: UndoRequest;
  },
): Promise<void> {
  const operations: RunOperation[] = [];
  for await (const some of log.operations(run.run)) operations.push(...some);
  if (run.kept < run.done + run.failed)
    changes.refuse(
      ROOT,
      `the log has only the first ${run.kept} of the ${run.done + run.failed} steps of run ${run.run}; the others stay`,
    );
  const plan = planUndo(operations);
  const checked = await check(plan, { replicas, changes, additions: request.additions ?? false });
  if (request.dryRun) tell(checked, changes);
  else await carryOut(checked, changes, replicas.local);
}

async function check(
  plan: UndoPlan,
  options: {
    readonly replicas: Replicas;
    readonly changes: LocalChanges;
    readonly additions: boolean;
  },
): Promise<CheckedUndo> {
  const { changes, replicas } = options;
  const { local } = replicas;
  const movers: Mover[] = [];
  for (const { before, kind, now, version } of plan.moves) {
    const entry = await local.stat(now);
    const isSame = kind === 'directory' ? entry?.kind === kind : entry?.version === version;
    if (!entry || !isSame) changes.refuse(now, sinceThen(entry !== null));
    else movers.push({ kind, origin: now, target: before, at: now, version: entry.version });
  }
  const doomed = await additionsToRemove(plan, options);
  const freed = new Set([...doomed.map(({ path }) => path), ...movers.map(({ at }) => at)]);
  const restorations: Restoration[] = [];
  for (const content of plan.contents) {
    const one = await restorationOf(content, freed, options);
    if (one) restorations.push(one);
  }
  const directories: SyncPath[] = [];
  for (const path of plan.directories)
    if ((await local.stat(path))?.kind !== 'directory' || freed.has(path)) directories.push(path);
  restorations.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { doomed, movers, directories, restorations };
}

function sinceThen(isThere: boolean): string {
  return isThere
    ? 'it was changed since; it stays as it is'
    : 'it is not there any more, so it is left out';
}

/** Additions go when the user says so, or when something that comes back needs their name. */
async function additionsToRemove(
  plan: UndoPlan,
  { additions, changes, replicas }: Parameters<typeof check>[1],
): Promise<readonly Addition[]> {
  const needed = new Set<SyncPath>();
  for (const { before } of plan.moves) needed.add(before);
  for (const { now, path } of plan.contents) if (now === null) needed.add(path);
  const remade = new Set(plan.directories);
  const isInTheWay = ({ kind, path }: Addition): boolean => {
    if (kind !== 'directory' && remade.has(path)) return true;
    for (let above = path; above !== ROOT; above = parentPath(above))
      if (needed.has(above)) return true;
    return false;
  };
  const doomed: Addition[] = [];
  for (const addition of plan.additions) {
    const { kind, path, side, version } = addition;
    if (!isInTheWay(addition) && !(additions && side === 'local')) continue;
    const entry = await replicas.local.stat(path);
    if (!entry) continue;
    const isSame = kind === 'directory' ? entry.kind === kind : entry.version === version;
    if (isSame) doomed.push(addition);
    else changes.refuse(path, sinceThen(true));
  }
  return doomed.sort((a, b) => depthOf(b.path) - depthOf(a.path));
}

async function restorationOf(
  content: ContentBack,
  freed: ReadonlySet<SyncPath>,
  { changes, replicas }: Parameters<typeof check>[1],
): Promise<Restoration | null> {
  const { keptAs, keptPath, now, path, side } = content;
  const refuse = (reason: string): null => {
    changes.refuse(path, reason);
    return null;
  };
  const entry = await replicas.local.stat(now?.path ?? path);
  if (now !== null && entry?.version !== now.version) return refuse(sinceThen(entry !== null));
  const version = await keptVersion(replicas[side], keptPath, keptAs);
  const isTaken = now === null && entry !== null && !freed.has(path);
  if (isTaken && version && isBackAlready(entry, version)) return null;
  if (isTaken) return refuse('something else is there now; it stays as it is');
  if (!version)
    return refuse(
      replicas[side].versions
        ? 'what was there is not kept any more'
        : `what was there was on the ${side} side, which keeps no versions`,
    );
  const expected = now?.version ?? 'absent';
  return { version, side, path, expected, isOnlyCopy: false };
}

/** As after a restore, which gives a file its old time again. */
function isBackAlready(entry: Entry, version: StoredVersion): boolean {
  return (
    entry.kind === 'file' &&
    entry.sizeBytes === version.sizeBytes &&
    entry.mtimeNs === version.mtimeNs
  );
}

async function keptVersion(
  replica: Replica,
  path: SyncPath,
  id: string | null,
): Promise<StoredVersion | null> {
  if (id === null || !replica.versions) return null;
  return replica.versions.find(path, id);
}

function tell({ directories, doomed, movers, restorations }: CheckedUndo, changes: LocalChanges) {
  for (const { path } of doomed) changes.steps.push({ action: 'remove', path });
  for (const path of directories) changes.steps.push({ action: 'make-directory', path });
  for (const { origin, target } of movers)
    changes.steps.push({ action: 'move', path: target, from: origin });
  for (const { path, side, version } of restorations)
    changes.steps.push({
      action: 'restore',
      path,
      version: version.id,
      side,
      sizeBytes: version.sizeBytes,
    });
}

async function carryOut(checked: CheckedUndo, changes: LocalChanges, local: Replica) {
  const { directories, doomed, movers, restorations } = checked;
  // A directory may hold what moves out of it; only one whose name is needed at once cannot wait.
  const targets = new Set(movers.map(({ target }) => target));
  const isUrgent = ({ kind, path }: Addition) => kind !== 'directory' || targets.has(path);
  const remove = async (additions: readonly Addition[]): Promise<void> => {
    for (const { kind, path, version } of additions) await changes.remove(path, kind, version);
  };
  await remove(doomed.filter(isUrgent));
  await placeAll(directories, movers, changes, local);
  await remove(doomed.filter((addition) => !isUrgent(addition)));
  const placed = new Map(movers.map((mover) => [mover.target, mover]));
  await changes.restore(
    restorations.map((one) => {
      // A rename changes the version of what it moves.
      const mover = placed.get(one.path);
      return mover && one.expected !== 'absent' ? { ...one, expected: mover.version } : one;
    }),
  );
}

/** Makes directories and moves entries, top-down; what is in the way and has a place of its own to go to is parked. */
async function placeAll(
  directories: readonly SyncPath[],
  movers: readonly Mover[],
  changes: LocalChanges,
  local: Replica,
): Promise<void> {
  const pending = new Set(movers);
  const places = [
    ...directories.map((path) => ({ path, mover: null })),
    ...movers.map((mover) => ({ path: mover.target, mover })),
  ].sort((a, b) => depthOf(a.path) - depthOf(b.path));
  for (const { mover, path } of places) {
    if (mover === null) {
      await parkOccupant(path, pending, changes, local);
      await changes.makeDirectory(path);
      continue;
    }
    pending.delete(mover);
    if (mover.at === path) continue;
    await parkOccupant(path, pending, changes, local);
    const from = mover.at;
    if (await changes.move(mover)) carryAlong(from, path, pending);
  }
}

async function parkOccupant(
  path: SyncPath,
  pending: ReadonlySet<Mover>,
  changes: LocalChanges,
  local: Replica,
): Promise<void> {
  for (const mover of pending) {
    if (mover.at !== path) continue;
    let parked = `${TEMPORARY_PREFIX}park-undo` as SyncPath;
    while ((await local.stat(parked)) !== null) parked = `${parked}-` as SyncPath;
    const from = mover.at;
    if (await changes.park(mover, parked)) carryAlong(from, parked, pending);
    return;
  }
}

/** What is below a directory moves along with it. */
function carryAlong(from: SyncPath, to: SyncPath, pending: ReadonlySet<Mover>): void {
  for (const mover of pending)
    if (mover.at !== from && isAtOrBelow(mover.at, from)) mover.at = rebasePath(mover.at, from, to);
}
