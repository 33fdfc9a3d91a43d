import { timestampOf } from '../model/conflict-name.ts';
import type { ContentHash, Side } from '../model/entry.ts';
import { FerryError, throwIfAborted } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Problem } from '../model/problem.ts';
import type { Clock, Logger, Replica, RootIdentity } from '../ports.ts';
import type { Plan, Undecided } from '../reconcile/plan.ts';
import type { Records } from '../records/records.ts';
import { executePlan } from '../transfer/execute-plan.ts';
import { createThrottle } from '../transfer/throttle.ts';
import { checkEffect } from './check-effect.ts';
import { confirmReplacements } from './confirm-replacements.ts';
import {
  conflictsIn,
  type DescribeConflictsOptions,
  noteConflicts,
  settleConflicts,
} from './conflict-notes.ts';
import { describePlan } from './describe-plan.ts';
import { followConflicts } from './follow-conflicts.ts';
import { cursorOf, doubtedSides, holdDeletions, noteFeeds } from './follow-feeds.ts';
import { forgetDeletions } from './forget-deletions.ts';
import { checkGuardFile, identifyRoots } from './guards.ts';
import type { Release } from './held-plan.ts';
import type { Hinted } from './hint-log.ts';
import type { IgnoreFiles } from './ignore-files.ts';
import { learnIgnoreRules, loadIgnoreRules } from './load-ignore-rules.ts';
import { lookAtContents } from './look-at-contents.ts';
import { withRootsToMake } from './missing-root.ts';
import { noteListings } from './note-listings.ts';
import { observePair, type PairView, type SideHints } from './observe-pair.ts';
import { OwnChanges } from './own-changes.ts';
import type { PairSettings } from './pair-settings.ts';
import { planFor } from './plan-pass.ts';
import { recoverParked } from './recover-parked.ts';
import { refreshUnchanged } from './refresh-unchanged.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import type { RunTally } from './run-progress.ts';
import type { RunRecorder } from './run-recorder.ts';
import { passRetries } from './run-retries.ts';
import type { SideView } from './side-view.ts';

/** A failed precondition means observing and planning again; so often in one run, then it waits for the next. */
const MAX_PASSES = 4;
/** A file that changed while it was read is tried again after this. */
const QUIET_MS = 2000;
/** Looks for new files that exist on both sides begin after everything else, from so many on: they can be interrupted. */
const MANY_LOOKS = 64;
const MAX_LOOK_ROUNDS = 6;

export interface RunContext {
  readonly settings: PairSettings;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tally: RunTally;
  readonly recorder: RunRecorder;
  readonly retries: RetrySchedule;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  readonly allowDeletes: boolean;
  readonly yes: boolean;
  readonly release: Release | null;
  /** What of a side may have changed since the last run; null: all of it has to be looked at. */
  readonly hinted: Hinted;
}

type Views = Readonly<Record<Side, SideView>>;
type Roots = Readonly<Record<Side, RootIdentity>>;

/** What a pass is prepared from. */
interface Basis {
  readonly roots: Roots;
  readonly rules: IgnoreFiles;
  /** Contents that this run has looked at. */
  readonly seen: Map<string, ContentHash>;
  readonly isFirst: boolean;
}

interface Pass extends ObservedPass {
  readonly plan: Plan;
  /** Looks were put off: another pass follows. */
  readonly postponed: boolean;
  /** Files that changed while they were looked at: another pass follows, and at last they are problems. */
  readonly unsettled: readonly Problem[];
}

interface ObservedPass extends PairView {
  readonly roots: Roots;
  /** Sides on which something that is missing is not taken for deleted. */
  readonly held: ReadonlySet<Side>;
}

/**
 * Carries out one run: guards, observation of both sides, plan, execution; again when something was not as planned.
 * Returns whether everything that can be done now is done.
 * @throws GUARD_STOPPED, LOCAL_ROOT_MISSING, REMOTE_*, ABORTED; whatever was finished before is durable and recorded
 */
