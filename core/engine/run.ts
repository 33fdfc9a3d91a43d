import type { ContentHash, Side } from '../model/entry.ts';
import { FerryError, throwIfAborted } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Clock, Logger, Replica } from '../ports.ts';
import type { Plan, Policy, Undecided } from '../reconcile/plan.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { recordedSide } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { executePlan } from '../transfer/execute-plan.ts';
import { type EqualFile, tellCounterparts } from '../transfer/tell-counterparts.ts';
import { createThrottle } from '../transfer/throttle.ts';
import { checkGuardFile, checkNetEffect, identifyRoots } from './guards.ts';
import { compileIgnoreRules, IGNORE_FILE, type IsIgnored } from './ignore-rules.ts';
import { lookAtContents } from './look-at-contents.ts';
import type { PairSettings } from './pair-settings.ts';
import { readWhole } from './read-whole.ts';
import { recoverParked } from './recover-parked.ts';
import type { RunTally } from './run-progress.ts';
import { baseToken, observeSide, type SideView } from './side-view.ts';

/** A failed precondition means observing and planning again; so often in one run, then it waits for the next. */
const MAX_PASSES = 4;
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
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  readonly allowDeletes: boolean;
  readonly yes: boolean;
}

type Views = Readonly<Record<Side, SideView>>;

interface Pass {
  readonly views: Views;
  readonly plan: Plan;
  /** Looks were put off: another pass follows. */
  readonly postponed: boolean;
}

/**
 * Carries out one run: guards, observation of both sides, plan, execution; again when something was not as planned.
 * Returns whether everything that can be done now is done.
 * @throws GUARD_STOPPED, LOCAL_ROOT_MISSING, REMOTE_*, ABORTED; whatever was finished before is durable and recorded
 */
