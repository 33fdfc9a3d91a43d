import type { PairState, RunSummary } from '../core/engine/pair-engine.ts';
import type { Problem } from '../core/model/problem.ts';
import type { ApiCache, ApiHeldPlan, ApiPair, ApiRunCounts } from './api.ts';
import type { Pause } from './config.ts';
import type { RecordedCounts } from './last-run.ts';

/** What a session knows beyond what its engine says. */
export interface SessionState {
  readonly pause: Pause | undefined;
  /** Null until both sides could be opened. */
  readonly engine: PairState | null;
  /** A run was begun and has not ended, the opening of both sides included. */
  readonly running: boolean;
  /** Of the last run, or of opening; null when it went well. */
  readonly lastError: ApiPair['lastError'];
  readonly lastRunAtMs: number | null;
  readonly nextRunAtMs: number | null;
  readonly lastSummary: RunSummary | null;
  /** Something changed since the last run. */
  readonly hasHints: boolean;
  readonly pendingUploads: number;
  /** Of a drive that fetches contents on demand. */
  readonly cache: ApiCache | null;
  /** What an earlier process left; shown until the records are open. */
  readonly recorded: RecordedCounts;
  readonly mount: Pick<ApiPair, 'mountBackend' | 'mountNote' | 'putAside'>;
}

/** What a session is before anything happened. */
export const FIRST_STATE: SessionState = {
  pause: undefined,
  engine: null,
  running: false,
  lastError: null,
  lastRunAtMs: null,
  nextRunAtMs: null,
  lastSummary: null,
  hasHints: false,
  pendingUploads: 0,
  cache: null,
  recorded: { conflicts: 0, recordedEntries: 0 },
  mount: {},
};

function countsOf(summary: RunSummary): ApiRunCounts {
  const { uploaded, downloaded, moved, deletedLocal, deletedRemote, adopted } = summary;
  const { bytesSent, bytesReceived, durationMs, localOnly, changedHere, removedHere } = summary;
  return {
    uploaded,
    downloaded,
    moved,
    deletedLocal,
    deletedRemote,
    adopted,
    bytesSent,
    bytesReceived,
    durationMs,
    localOnly,
    changedHere,
    removedHere,
  };
}

function inSyncOf(state: SessionState): ApiPair['inSync'] {
  const known = state.engine?.inSync ?? 'unknown';
  if (state.pendingUploads > 0) return 'pending';
  return known === 'in-sync' && state.hasHints ? 'pending' : known;
}

function progressOf(engine: PairState | null): ApiPair['progress'] {
  if (engine === null || engine.progress === null) return null;
  const { phase, filesDone, filesTotal, bytesDone, bytesTotal } = engine.progress;
  return { phase, filesDone, filesTotal, bytesDone, bytesTotal };
}

/** Returns the problems that the last run met. */
export function problemsOf(state: SessionState): readonly Problem[] {
  return (state.lastSummary ?? state.engine?.lastRun)?.problems ?? [];
}

function heldPlanOf(heldPlan: ApiHeldPlan | null | undefined): Pick<ApiPair, 'heldPlan'> {
  return heldPlan ? { heldPlan } : {};
}

function nextRetryOf(problems: readonly Problem[]): Pick<ApiPair, 'nextRetryAtMs'> {
  const times = problems.flatMap(({ retryAtMs }) => retryAtMs ?? []);
  return times.length === 0 ? {} : { nextRetryAtMs: Math.min(...times) };
}

/** Returns what the control API shows of a session. */
export function apiPairOf(
  fixed: Pick<ApiPair, 'name' | 'kind' | 'local' | 'remote' | 'direction'>,
  state: SessionState,
): ApiPair {
  const { engine, pause } = state;
  const summary = state.lastSummary ?? engine?.lastRun ?? null;
  return {
    ...fixed,
    paused: pause !== undefined,
    ...(pause === undefined || pause.untilMs === null ? {} : { pausedUntilMs: pause.untilMs }),
    running: state.running,
    inSync: inSyncOf(state),
    progress: state.running ? progressOf(engine) : null,
    lastRunAtMs: state.lastRunAtMs ?? engine?.lastRunAtMs ?? null,
    nextRunAtMs: pause === undefined ? state.nextRunAtMs : null,
    lastError: state.lastError ?? (state.running ? null : (engine?.lastError ?? null)),
    conflicts: (engine ?? state.recorded).conflicts,
    ...heldPlanOf(engine === null ? state.recorded.heldPlan : engine.heldPlan),
    problems: problemsOf(state).length,
    ...nextRetryOf(problemsOf(state)),
    recordedEntries: (engine ?? state.recorded).recordedEntries,
    resetting: engine?.resetting ?? false,
    ...(summary === null ? {} : { lastRun: countsOf(summary) }),
    ...(fixed.kind === 'drive' ? { pendingUploads: state.pendingUploads, ...state.mount } : {}),
    ...(state.cache === null ? {} : { cache: state.cache }),
  };
}