export async function runPair(given: RunContext): Promise<boolean> {
  const { records, tally, signal, settings } = given;
  const context = given.dryRun
    ? {
        ...given,
        replicas: await withRootsToMake(given.replicas, records, { ...settings, signal }),
      }
    : given;
  tally.enter('checking');
  const seen = new Map<string, ContentHash>();
  let ignoreFiles: IgnoreFiles | null = null;

  for (let number = 1; ; number++) {
    throwIfAborted(signal);
    // A disk can be unmounted between two passes as well: what is there now is checked before each.
    const check = (): Promise<Roots> => checkRoots(context);
    const roots = number === 1 ? await stoppingAtStrangers(check) : await check();
    const rules: IgnoreFiles = ignoreFiles ?? (await loadIgnoreRules(context));
    ignoreFiles = rules;
    const isFirst = number === 1;
    const prepare = (): Promise<Pass> => preparePass(context, { roots, rules, seen, isFirst });
    const pass = number === 1 ? await stoppingAtStrangers(prepare) : await prepare();
    const nowMs = context.clock.now();
    if (!context.dryRun)
      await checkEffect({ ...context, ...pass, nowMs, isFirstPass: number === 1 });
    tally.notePlan(pass.plan);
    if (context.dryRun) {
      noteProblems(context, pass, []);
      describePlan({ ...context, plan: pass.plan, isIgnored: rules.isIgnored });
      tally.noteConflicts([...conflictsIn(conflictOptions(context, pass)).values()]);
      return pass.plan.nodes.length === 0;
    }
    records.setState({
      roots: { local: roots.local.id, remote: roots.remote.id },
      direction: context.settings.direction,
    });
    rules.note();
    const again = await applyPass(context, pass, number === MAX_PASSES);
    if (!again) return true;
    if (number === MAX_PASSES) return false;
  }
}

/** Checks that both sides are what they were, and brings back what an earlier run or pass had put aside. */
async function checkRoots(context: RunContext): Promise<Roots> {
  const { records, replicas, settings, signal, dryRun: isDryRun } = context;
  const { direction } = settings;
  const nowMs = context.clock.now();
  const identify = (asksChanges: boolean): Promise<Roots> =>
    identifyRoots(replicas, records, {
      direction,
      isDryRun,
      signal,
      ...(asksChanges ? { since: (side) => cursorOf(records, side, nowMs) } : {}),
    });
  const isClear = isDryRun || records.parked().length === 0;
  const roots = await identify(isClear);
  await checkGuardFile(replicas.local, settings);
  if (isClear) return roots;
  const naming = { device: settings.deviceName, timestamp: timestampOf(nowMs) };
  await recoverParked(replicas, records, naming, signal);
  // Only now: what was brought back is among the changes.
  return identify(true);
}

/** Before anything is touched, an answer that no file server gives (a sign-in page, half a listing) is a guard's matter. */
async function stoppingAtStrangers<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'REMOTE_PROTOCOL') throw error;
    throw new FerryError('GUARD_STOPPED', `${error.message}. Nothing was changed`, {
      cause: error,
    });
  }
}

async function preparePass(context: RunContext, basis: Basis): Promise<Pass> {
  const { tally } = context;
  const { rules, seen } = basis;
  const mayPostpone = basis.isFirst;
  tally.enter('comparing');
  let view = await observeBoth(context, basis);
  while (await learnIgnoreRules(rules, view.views, context))
    view = await observeBoth(context, basis);
  const { views } = view;
  tally.enter('planning');
  const first = planFor(context, view);
  const isInitial = context.records.size === 0;
  if (mayPostpone && !context.dryRun && isInitial && first.undecided.length >= MANY_LOOKS) {
    for (const { side, path } of first.undecided) views[side].freeze(path, null);
    return { ...view, plan: planFor(context, view), postponed: true, unsettled: [] };
  }
  const unsettled: Problem[] = [];
  let plan = await decide(context, view, seen, { plan: first, unsettled });
  const look = async (suspects: readonly Undecided[]): Promise<void> => {
    unsettled.push(...(await lookAtUndecided(context, views, seen, suspects)));
  };
  if (!context.yes && (await confirmReplacements({ ...context, plan, views, look })))
    plan = await decide(context, view, seen, { plan: planFor(context, view), unsettled });
  while (hasNewDirection(context) && forgetDeletions(context.records, plan) > 0)
    plan = await decide(context, view, seen, { plan: planFor(context, view), unsettled });
  return { ...view, plan, postponed: false, unsettled };
}