export async function runPair(context: RunContext): Promise<boolean> {
  const { records, replicas, settings, signal, tally } = context;
  tally.enter('checking');
  const roots = await stoppingAtStrangers(() =>
    identifyRoots(replicas, records, {
      direction: settings.direction,
      isDryRun: context.dryRun,
      signal,
    }),
  );
  await checkGuardFile(replicas.local, settings);
  const naming = { device: settings.deviceName, timestamp: timestampOf(context.clock.now()) };
  if (!context.dryRun) await recoverParked(replicas, records, naming, signal);
  const isIgnored = await loadIgnoreRules(context);
  const seen = new Map<string, ContentHash>();

  for (let number = 1; ; number++) {
    throwIfAborted(signal);
    const pass = await stoppingAtStrangers(() =>
      preparePass(context, isIgnored, seen, number === 1),
    );
    if (number === 1) checkPass(context, pass);
    tally.notePlan(pass.plan);
    if (context.dryRun) {
      describe(context, pass.plan);
      return pass.plan.nodes.length === 0;
    }
    const again = await applyPass(context, pass);
    if (!again) {
      records.setState({
        roots: {
          local: roots.local.id,
          remote: roots.remote.id,
        },
      });
      await records.commit();
      return true;
    }
    if (number >= MAX_PASSES) return false;
  }
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

async function preparePass(
  context: RunContext,
  isIgnored: IsIgnored,
  seen: Map<string, ContentHash>,
  mayPostpone: boolean,
): Promise<Pass> {
  const { tally } = context;
  tally.enter('comparing');
  const views = await observeBoth(context, isIgnored, seen);
  tally.enter('planning');
  let plan = planFor(context, views);
  const isInitial = context.records.size === 0;
  if (mayPostpone && !context.dryRun && isInitial && plan.undecided.length >= MANY_LOOKS) {
    for (const { side, path } of plan.undecided) views[side].freeze(path, null);
    return { views, plan: planFor(context, views), postponed: true };
  }
  for (let round = 0; plan.undecided.length > 0; round++) {
    const looked =
      round < MAX_LOOK_ROUNDS && (await lookAtUndecided(context, views, seen, plan.undecided));
    if (!looked) for (const { side, path } of plan.undecided) views[side].freeze(path, null);
    plan = planFor(context, views);
  }
  return { views, plan, postponed: false };
}

async function lookAtUndecided(
  context: RunContext,
  views: Views,
  seen: Map<string, ContentHash>,
  undecided: readonly Undecided[],
): Promise<boolean> {
  const { records, settings, replicas, signal, tally } = context;
  tally.enter('comparing');
  const bytes = undecided.reduce((sum, one) => sum + sizeAt(views[one.side], one.path), 0);
  tally.expect(undecided.length, bytes);
  const uploadsEqual = records.state.resetting && settings.direction === 'local-to-remote';
  await lookAtContents(undecided, {
    replicas,
    views,
    records,
    adopts: !context.dryRun && !uploadsEqual,
    trustsTimes:
      settings.trustTimes && settings.direction !== 'two-way' && !records.state.resetting,
    throttle: throttleOf(context),
    signal,
    onBytes: (side, count) => {
      if (side === 'remote') tally.arrived('local', count);
    },
    onAdopted: () => {
      tally.adopted++;
    },
    remember: (path, version, hash) => seen.set(`${version}\n${path}`, hash),
  });
  return true;
}

function sizeAt(view: SideView, path: SyncPath): number {
  const entry = view.entries.get(path);
  return entry?.kind === 'file' ? entry.sizeBytes : 0;
}

async function observeBoth(
  { replicas, records, signal, tally }: RunContext,
  isIgnored: IsIgnored,
  seen: ReadonlyMap<string, ContentHash>,
): Promise<Views> {
  const recordsByPath = records.byPath();
  const knownHash = (path: SyncPath, version: string): ContentHash | undefined =>
    seen.get(`${version}\n${path}`);
  const observe = (side: Side, other: Side): Promise<SideView> =>
    observeSide({
      side,
      replica: replicas[side],
      recordsByPath,
      ownCapabilities: replicas[side].capabilities,
      otherCapabilities: replicas[other].capabilities,
      knownHash,
      // A reset compares bytes that were transferred, not hashes that were announced.
      ignoresAnnouncedHashes: records.state.resetting,
      isIgnored,
      signal,
      onSeen: (count) => tally.seen(count),
    });
  const [local, remote] = await Promise.all([
    observe('local', 'remote'),
    observe('remote', 'local'),
  ]);
  return { local, remote };
}

function planFor(context: RunContext, views: Views): Plan {
  const { records, settings } = context;
  const policy: Policy = {
    deletes: records.state.resetting ? 'hold' : settings.deletes,
    mirror: settings.mirror && !records.state.resetting,
    transferEqual: records.state.resetting,
    device: settings.deviceName,
    timestamp: timestampOf(context.clock.now()),
  };
  const base = [...records.all()].map((record) => ({
    id: record.id,
    parentId: record.parentId,
    name: record.name,
    kind: record.kind,
    content: baseToken(record),
    sizeBytes: record.sizeBytes,
    identity: {
      ...(record.local.identity === undefined ? {} : { local: record.local.identity }),
      ...(record.remote.identity === undefined ? {} : { remote: record.remote.identity }),
    },
  }));
  return reconcile({
    base,
    local: views.local.tree,
    remote: views.remote.tree,
    direction: settings.direction,
    policy,
  });
}

function checkPass(context: RunContext, { plan, views }: Pass): void {
  const { records, settings } = context;
  let recordedFiles = 0;
  for (const record of records.all()) if (record.kind === 'file') recordedFiles++;
  checkNetEffect({
    plan,
    views,
    recordedEntries: records.size,
    recordedFiles,
    settings,
    allowDeletes: context.allowDeletes || context.dryRun,
    yes: context.yes || context.dryRun,
  });
}

/** Executes the plan; returns whether another pass is needed. */
async function applyPass(context: RunContext, { plan, views, postponed }: Pass): Promise<boolean> {
  const { records, replicas, settings, tally, signal } = context;
  tally.enter('transferring');
  expectTransfers(context, plan, views);
  const conflicts = journalConflicts(context, plan);
  await records.commit();
  const result = await executePlan({
    plan,
    direction: settings.direction,
    records,
    replicas,
    observed: views,
    signal,
    throttle: throttleOf(context),
    onBytes: (side, count) => tally.arrived(side, count),
    onDone: (operation, side, node) => tally.done(operation, side, node),
    onFinished: (node) => {
      if (node.adopts) tally.adopted++;
      const conflict = conflicts.get(node.key);
      if (conflict) tally.conflicts.push(conflict);
      conflicts.delete(node.key);
    },
  });
  tally.enter('finishing');
  for (const conflict of conflicts.values()) records.dropConflict(conflict.copyPath);
  if (!result.fatal) await refreshUnchanged(context, plan, views);
  await records.commit();
  tally.problems.length = 0;
  tally.problems.push(...views.local.problems, ...views.remote.problems, ...result.problems);
  for (const problem of plan.problems)
    tally.problems.push({ ...problem, code: 'NAME_NOT_ALLOWED', retry: 'never' });
  if (result.fatal) throw result.fatal;
  const isWaiting = tally.problems.some((problem) => problem.retry !== 'never');
  if (!postponed && !result.needsAnotherPass && !isWaiting) records.setState({ resetting: false });
  return postponed || result.needsAnotherPass;
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

function journalConflicts({ records, clock }: RunContext, plan: Plan): Map<number, ConflictNote> {
  const notes = new Map<number, ConflictNote>();
  for (const node of plan.nodes) {
    if (!node.conflictOf) continue;
    const { from, path } = node.conflictOf;
    const copyPath = node[from].to ?? node.local.to ?? node.remote.to;
    if (copyPath === null) continue;
    const note = { path, copyPath, copyFrom: from, detectedAtMs: clock.now() };
    records.putConflict(note);
    notes.set(node.key, note);
  }
  return notes;
}

type ConflictNote = Parameters<Records['putConflict']>[0];

/** Brings records up to date whose version changed on a side although the content did not, so that it is not looked at again. */
async function refreshUnchanged(
  { records, replicas }: RunContext,
  plan: Plan,
  views: Views,
): Promise<void> {
  const planned = new Set<number | null>(plan.nodes.map((node) => node.baseId));
  const equal: EqualFile[] = [];
  for (const [path, record] of records.byPath()) {
    if (record.kind !== 'file' || planned.has(record.id)) continue;
    const isRefreshed = { local: false, remote: false };
    for (const side of ['local', 'remote'] as const) {
      const entry = views[side].entries.get(path);
      isRefreshed[side] =
        entry?.kind === 'file' &&
        entry.version !== record[side].version &&
        views[side].tokenAt(path) === baseToken(record);
    }
    const local = views.local.entries.get(path);
    const remote = views.remote.entries.get(path);
    if (!isRefreshed.local && !isRefreshed.remote) continue;
    records.put({
      ...record,
      ...(isRefreshed.local && local ? { local: recordedSide(local) } : {}),
      ...(isRefreshed.remote && remote ? { remote: recordedSide(remote) } : {}),
    });
    const isEqual = views.local.tokenAt(path) === views.remote.tokenAt(path);
    if (local && remote && isEqual)
      equal.push({ path: { local: path, remote: path }, entry: { local, remote } });
  }
  await tellCounterparts(replicas, equal);
}

function describe({ tally }: RunContext, plan: Plan): void {
  const nodes = new Map(plan.nodes.map((node) => [node.key, node]));
  for (const side of ['local', 'remote'] as const)
    for (const operation of plan.operations[side]) {
      const node = nodes.get(operation.key);
      if (node) tally.done(operation, side, node);
    }
  tally.adopted += plan.nodes.filter((node) => node.adopts).length;
}

async function loadIgnoreRules({ replicas, settings, signal }: RunContext): Promise<IsIgnored> {
  const own = await readWhole(replicas.local, IGNORE_FILE as SyncPath, signal);
  const lines = own === null ? [] : own.toString('utf8').split(/\r?\n/);
  return compileIgnoreRules([...lines, ...settings.ignore]);
}

function throttleOf({ settings, clock }: RunContext): ReturnType<typeof createThrottle> | null {
  return settings.bandwidthBytesPerS === undefined
    ? null
    : createThrottle(settings.bandwidthBytesPerS, clock);
}

/** Returns local time as `YYYY-MM-DD HH-MM-SS`. */
function timestampOf(nowMs: number): string {
  const local = new Date(nowMs - new Date(nowMs).getTimezoneOffset() * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 19).replaceAll(':', '-')}`;
}
