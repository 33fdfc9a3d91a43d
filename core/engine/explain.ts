import type { Entry, EntryKind, Side } from '../model/entry.ts';
import { toFerryError } from '../model/errors.ts';
import { isPrivateName, ROOT, type SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import type { Replica } from '../ports.ts';
import type { PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { type EntryState, type Judged, judge, lookOf, type SideLook } from './entry-state.ts';
import { type Below, explainBelow } from './explain-below.ts';
import { type ExplainedStep, historyOf } from './explain-history.ts';
import { readHeldPlan } from './held-plan.ts';
import { IgnoreFiles, rulesOf, settingsSource } from './ignore-files.ts';
import type { IgnoredBy, IgnoreRules } from './ignore-rules.ts';
import { type KnownProblem, problemFor, readKnownProblems, wordsOf } from './known-problems.ts';
import type { PairSettings } from './pair-settings.ts';

/** What one side holds at a path. */
export interface ExplainedSide {
  readonly look: SideLook;
  readonly sizeBytes?: number;
  readonly mtimeMs?: number;
  /** Why it could not be asked. */
  readonly note?: string;
}

/** Why an entry is as it is. */
export interface Explanation extends Judged {
  readonly path: SyncPath;
  readonly kind: EntryKind | null;
  readonly state: EntryState;
  readonly local: ExplainedSide;
  readonly remote: ExplainedSide;
  readonly isRecorded: boolean;
  readonly ignoredBy?: IgnoredBy;
  readonly conflict?: Conflict;
  readonly problem?: KnownProblem;
  /** What the last runs did to it, the latest first. */
  readonly history: readonly ExplainedStep[];
  /** Of a directory: the entries in it. */
  readonly below?: Below;
}

export interface ExplainOptions {
  readonly records: Records;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly settings: PairSettings;
  readonly signal: AbortSignal;
}

/** Says why the entry at a path is as it is, from the records, the run log, and a look at both sides. */
export async function explain(path: SyncPath, options: ExplainOptions): Promise<Explanation> {
  const { records, settings } = options;
  const local = await seenOn('local', path, options);
  const remote = await seenOn('remote', path, options);
  const record = await records.find(path);
  const history = await historyOf(path, records.runLog);
  const kind = local.entry?.kind ?? remote.entry?.kind ?? record?.kind ?? null;
  const looks = {
    local: lookOf(local.entry, record, 'local'),
    remote: lookOf(remote.entry, record, 'remote'),
  };
  const sides = {
    local: sideOf(local, looks.local),
    remote: sideOf(remote, looks.remote),
  };
  const rules = await ignoreRules(options);
  const known: Explanation = {
    path,
    kind,
    isRecorded: record !== undefined || path === ROOT,
    ...sides,
    history,
    ...(path === ROOT
      ? ({ state: 'in-sync', text: 'the root of the pair' } as const)
      : judge(looks, record !== undefined, settings)),
  };
  const judged = withPast({ ...known, ...(await overruled(known, rules, options)) }, record);
  if (kind !== 'directory' || judged.state === 'ignored') return judged;
  const { isIgnored } = rules;
  const problems = await readKnownProblems(records);
  return { ...judged, below: await explainBelow(path, { ...options, isIgnored, problems }) };
}

interface Seen {
  /** Undefined: it could not be asked. */
  readonly entry: Entry | null | undefined;
  readonly note?: string;
}

async function seenOn(
  side: Side,
  path: SyncPath,
  { replicas, signal }: ExplainOptions,
): Promise<Seen> {
  try {
    if (path === ROOT) await replicas[side].identify({ signal });
    else return { entry: await replicas[side].stat(path, { signal }) };
    return { entry: { kind: 'directory', path, version: '' as Entry['version'] } };
  } catch (error) {
    return { entry: undefined, note: toFerryError(error, path).message };
  }
}

function sideOf({ entry, note }: Seen, look: SideLook): ExplainedSide {
  const file = entry?.kind === 'file' ? entry : null;
  return {
    look,
    ...(file ? { sizeBytes: file.sizeBytes } : {}),
    ...(file?.mtimeNs === undefined ? {} : { mtimeMs: Number(file.mtimeNs / 1_000_000n) }),
    ...(note === undefined ? {} : { note }),
  };
}

/** What is said about a path elsewhere, and decides more than what the sides hold. */
async function overruled(
  { path, kind, state }: Explanation,
  rules: IgnoreRules,
  { records }: ExplainOptions,
): Promise<Partial<Explanation>> {
  if (path === ROOT) return {};
  if (path.split('/').some(isPrivateName))
    return { state: 'ignored', text: 'it belongs to Ferry itself and is never synced' };
  const by = rules.ignoredBy(path, kind === 'directory');
  if (by)
    return {
      state: 'ignored',
      ignoredBy: by,
      text: `ignored by ${by.rule} (${by.source}): it does not exist for runs`,
    };
  const problem = problemFor(await readKnownProblems(records), path);
  if (problem) return aboutProblem(problem, path);
  const conflict = records.conflicts().find((each) => each.path === path || each.copyPath === path);
  if (conflict) return aboutConflict(conflict, path);
  const held = state === 'in-sync' ? null : await readHeldPlan(records);
  const action = held?.actions.find((each) => each.path === path || each.from === path);
  if (held && action)
    return {
      state: 'held',
      text: `a guard stopped the run that would do this: ${action.action} (${action.reason}); ferry plan show`,
    };
  return {};
}

function aboutProblem(problem: KnownProblem, path: SyncPath): Partial<Explanation> {
  if (problem.path !== path)
    return {
      state: 'frozen',
      problem,
      text: `left alone because of ${problem.path === ROOT ? 'the root' : problem.path}: ${wordsOf(problem)}`,
    };
  const isWaiting = problem.code === 'CHANGED' || problem.code === 'LOCAL_BUSY';
  return { state: isWaiting ? 'waiting' : 'problem', problem, text: wordsOf(problem) };
}

function aboutConflict(conflict: Conflict, path: SyncPath): Partial<Explanation> {
  const { copyPath, copyFrom } = conflict;
  const isCopy = copyPath === path;
  return {
    state: 'conflict',
    conflict,
    text: isCopy
      ? `the ${copyFrom} version of ${conflict.path}, which was changed on both sides; ferry conflicts show`
      : `changed on both sides: the ${copyFrom} version is kept as ${copyPath}; ferry conflicts show`,
  };
}

/** Adds what the run log knows: since when an entry is in sync, and where one that is gone went. */
function withPast(explanation: Explanation, record: PairRecord | undefined): Explanation {
  const { state, history, path, text } = explanation;
  const [last] = history;
  if (state === 'in-sync' && record)
    return {
      ...explanation,
      text: last ? `${text} (run ${last.run})` : `${text}, longer ago than the run log reaches`,
    };
  if (state !== 'unknown' || !last || explanation.local.look === 'not-seen') return explanation;
  const gone =
    last.op === 'move' && last.from === path
      ? `it was moved to ${last.path} in run ${last.run}`
      : last.op === 'remove'
        ? `it was removed on the ${last.side} side in run ${last.run}: ${last.reason.rule}`
        : `${text}; run ${last.run} was the last to do something about it`;
  return { ...explanation, text: gone };
}

/** Returns the rules that a run obeys; where they cannot be read, only those that are built in or in the settings. */
async function ignoreRules(options: ExplainOptions): Promise<IgnoreRules> {
  const { ignore } = options.settings;
  try {
    return (await IgnoreFiles.load({ ...options, ignore })).rules;
  } catch {
    return rulesOf([settingsSource(ignore)], options.replicas);
  }
}