/** Looks at contents until the plan depends on none that is unknown, and returns that plan. */
async function decide(
  context: RunContext,
  view: PairView,
  seen: Map<string, ContentHash>,
  { plan: first, unsettled }: { plan: Plan; unsettled: Problem[] },
): Promise<Plan> {
  const { views } = view;
  let plan = first;
  for (let round = 0; plan.undecided.length > 0; round++) {
    if (round < MAX_LOOK_ROUNDS)
      unsettled.push(...(await lookAtUndecided(context, views, seen, plan.undecided)));
    else for (const { side, path } of plan.undecided) views[side].freeze(path, null);
    plan = planFor(context, view);
  }
  return plan;
}

function hasNewDirection({ records, settings }: RunContext): boolean {
  const { direction } = records.state;
  return records.size > 0 && direction !== undefined && direction !== settings.direction;
}

async function lookAtUndecided(
  context: RunContext,
  views: Views,
  seen: Map<string, ContentHash>,
  undecided: readonly Undecided[],
): Promise<readonly Problem[]> {
  const { records, settings, replicas, signal, tally } = context;
  tally.enter('comparing');
  const bytes = undecided.reduce((sum, one) => sum + sizeAt(views[one.side], one.path), 0);
  tally.expect(undecided.length, bytes);
  const uploadsEqual = records.state.resetting && settings.direction === 'local-to-remote';
  return lookAtContents(undecided, {
    replicas,
    views,
    records,
    adopts: !context.dryRun && !uploadsEqual,
    trustsTimes:
      settings.trustTimes && settings.direction !== 'two-way' && !records.state.resetting,
    transfers: records.state.resetting,
    throttle: throttleOf(context),
    retries: context.retries,
    signal,
    onBytes: (side, count) => tally.compared(side, count),
    onSpared: (count) => tally.spared(count),
    onAdopted: () => {
      tally.adopted++;
    },
    remember: (side, { path, version }, hash) => seen.set(`${side}\n${version}\n${path}`, hash),
  });
}

function sizeAt(view: SideView, path: SyncPath): number {
  const entry = view.entries.get(path);
  return entry?.kind === 'file' ? entry.sizeBytes : 0;
}

async function observeBoth(
  context: RunContext,
  { roots, rules, seen, isFirst }: Basis,
): Promise<ObservedPass> {
  const { replicas, records, signal, tally, hinted, allowDeletes } = context;
  const hintsOf = (side: Side): SideHints => {
    const { feed } = roots[side];
    if (feed !== undefined) return { feed };
    const paths = hinted[side];
    return isFirst && paths !== null ? { paths } : {};
  };
  const view = await observePair({
    replicas,
    records,
    isIgnored: rules.isIgnored,
    knownHash: (side, path, version) => seen.get(`${side}\n${version}\n${path}`),
    wholly: false,
    hints: { local: hintsOf('local'), remote: hintsOf('remote') },
    signal,
    onSeen: (count) => tally.seen(count),
  });
  const doubted = allowDeletes ? [] : doubtedSides(records, roots);
  return {
    ...view,
    roots,
    held: new Set(doubted.filter((side) => holdDeletions(side, view, records))),
  };
}

