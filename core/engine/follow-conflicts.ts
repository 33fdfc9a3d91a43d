import type { Entry, FileEntry, Side } from '../model/entry.ts';
import { childPath, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import type { Replica } from '../ports.ts';
import type { Plan } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import { hashStream } from '../transfer/verified-stream.ts';
import { type ConflictNotes, withIds } from './conflict-notes.ts';
import type { SideView } from './side-view.ts';

export interface FollowConflictsOptions {
  readonly records: Records;
  /** The pass's plan, carried out by now. */
  readonly plan: Plan;
  /** What was observed before it. */
  readonly views: Readonly<Record<Side, SideView>>;
  readonly replicas: Readonly<Record<Side, Replica>>;
  /** The conflicts that this pass made; there is nothing to follow yet. */
  readonly fresh: ConflictNotes;
  readonly signal: AbortSignal;
}

/**
 * Stages what became of the known conflicts: where both files are after the user renamed one, and that a conflict is
 * over when only one version is left or both are equal. Costs nothing while there are none.
 */
export async function followConflicts(options: FollowConflictsOptions): Promise<void> {
  const { records, fresh } = options;
  const isFresh = new Set([...fresh.values()].map(({ copyPath }) => copyPath));
  for (const conflict of records.conflicts()) {
    if (isFresh.has(conflict.copyPath)) continue;
    const followed = await follow(withIds(records, conflict), options);
    if (followed === conflict) continue;
    if (followed?.copyPath !== conflict.copyPath) records.dropConflict(conflict.copyPath);
    if (followed) records.putConflict(followed);
  }
}

async function follow(
  conflict: Conflict,
  options: FollowConflictsOptions,
): Promise<Conflict | null> {
  const path = originalNow(conflict, options);
  const copyPath = copyNow(conflict, options);
  if (path === null || copyPath === null || path === copyPath) return null;
  const isSame = path === conflict.path && copyPath === conflict.copyPath;
  return withoutEqual(isSame ? conflict : { ...conflict, path, copyPath }, options);
}

/** Returns where the version that kept the name is now; null when it is gone. */
function originalNow(
  { path, trail }: Conflict,
  { records }: FollowConflictsOptions,
): SyncPath | null {
  // The winning version did not arrive yet: there is nothing to look for.
  if (trail?.pathId === undefined) return path;
  return pathOfRecord(records, trail.pathId) ?? (records.at(path) ? path : null);
}

function copyNow(conflict: Conflict, options: FollowConflictsOptions): SyncPath | null {
  const { trail, copyPath } = conflict;
  const recorded =
    trail?.copyId === undefined ? undefined : pathOfRecord(options.records, trail.copyId);
  if (recorded !== undefined) return recorded;
  if (trail?.copyId !== undefined && options.records.at(copyPath)) return copyPath;
  return unrecordedNow(conflict, options);
}

/** Looks for a copy that has no record: its side alone has it, as in one-way pairs, or it could not be uploaded. */
function unrecordedNow(
  { copyPath, copyFrom, trail }: Conflict,
  { plan, views }: FollowConflictsOptions,
): SyncPath | null {
  const view = views[copyFrom];
  const after = (path: SyncPath): SyncPath | null => {
    const node = plan.nodes.find((each) => each[copyFrom].from === path);
    return node ? node[copyFrom].to : path;
  };
  if (view.entries.has(copyPath)) return after(copyPath);
  if (isUnseen(view, copyPath)) return copyPath;
  if (trail?.copyIdentity === undefined) return null;
  for (const entry of view.entries.values())
    if (entry.identity === trail.copyIdentity) return after(entry.path);
  return null;
}

function isUnseen({ tree }: SideView, path: SyncPath): boolean {
  for (let above = path; above !== ROOT; above = parentPath(above))
    if (tree.frozen.has(above)) return true;
  return tree.frozen.has(ROOT);
}

/** Returns the path of a record; undefined when it is not there any more. */
export function pathOfRecord(records: Records, id: number): SyncPath | undefined {
  const record = records.get(id);
  if (!record) return undefined;
  const above = record.parentId === 0 ? ROOT : pathOfRecord(records, record.parentId);
  return above === undefined ? undefined : childPath(above, record.name);
}

/** Returns null when both files have become equal; else the conflict, with a note of what was compared. */
async function withoutEqual(
  conflict: Conflict,
  { records, replicas, signal }: FollowConflictsOptions,
): Promise<Conflict | null> {
  const { trail = {}, path, copyPath, copyFrom } = conflict;
  const original = trail.pathId === undefined ? undefined : records.get(trail.pathId);
  const copy = trail.copyId === undefined ? undefined : records.get(trail.copyId);
  if (original?.hash !== undefined && copy?.hash !== undefined)
    return original.hash === copy.hash ? null : conflict;
  const replica = replicas[copyFrom];
  // Placeholders would have to be fetched for it.
  if (replica.capabilities.placeholders) return conflict;
  const here = await statOrNull(replica, path, signal);
  const there = await statOrNull(replica, copyPath, signal);
  if (here?.kind !== 'file' || there?.kind !== 'file' || here.sizeBytes !== there.sizeBytes)
    return conflict;
  const differ = `${here.version}\n${there.version}`;
  if (trail.differ === differ) return conflict;
  const [one, other] = [await hashOf(replica, here, signal), await hashOf(replica, there, signal)];
  if (one === null || other === null) return conflict;
  return one === other ? null : { ...conflict, trail: { ...trail, differ } };
}

async function statOrNull(
  replica: Replica,
  path: SyncPath,
  signal: AbortSignal,
): Promise<Entry | null> {
  return replica.stat(path, { signal }).catch(unknown);
}

async function hashOf(
  replica: Replica,
  { path, version, sizeBytes, hash }: FileEntry,
  signal: AbortSignal,
): Promise<string | null> {
  if (hash !== undefined) return hash;
  const read = async (): Promise<string> => {
    const { stream } = await replica.read(path, { expected: version, signal });
    return hashStream(stream, { path, sizeBytes });
  };
  return read().catch(unknown);
}

/** Whether a conflict is over can wait for the next run; that it could not be found out is no failure of this one. */
function unknown(): null {
  return null;
}
