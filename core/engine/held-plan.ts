import type { Direction, Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Plan, PlanCounts, PlannedNode } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import { hashOf } from '../transfer/verified-stream.ts';
import { actionsOf, type PlannedAction } from './planned-actions.ts';
import type { SideView } from './side-view.ts';

/** So many actions of a held plan are kept; the rest is only counted. */
const MAX_ACTIONS = 10_000;
const NAMED_PATHS = 3;
const NOTE = 'held-plan';
const SIDES: readonly Side[] = ['local', 'remote'];

/** A plan that a guard did not let through, kept until it is released, dropped, or no longer what a run would do. */
export interface HeldPlan {
  /** Milliseconds since 1970. */
  readonly heldAtMs: number;
  readonly direction: Direction;
  /** What the guard said. */
  readonly message: string;
  readonly counts: PlanCounts;
  /** What would have been done, the first of it; `actionCount` is all. */
  readonly actions: readonly PlannedAction[];
  readonly actionCount: number;
  /** Stands for everything that the guards count, in the versions that were seen. */
  readonly effect: string;
  /** The entries that it is about, each with what would be done to which versions of it. */
  readonly involved: Readonly<Record<string, string>>;
}

/** What is shown of a held plan where there is only room for a line. */
export interface HeldPlanSummary {
  readonly heldAtMs: number;
  readonly deletions: number;
  readonly replacements: number;
  readonly conflicts: number;
  readonly message: string;
}

/** Lets one run carry out the held plan, and nothing else that a guard would stop. */
export interface Release {
  /** What the first pass was let through for; null before it. */
  admitted: ReadonlySet<string> | null;
}

export interface HoldOptions {
  readonly records: Records;
  readonly plan: Plan;
  readonly views: Readonly<Record<Side, SideView>>;
  readonly direction: Direction;
  readonly nowMs: number;
  readonly release: Release | null;
}

/** Returns the plan that is held; null when none is. */
export function readHeldPlan(records: Records): Promise<HeldPlan | null> {
  return records.notes.read<HeldPlan>(NOTE);
}

/** Forgets the held plan and returns whether there was one. */
export async function dropHeldPlan(records: Records): Promise<boolean> {
  if ((await readHeldPlan(records)) === null) return false;
  records.notes.drop(NOTE);
  await records.commit();
  return true;
}

export function summaryOf({ heldAtMs, counts, message }: HeldPlan): HeldPlanSummary {
  return {
    heldAtMs,
    message,
    deletions: counts.deletedLocal + counts.deletedRemote,
    replacements: counts.modifiedLocal + counts.modifiedRemote,
    conflicts: counts.conflicts,
  };
}

/**
 * Runs the guards' `check` of a pass. A plan that they stop is held, durably, before the error goes on; one that they let
 * through takes the place of an earlier held one, which is forgotten. A release lets exactly the held plan through.
 * @throws GUARD_STOPPED
 */
export async function checkOrHold(options: HoldOptions, check: () => void): Promise<void> {
  const { records, release } = options;
  const held = await readHeldPlan(records);
  if (release !== null && isReleased(held, options, release)) {
    if (held) records.notes.drop(NOTE);
    return;
  }
  try {
    check();
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'GUARD_STOPPED') throw error;
    const next = planToHold(options, error.message, held);
    records.notes.put(NOTE, next);
    await records.commit();
    if (release === null || held === null) throw error;
    throw new FerryError(
      'GUARD_STOPPED',
      `the held plan was not carried out: ${differenceOf(held, next)}. What a run would do now is held instead: ferry plan show`,
      { cause: error },
    );
  }
  if (held) records.notes.drop(NOTE);
}

function isReleased(held: HeldPlan | null, options: HoldOptions, release: Release): boolean {
  const effect = effectOf(options);
  if (release.admitted !== null) {
    const { admitted } = release;
    return [...effect.values()].every((line) => admitted.has(line));
  }
  if (held === null) throw new FerryError('CONFIG_INVALID', 'no plan is held: ferry plan show');
  if (digestOf(effect) !== held.effect) return false;
  release.admitted = new Set(effect.values());
  return true;
}

function planToHold(options: HoldOptions, message: string, before: HeldPlan | null): HeldPlan {
  const { plan, direction, nowMs } = options;
  const involved = effectOf(options);
  const effect = digestOf(involved);
  const actions = actionsOf(plan);
  return {
    heldAtMs: before?.effect === effect ? before.heldAtMs : nowMs,
    direction,
    message,
    counts: plan.counts,
    actions: actions.slice(0, MAX_ACTIONS),
    actionCount: actions.length,
    effect,
    involved: Object.fromEntries(
      [...involved].slice(0, MAX_ACTIONS).map(([path, line]) => [path, shortHash(line)]),
    ),
  };
}

/** Returns what a plan does that guards count, by path: removals, replaced files, conflicts, with the versions seen. */
function effectOf({ plan, views, records }: HoldOptions): ReadonlyMap<string, string> {
  const removed: Record<Side, Set<number>> = { local: new Set(), remote: new Set() };
  for (const side of SIDES)
    for (const { op, key } of plan.operations[side]) if (op === 'remove') removed[side].add(key);
  const versionOf = (node: PlannedNode, side: Side): string => {
    const { from } = node[side];
    if (from === null) return '';
    // What is as recorded need not be in the view.
    const recorded = node.baseId === null ? undefined : records.get(node.baseId)?.[side].version;
    return views[side].entries.get(from)?.version ?? recorded ?? '';
  };
  const effect = new Map<string, string>();
  for (const node of plan.nodes) {
    const what = SIDES.flatMap((side) => [
      ...(removed[side].has(node.key) ? [`remove ${side}`] : []),
      ...(isReplaced(node, side) ? [`replace ${side}`] : []),
    ]);
    if (node.conflictOf) what.push('keep as copy');
    if (what.length === 0) continue;
    const path = pathOf(node);
    const versions = node.kind === 'directory' ? [] : SIDES.map((side) => versionOf(node, side));
    effect.set(`${path}\n${what.join()}`, [path, ...what, ...versions].join('\n'));
  }
  return effect;
}

function isReplaced(node: PlannedNode, side: Side): boolean {
  return node.baseId !== null && node.content === `to-${side}` && node[side].from !== null;
}

/** A conflict copy's own name has the time in it: what it is a copy of stays the same. */
function pathOf(node: PlannedNode): SyncPath | '' {
  return node.conflictOf?.path ?? node.local.from ?? node.remote.from ?? '';
}

function digestOf(effect: ReadonlyMap<string, string>): string {
  return hashOf(Buffer.from([...effect.values()].sort().join('\n\n')));
}

function shortHash(line: string): string {
  return hashOf(Buffer.from(line)).slice(0, 16);
}

function differenceOf(before: HeldPlan, after: HeldPlan): string {
  const keys = new Set([...Object.keys(before.involved), ...Object.keys(after.involved)]);
  const changed = new Set<string>();
  for (const key of keys)
    if (before.involved[key] !== after.involved[key]) changed.add(key.split('\n', 1)[0] ?? '');
  if (changed.size === 0) return 'something that it is about has changed since';
  const named = [...changed].slice(0, NAMED_PATHS).join(', ');
  const more = changed.size > NAMED_PATHS ? ` and ${changed.size - NAMED_PATHS} more` : '';
  return `since it was held, something has changed about ${named}${more}`;
}