/** Executes the plan; returns whether another pass is needed. */
async function applyPass(context: RunContext, pass: Pass, isLast: boolean): Promise<boolean> {
  const { records, recorder, replicas, settings, tally, signal } = context;
  const { plan, views, postponed } = pass;
  recorder.beginPass();
  tally.enter('transferring');
  expectTransfers(context, plan, views);
  const conflicts = noteConflicts(conflictOptions(context, pass));
  await records.commit();
  const retries = passRetries(context.retries, views);
  const own = { local: new OwnChanges(), remote: new OwnChanges() };
  const result = await executePlan({
    plan,
    direction: settings.direction,
    records,
    replicas,
    observed: views,
    signal,
    throttle: { local: throttleOf(context), remote: throttleOf(context) },
    onBytes: (side, count) => tally.arrived(side, count),
    onSpared: (_side, count) => tally.spared(count),
    onDone: (operation, side, node, local) => {
      tally.done(operation, side, node);
      recorder.done(operation, side, node, local);
      own[side].done(operation);
      retries.done(operation, side);
    },
    onFailed: (operation, side, node, error) => {
      recorder.failed(operation, side, node, error);
      own[side].failed(operation);
      retries.failed(operation, side, node, error);
    },
    heldBack: retries.heldBack,
    displacementOf: (side, node, isEqual) => recorder.displacementOf(side, node, isEqual),
    onFinished: (node) => {
      if (node.adopts) tally.adopted++;
    },
  });
  tally.enter('finishing');
  tally.noteConflicts(settleConflicts(records, conflicts, result.placeOf));
  if (!result.fatal) {
    await followConflicts({ records, replicas, plan, views, fresh: conflicts, signal });
    await refreshUnchanged({ records, replicas, plan, views, directories: pass.directories });
    noteListings({ records, views, directories: pass.directories.keys(), own });
    noteFeeds(records, pass.roots, { held: pass.held, nowMs: context.clock.now() });
  }
  await records.commit();
  noteProblems(context, pass, result.problems);
  if (result.fatal) throw result.fatal;
  const isWaiting = tally.problems.some((problem) => problem.retry !== 'never');
  const again = postponed || result.needsAnotherPass || pass.unsettled.length > 0;
  if (!again && !isWaiting) {
    records.setState({ resetting: false });
    await records.commit();
  }
  if (again && isLast) {
    retries.neverSettled(result.unsettled);
    tally.addProblems(pass.unsettled, context.retries.dated(result.unsettled));
  }
  const isRestless = result.sourceChanged || pass.unsettled.length !== 0;
  if (again && !isLast && isRestless) await context.clock.sleep(QUIET_MS, signal);
  return again;
}

function conflictOptions(
  { records, recorder, settings, clock }: RunContext,
  { plan, views }: Pass,
): DescribeConflictsOptions {
  const { deviceName } = settings;
  return { plan, views, records, deviceName, run: recorder.run, nowMs: clock.now() };
}

function noteProblems({ tally, retries }: RunContext, pass: Pass, found: readonly Problem[]): void {
  const { plan, views } = pass;
  const unnameable = plan.problems.map(
    (problem): Problem => ({ ...problem, code: 'NAME_NOT_ALLOWED', retry: 'never' }),
  );
  tally.problems.length = 0;
  const met = [...views.local.problems, ...views.remote.problems, ...found];
  tally.addProblems(retries.dated(met), unnameable);
}

function expectTransfers({ tally }: RunContext, plan: Plan, views: Views): void {
  let files = 0;
  let bytes = 0;
  for (const node of plan.nodes) {
    if (node.kind !== 'file' || node.content === 'none') continue;
    const source: Side = node.content === 'to-local' ? 'remote' : 'local';
    const from = node[source].from;
    files++;
    if (from !== null) bytes += sizeAt(views[source], from);
  }
  tally.expect(files, bytes);
}

function throttleOf({ settings, clock }: RunContext): ReturnType<typeof createThrottle> | null {
  return settings.bandwidthBytesPerS === undefined
    ? null
    : createThrottle(settings.bandwidthBytesPerS, clock);
}
