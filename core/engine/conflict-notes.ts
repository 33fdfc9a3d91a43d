import type { ContentHash, Entry, Side } from '../model/entry.ts';
import { otherSide } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Conflict, ConflictVersion } from '../model/problem.ts';
import type { Plan, PlannedNode } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import type { SideView } from './side-view.ts';

/** The conflicts that a plan will make, by the keys of their copies' nodes. */
export type ConflictNotes = Map<number, Conflict>;

const HASH = /^[0-9a-f]{64}$/;

export interface DescribeConflictsOptions {
  readonly plan: Plan;
  readonly views: Readonly<Record<Side, SideView>>;
  readonly records: Records;
  readonly deviceName: string;
  /** The run's number. */
  readonly run: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Returns the conflicts in a plan, with what is known of both versions and of their base. */
export function conflictsIn(options: DescribeConflictsOptions): ConflictNotes {
  const found: ConflictNotes = new Map();
  const copies = options.plan.nodes.filter((node) => node.conflictOf !== undefined);
  if (copies.length === 0) return found;
  const winners = winnersOf(options.plan, copies);
  for (const copy of copies) {
    const conflict = conflictOf(copy, winners.get(copy.key), options);
    if (conflict) found.set(copy.key, conflict);
  }
  return found;
}

/** Returns the node that keeps the name, by the key of its copy's node; one that is not in the plan stays as it is. */
function winnersOf(plan: Plan, copies: readonly PlannedNode[]): Map<number, PlannedNode> {
  const sought = new Map<string, number>();
  for (const { key, conflictOf: of } of copies)
    if (of) sought.set(`${otherSide(of.from)}/${of.path}`, key);
  const winners = new Map<number, PlannedNode>();
  for (const node of plan.nodes)
    for (const side of ['local', 'remote'] as const) {
      const key = node[side].to === null ? undefined : sought.get(`${side}/${node[side].to}`);
      if (key !== undefined && key !== node.key) winners.set(key, node);
    }
  return winners;
}

/** Stages a note of every conflict in the plan, before anything is renamed: an interruption must not hide one. */
export function noteConflicts(options: DescribeConflictsOptions): ConflictNotes {
  const notes = conflictsIn(options);
  for (const note of notes.values()) options.records.putConflict(note);
  return notes;
}

function conflictOf(
  copy: PlannedNode,
  winner: PlannedNode | undefined,
  options: DescribeConflictsOptions,
): Conflict | null {
  if (!copy.conflictOf) return null;
  const { views, records, nowMs, run } = options;
  const { from: copyFrom, path } = copy.conflictOf;
  const copyPath = copy[copyFrom].to ?? copy.local.to ?? copy.remote.to;
  if (copyPath === null) return null;
  const winnerSide = otherSide(copyFrom);
  const winnerEntry = views[winnerSide].entries.get(winner?.[winnerSide].from ?? path);
  const copyEntry = views[copyFrom].entries.get(copy[copyFrom].from ?? copyPath);
  const pathId = winner?.baseId ?? records.at(path)?.id;
  const base = pathId === undefined ? undefined : records.get(pathId);
  const identity = copyEntry?.identity;
  return {
    path,
    copyPath,
    copyFrom,
    detectedAtMs: nowMs,
    run,
    reason: {
      ...(winner?.reason ?? copy.reason),
      [copyFrom]: copy.reason[copyFrom],
      rule: copy.reason.rule,
    },
    ...versionsOf({ winnerEntry, copyEntry, copyFrom }, options),
    ...(base?.kind === 'file' ? { base: contentOf(base.sizeBytes, base.hash) } : {}),
    trail: {
      ...(pathId === undefined ? {} : { pathId }),
      ...(identity === undefined ? {} : { copyIdentity: identity }),
    },
  };
}

function versionsOf(
  found: {
    readonly winnerEntry: Entry | undefined;
    readonly copyEntry: Entry | undefined;
    readonly copyFrom: Side;
  },
  { views, deviceName }: DescribeConflictsOptions,
): Pick<Conflict, 'winner' | 'copy'> {
  const { winnerEntry, copyEntry, copyFrom } = found;
  const describe = (side: Side, entry: Entry): ConflictVersion => {
    const token = views[side].tokenAt(entry.path);
    return {
      side,
      ...(side === 'local' ? { device: deviceName } : {}),
      kind: entry.kind,
      ...(entry.kind === 'file' && entry.mtimeNs !== undefined
        ? { mtimeMs: Number(entry.mtimeNs / 1_000_000n) }
        : {}),
      ...contentOf(
        entry.kind === 'file' ? entry.sizeBytes : 0,
        typeof token === 'string' && HASH.test(token) ? (token as ContentHash) : undefined,
      ),
    };
  };
  return {
    ...(winnerEntry ? { winner: describe(otherSide(copyFrom), winnerEntry) } : {}),
    ...(copyEntry ? { copy: describe(copyFrom, copyEntry) } : {}),
  };
}

function contentOf(
  sizeBytes: number,
  hash: ContentHash | undefined,
): { readonly sizeBytes: number; readonly hash?: ContentHash } {
  return { sizeBytes, ...(hash === undefined ? {} : { hash }) };
}

/**
 * Returns the conflicts whose copy was made, also when it could not be carried over yet, with what the run has learned
 * about the two files, and stages that the others are forgotten.
 */
export function settleConflicts(
  records: Records,
  notes: ConflictNotes,
  placeOf: (side: Side, key: number) => SyncPath | undefined,
): readonly Conflict[] {
  const made: Conflict[] = [];
  for (const [key, note] of notes) {
    if (placeOf(note.copyFrom, key) !== note.copyPath) {
      records.dropConflict(note.copyPath);
      continue;
    }
    const settled = withHashes(records, withIds(records, note));
    records.putConflict(settled);
    made.push(settled);
  }
  return made;
}

/** Adds the ids that both files have in the records by now; a copy in a one-way pair never has one. */
export function withIds(records: Records, conflict: Conflict): Conflict {
  const { trail = {}, path, copyPath } = conflict;
  const pathId = trail.pathId ?? records.at(path)?.id;
  const copyId = trail.copyId ?? records.at(copyPath)?.id;
  if (pathId === trail.pathId && copyId === trail.copyId) return conflict;
  return {
    ...conflict,
    trail: {
      ...trail,
      ...(pathId === undefined ? {} : { pathId }),
      ...(copyId === undefined ? {} : { copyId }),
    },
  };
}

/** Adds the hashes of contents that were read on their way to the other side. */
function withHashes(records: Records, conflict: Conflict): Conflict {
  const { trail = {}, winner, copy, base } = conflict;
  const learned = (version: ConflictVersion | undefined, id: number | undefined) => {
    const hash = id === undefined ? undefined : records.get(id)?.hash;
    if (version?.kind !== 'file' || version.hash !== undefined || hash === undefined) return {};
    // The record of a version that did not arrive is still that of the base.
    return hash === base?.hash ? {} : { ...version, hash };
  };
  return {
    ...conflict,
    ...(winner === undefined ? {} : { winner: { ...winner, ...learned(winner, trail.pathId) } }),
    ...(copy === undefined ? {} : { copy: { ...copy, ...learned(copy, trail.copyId) } }),
  };
}
