import { otherSide, type Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Plan, PlannedNode, Undecided } from '../reconcile/plan.ts';
import { baseToken, type PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { replacesMany } from './guards.ts';
import type { SideView } from './side-view.ts';

/** So many files are looked at first; where most of them did change, the others will have as well. */
const SAMPLE = 32;

export interface ConfirmOptions {
  readonly plan: Plan;
  readonly views: Readonly<Record<Side, SideView>>;
  readonly records: Records;
  /** Reads and hashes contents, and puts them into the views. */
  readonly look: (undecided: readonly Undecided[]) => Promise<void>;
}

interface Suspect extends Undecided {
  readonly record: PairRecord;
}

/**
 * Looks at the files that count as replaced only because a side without hashes gave them other versions, where they
 * are so many that a guard would stop the run: after a restored backup or a changed server all of them may be as they
 * were. Returns whether anything was looked at, so that the plan has to be made again.
 */
export async function confirmReplacements(options: ConfirmOptions): Promise<boolean> {
  const { plan, views, records, look } = options;
  if (!replacesMany(plan, records.files)) return false;
  const suspects = plan.nodes.flatMap((node) => suspectOf(node, views, records) ?? []);
  if (suspects.length === 0) return false;
  const sample = suspects.slice(0, SAMPLE);
  await look(sample);
  const unchanged = sample.filter(
    ({ side, path, record }) => views[side].tokenAt(path) === baseToken(record),
  );
  if (unchanged.length * 2 > sample.length && suspects.length > SAMPLE)
    await look(suspects.slice(SAMPLE));
  return true;
}

function suspectOf(
  { baseId, content, kind, local, remote }: PlannedNode,
  views: ConfirmOptions['views'],
  records: Records,
): Suspect | null {
  if (baseId === null || kind !== 'file' || content === 'none') return null;
  const side = otherSide(content === 'to-local' ? 'local' : 'remote');
  const path: SyncPath | null = (side === 'local' ? local : remote).from;
  const record = records.get(baseId);
  const entry = path === null ? undefined : views[side].entries.get(path);
  if (path === null || record?.kind !== 'file' || entry?.kind !== 'file') return null;
  if (views[side].tokenAt(path) !== null || entry.sizeBytes !== record.sizeBytes) return null;
  return { side, path, against: 'base', record };
}
