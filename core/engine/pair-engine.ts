import type { Observable } from 'rxjs';
import type { Direction } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { Conflict, Problem } from '../model/problem.ts';
import type { Explanation } from './explain.ts';
import type { HeldPlan, HeldPlanSummary } from './held-plan.ts';
import type { PairHistory } from './pair-history.ts';
import type { PairSettings } from './pair-settings.ts';
import type { PlannedAction } from './planned-actions.ts';
import type { ConflictChoice, ConflictOutcome } from './resolve-conflict.ts';
import type { ConflictView } from './show-conflict.ts';

/** What a pair is doing now. */
export type Phase = 'idle' | 'checking' | 'comparing' | 'planning' | 'transferring' | 'finishing';

export interface Progress {
  readonly phase: Phase;
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Entries seen so far while comparing. */
  readonly entriesSeen: number;
}

/** What `ferry sync --json` ends with. */
export interface RunSummary {
  readonly pair: string;
  readonly direction: Direction;
  readonly uploaded: number;
  readonly downloaded: number;
  readonly moved: number;
  readonly deletedLocal: number;
  readonly deletedRemote: number;
  readonly adopted: number;
  readonly conflicts: readonly Conflict[];
  readonly problems: readonly Problem[];
  /** Content bytes, without protocol overhead. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly durationMs: number;
  /** One-way: entries that are only on the destination, changed there, removed there. */
  readonly localOnly: number;
  readonly changedHere: number;
  readonly removedHere: number;
  /** True when nothing was left for another run but what the user must decide. */
  readonly complete: boolean;
  readonly dryRun: boolean;
  /** What a dry run would do, one for each operation that changes something; empty after a real run. */
  readonly actions: readonly PlannedAction[];
}

/** Settings whose change can be previewed. */
export type PreviewedSettings = Partial<
  Pick<PairSettings, 'direction' | 'deletes' | 'mirror' | 'ignore'>
>;

export interface RunRequest {
  readonly dryRun?: boolean;
  /** Lets the deletions of this one run through the guard. */
  readonly allowDeletes?: boolean;
  /** Lets held modifications and conflicts through the guard. */
  readonly yes?: boolean;
  /** Carries out the held plan, if it is still what a run would do. */
  readonly release?: boolean;
  /** Of a dry run: as if the pair obeyed these. */
  readonly settings?: PreviewedSettings;
  /** Nobody asked for this run: entries that failed wait until it is time to try them again. */
  readonly automatic?: boolean;
  /** Of sides without a change feed, looks only at what was hinted at since the last run, where that is known. */
  readonly onlyHinted?: boolean;
  readonly signal?: AbortSignal;
}

export interface ResetPreview {
  /** Files and bytes that will be transferred, and files that will come back on either side. */
  readonly files: number;
  readonly bytes: number;
  readonly comesBack: number;
}

export type InSync = 'unknown' | 'pending' | 'in-sync';

/** What is known about a pair between and during runs; one value at a time. */
export interface PairState {
  readonly running: boolean;
  readonly inSync: InSync;
  readonly progress: Progress | null;
  readonly lastRun: RunSummary | null;
  /** Milliseconds since 1970. */
  readonly lastRunAtMs: number | null;
  /** Code and text of the error that ended the last run; null when it ended well. */
  readonly lastError: { readonly code: string; readonly message: string } | null;
  readonly conflicts: number;
  /** A plan that a guard stopped. */
  readonly heldPlan: HeldPlanSummary | null;
  readonly recordedEntries: number;
  /** A reset was begun and has not transferred everything yet. */
  readonly resetting: boolean;
}

/** Keeps one pair in step. Runs of one engine never overlap: a second request waits for the first. */
export interface PairEngine {
  readonly state$: Observable<PairState>;
  readonly state: PairState;

  /**
   * One run: observe, reconcile, apply. Problems of single paths are in the summary, not thrown.
   * @throws GUARD_STOPPED, LOCAL_ROOT_MISSING, REMOTE_* when the run as a whole cannot go on, ABORTED
   */
  run(request?: RunRequest): Promise<RunSummary>;

  /** Says what `reset` would move. */
  previewReset(signal?: AbortSignal): Promise<ResetPreview>;

  /** Clears the records (a copy is kept) and transfers everything; goes on where an interrupted one stopped. */
  reset(request?: RunRequest): Promise<RunSummary>;

  /** Returns the plan that a guard stopped last; null when none is held. */
  heldPlan(): Promise<HeldPlan | null>;

  /** Forgets the held plan and returns whether there was one; the next run may hold it again. */
  dropHeldPlan(): Promise<boolean>;

  /** Says why the entry at a path is as it is, what is in it if it is a directory, and what the last runs did to it. */
  explain(path: SyncPath, signal?: AbortSignal): Promise<Explanation>;

  conflicts(): Promise<readonly Conflict[]>;

  /** Reads both versions of the conflict at a path (either file's). @throws CONFIG_INVALID when there is none */
  showConflict(path: SyncPath): Promise<ConflictView>;

  /**
   * Ends conflicts: removes the losing file on the side that holds both, or only forgets the conflict (`both`); the next
   * run carries it over. One that fails does not stop the others, and stays. @throws CONFIG_INVALID when there is none
   */
  resolveConflicts(choice: ConflictChoice): Promise<readonly ConflictOutcome[]>;

  /** Kept versions and earlier runs, and the ways back to them. */
  readonly history: PairHistory;

  close(): Promise<void>;
}
