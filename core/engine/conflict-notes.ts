import type { Side } from '../model/entry.ts';
import { parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import type { Plan } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import type { SideView } from './side-view.ts';

/** The conflicts that a plan will make, by the keys of their copies' nodes. */
export type ConflictNotes = Map<number, Conflict>;

/** Stages a note of every conflict in the plan, before anything is renamed: an interruption must not hide one. */
export function noteConflicts(records: Records, plan: Plan, nowMs: number): ConflictNotes {
  const notes: ConflictNotes = new Map();
  for (const node of plan.nodes) {
    if (!node.conflictOf) continue;
    const { from, path } = node.conflictOf;
    const copyPath = node[from].to ?? node.local.to ?? node.remote.to;
    if (copyPath === null) continue;
    const note = { path, copyPath, copyFrom: from, detectedAtMs: nowMs };
    records.putConflict(note);
    notes.set(node.key, note);
  }
  return notes;
}

/**
 * Returns the conflicts whose copy was made, also when it could not be carried over yet, and stages that the others are
 * forgotten.
 */
export function settleConflicts(
  records: Records,
  notes: ConflictNotes,
  placeOf: (side: Side, key: number) => SyncPath | undefined,
): readonly Conflict[] {
  const made: Conflict[] = [];
  for (const [key, note] of notes)
    if (placeOf(note.copyFrom, key) === note.copyPath) made.push(note);
    else records.dropConflict(note.copyPath);
  return made;
}

/**
 * Stages that conflicts are forgotten whose copy is on neither side any more, or will not be after the plan: the user
 * removed or renamed it, or the run that noted it was ended before it made it.
 */
export function forgetVanishedConflicts(
  records: Records,
  plan: Plan,
  views: Readonly<Record<Side, SideView>>,
): void {
  const conflicts = records.conflicts();
  if (conflicts.length === 0) return;
  const leaving: Record<Side, Set<SyncPath>> = { local: new Set(), remote: new Set() };
  for (const node of plan.nodes)
    for (const side of ['local', 'remote'] as const) {
      const { from, to } = node[side];
      if (from !== null && from !== to) leaving[side].add(from);
    }
  const staysOn = (side: Side, path: SyncPath): boolean =>
    isUnseen(views[side], path) || (views[side].entries.has(path) && !leaving[side].has(path));
  for (const { copyPath } of conflicts)
    if (!staysOn('local', copyPath) && !staysOn('remote', copyPath)) records.dropConflict(copyPath);
}

function isUnseen({ tree }: SideView, path: SyncPath): boolean {
  for (let above = path; above !== ROOT; above = parentPath(above))
    if (tree.frozen.has(above)) return true;
  return tree.frozen.has(ROOT);
}
