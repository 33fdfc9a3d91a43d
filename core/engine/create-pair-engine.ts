import { BehaviorSubject, type Observable, type Subscription } from 'rxjs';
import type { Side } from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Conflict } from '../model/problem.ts';
import { isNotice } from '../model/problem.ts';
import type { Clock, Logger, Replica } from '../ports.ts';
import {
  type OpenRecordsOptions,
  openRecords,
  replaceRecords,
  resetRecords,
} from '../records/open-records.ts';
import type { Records } from '../records/records.ts';
import { type RecordsHome, recordsHomeIn } from '../records/records-home.ts';
import type { RunKind } from '../records/run-log.ts';
import { sharedSignal } from '../transfer/shared-signal.ts';
import { type Explanation, explain } from './explain.ts';
import { firstState } from './first-state.ts';
import { dropHeldPlan, type HeldPlan, readHeldPlan, summaryOf } from './held-plan.ts';
import { HINTED_NOWHERE, HintLog } from './hint-log.ts';
import { noteKnownProblems } from './known-problems.ts';
import type {
  PairEngine,
  PairState,
  Progress,
  ResetPreview,
  RunRequest,
  RunSummary,
} from './pair-engine.ts';
import { openHistory, type PairHistory } from './pair-history.ts';
import type { PairSettings } from './pair-settings.ts';
import { previewReset } from './preview-reset.ts';
import { pruneVersions } from './prune-versions.ts';
import {
  type ConflictChoice,
  type ConflictOutcome,
  chosenConflicts,
  resolveConflict,
} from './resolve-conflict.ts';
import { RetrySchedule } from './retry-schedule.ts';
import { runPair } from './run.ts';
import { NO_PROGRESS, RunTally } from './run-progress.ts';
import { RunRecorder } from './run-recorder.ts';
import { type ConflictView, showConflict } from './show-conflict.ts';
import { summarize } from './summarize.ts';

export interface PairEngineOptions {
  readonly settings: PairSettings;
  readonly local: Replica;
  readonly remote: Replica;
  readonly recordsHome: RecordsHome;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CreatePairEngineOptions extends Omit<PairEngineOptions, 'recordsHome'> {
  /** Directory of this pair alone; made when missing. */
  readonly recordsDirectory: string;
}

/** Progress is published at most so often. */
const PROGRESS_INTERVAL_MS = 100;

/**
 * Opens a pair's records and returns its engine. The replicas stay the caller's to close, after the engine.
 * @throws RECORD_LOCKED when another process has the pair, RECORD_SCHEMA_NEWER, LOCAL_NO_SPACE
 */
export function createPairEngine(options: CreatePairEngineOptions): Promise<PairEngine> {
  return createPairEngineIn({ ...options, recordsHome: recordsHomeIn(options.recordsDirectory) });
}

/** Does what `createPairEngine` does with records that live anywhere. */
export async function createPairEngineIn(options: PairEngineOptions): Promise<PairEngine> {
  const { recordsHome: home, clock, logger } = options;
  const records = await openRecords({ home, nowMs: clock.now(), logger });
  return new SerialPairEngine(options, records, await readHeldPlan(records));
}

class SerialPairEngine implements PairEngine {
  readonly #options: PairEngineOptions;
  readonly #replicas: Readonly<Record<Side, Replica>>;
  readonly #state: BehaviorSubject<PairState>;
  readonly #hints: Subscription;
  readonly #hinted: HintLog;
  readonly history: PairHistory;
  readonly #retries: RetrySchedule;
  #records: Records;
  #queue: Promise<unknown> = Promise.resolve();
  #changedSinceRun = false;
  /** A reset is putting other records in the place of these, which may be closed. */
  #isReplacing = false;
  #progressAtMs = 0;

  constructor(options: PairEngineOptions, records: Records, held: HeldPlan | null) {
    this.#options = options;
    this.#records = records;
    this.#retries = new RetrySchedule(options);
    this.#replicas = { local: options.local, remote: options.remote };
    this.#state = new BehaviorSubject<PairState>(firstState(records, held && summaryOf(held)));
    this.history = openHistory({
      ...options,
      replicas: this.#replicas,
      records: () => this.#records,
      alone: (work) => this.#enqueue(() => this.#changing(work)),
      onProgress: (filesDone, filesTotal) =>
        this.#publishProgress({ ...NO_PROGRESS, phase: 'transferring', filesDone, filesTotal }),
    });
    this.#hinted = new HintLog(this.#replicas);
    this.#hints = this.#hinted.hints$.subscribe({
      next: () => {
        this.#changedSinceRun = true;
        if (!this.state.running && this.state.inSync === 'in-sync')
          this.#set({ inSync: 'pending' });
      },
      // Hints are never complete anyway; one that fails must not end the process.
      error: (error) => options.logger.warn('hints of changes ended', { reason: String(error) }),
    });
  }

  get state(): PairState {
    return this.#state.value;
  }

  get state$(): Observable<PairState> {
    return this.#state.asObservable();
  }

  run(request: RunRequest = {}): Promise<RunSummary> {
    return this.#enqueue(() => this.#onSoundRecords(() => this.#run(request)));
  }

  previewReset(signal?: AbortSignal): Promise<ResetPreview> {
    const { direction, ignore } = this.#options.settings;
    return this.#enqueue(() =>
      this.#onSoundRecords(() =>
        previewReset({
          replicas: this.#replicas,
          records: this.#records,
          direction,
          ignore,
          signal: sharedSignal(signal),
        }),
      ),
    );
  }

  reset(request: RunRequest = {}): Promise<RunSummary> {
    return this.#enqueue(async () => {
      if (!this.#records.state.resetting) {
        this.#isReplacing = true;
        this.#records = await resetRecords(this.#records, this.#recordsOptions());
        this.#isReplacing = false;
      }
      return this.#onSoundRecords(() => this.#run(request));
    });
  }

  heldPlan(): Promise<HeldPlan | null> {
    return readHeldPlan(this.#records);
  }

  dropHeldPlan(): Promise<boolean> {
    return this.#enqueue(async () => {
      const wasHeld = await dropHeldPlan(this.#records);
      this.#set({ heldPlan: null });
      return wasHeld;
    });
  }

  /** Only shown: that it could not be read must not hide how the run ended. */
  async #heldPlan(): Promise<PairState['heldPlan']> {
    const held = await readHeldPlan(this.#records).catch(() => null);
    return held && summaryOf(held);
  }

  explain(path: SyncPath, signal?: AbortSignal): Promise<Explanation> {
    return this.#enqueue(() =>
      explain(path, {
        records: this.#records,
        replicas: this.#replicas,
        settings: this.#options.settings,
        signal: sharedSignal(signal),
      }),
    );
  }

  async conflicts(): Promise<readonly Conflict[]> {
    return this.#records.conflicts();
  }

  showConflict(path: SyncPath): Promise<ConflictView> {
    return this.#enqueue(async () => {
      const [conflict] = chosenConflicts(this.#records.conflicts(), [path]);
      return showConflict(conflict as Conflict, this.#replicas, this.#options.settings.direction);
    });
  }

  resolveConflicts(choice: ConflictChoice): Promise<readonly ConflictOutcome[]> {
    return this.#enqueue(async () => {
      const { direction } = this.#options.settings;
      const outcomes: ConflictOutcome[] = [];
      for (const conflict of chosenConflicts(this.#records.conflicts(), choice.paths)) {
        const outcome = await resolveConflict(conflict, choice, this.#replicas, direction);
        outcomes.push(outcome);
        if (!choice.dryRun && !outcome.error) this.#records.dropConflict(conflict.copyPath);
      }
      await this.#records.commit();
      this.#set({ conflicts: this.#records.conflicts().length });
      return outcomes;
    });
  }

  async close(): Promise<void> {
    this.#hints.unsubscribe();
    await this.#queue.catch(() => undefined);
    await this.#records.close();
    this.#state.complete();
  }

  /** Lets work between two runs show its progress. */
  async #changing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#set({ progress: null });
    }
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const ready = async (): Promise<T> => {
      if (this.#isReplacing) await this.#reopen();
      return work();
    };
    const next = this.#queue.then(ready, ready);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #recordsOptions(): OpenRecordsOptions {
    const { recordsHome: home, clock, logger } = this.#options;
    return { home, nowMs: clock.now(), logger };
  }

  /** Opens what is durable; after a reset that failed half-way the earlier records or the new ones, whole either way. */
  async #reopen(): Promise<void> {
    await this.#records.close();
    this.#records = await openRecords(this.#recordsOptions());
    this.#isReplacing = false;
  }

  /** Records that turn out damaged are set aside, and the work begins anew without them: then nothing is deleted. */
  async #onSoundRecords<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FerryError) || error.code !== 'RECORD_CORRUPT') throw error;
      this.#isReplacing = true;
      this.#records = await replaceRecords(this.#records, this.#recordsOptions(), error.message);
      this.#isReplacing = false;
      return work();
    } finally {
      this.#records.unload();
    }
  }

  async #run(request: RunRequest): Promise<RunSummary> {
    const { clock, logger } = this.#options;
    const startedAtMs = clock.now();
    const dryRun = request.dryRun ?? false;
    const settings = { ...this.#options.settings, ...(dryRun ? request.settings : {}) };
    const tally = new RunTally((progress) => this.#publishProgress(progress), dryRun);
    const recorder = this.#recorder(this.#records.state.resetting ? 'reset' : 'sync', startedAtMs);
    let failure: FerryError | undefined;
    this.#changedSinceRun = false;
    const hinted = dryRun ? HINTED_NOWHERE : this.#hinted.take();
    if (request.automatic !== true) this.#retries.makeAllDue();
    this.#set({ running: true, lastError: null });
    try {
      const complete = await runPair({
        settings,
        replicas: this.#replicas,
        records: this.#records,
        clock,
        logger,
        tally,
        recorder,
        retries: this.#retries,
        signal: sharedSignal(request.signal),
        dryRun,
        allowDeletes: request.allowDeletes ?? false,
        yes: request.yes ?? false,
        release: request.release && !dryRun ? { admitted: null } : null,
        hinted: request.onlyHinted ? hinted : HINTED_NOWHERE,
      });
      if (!dryRun) await this.#pruneVersions(request.signal);
      const durationMs = clock.now() - startedAtMs;
      const summary = summarize(tally, { settings, durationMs, complete, dryRun });
      if (!dryRun) this.#retries.keepOnly(summary.problems);
      if (!dryRun) await noteKnownProblems(this.#records, summary.problems, clock.now());
      if (!dryRun) this.#finished(summary);
      else if (this.#changedSinceRun && this.state.inSync === 'in-sync')
        this.#set({ inSync: 'pending' });
      return summary;
    } catch (caught) {
      const error = toFerryError(caught);
      failure = error;
      this.#hinted.giveBack();
      logger.error('run failed', { pair: settings.name, code: error.code, reason: error.message });
      this.#set({ lastError: { code: error.code, message: error.message }, inSync: 'unknown' });
      throw error;
    } finally {
      await this.#endRecording(recorder, failure);
      if (dryRun) await this.#takeBack(settings, request.settings !== undefined);
      this.#set({
        heldPlan: await this.#heldPlan(),
        running: false,
        progress: null,
        conflicts: this.#records.conflicts().length,
        recordedEntries: this.#records.size,
        resetting: this.#records.state.resetting,
      });
      if (!dryRun) await this.#noteSequence();
    }
  }

  /** Takes back what a dry run has staged as if the pair obeyed other settings than the last run. */
  async #takeBack({ direction }: PairSettings, isPreview: boolean): Promise<void> {
    const { size, state } = this.#records;
    if (size === 0 || (state.direction === direction && !isPreview)) return;
    this.#isReplacing = true;
    await this.#reopen();
  }

  #pruneVersions(signal: AbortSignal | undefined): Promise<void> {
    const { logger } = this.#options;
    const [replicas, records] = [this.#replicas, this.#records];
    return pruneVersions({ replicas, records, logger, signal: sharedSignal(signal) });
  }

  #recorder(kind: RunKind, startedAtMs: number): RunRecorder {
    const { direction, mirror } = this.#options.settings;
    return new RunRecorder({ log: this.#records.runLog, kind, direction, mirror, startedAtMs });
  }

  /** What the run did is recorded: that its end could not be written into the run log is no failure of it. */
  async #endRecording(recorder: RunRecorder, error: FerryError | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      const isAny = recorder.stage({ endedAtMs: clock.now(), ...(error ? { error } : {}) });
      if (isAny) await this.#records.commit();
    } catch (caught) {
      logger.warn('the run log could not be written', { reason: String(caught) });
    }
  }

  /** The run itself is recorded: that its end could not be noted is no failure of the run. */
  async #noteSequence(): Promise<void> {
    const { recordsHome, logger } = this.#options;
    try {
      await recordsHome.noteSequence(this.#records.state.sequence);
    } catch (error) {
      logger.warn('the end of the sync records could not be noted', { reason: String(error) });
    }
  }

  #finished(summary: RunSummary): void {
    const { clock, logger, settings } = this.#options;
    logger.info('run finished', {
      pair: settings.name,
      uploaded: summary.uploaded,
      downloaded: summary.downloaded,
      conflicts: summary.conflicts.length,
      problems: summary.problems.length,
      durationMs: summary.durationMs,
    });
    const isClean = summary.complete && summary.problems.every((problem) => isNotice(problem));
    this.#set({
      lastRun: summary,
      lastRunAtMs: clock.now(),
      inSync: isClean && !this.#changedSinceRun ? 'in-sync' : 'pending',
    });
  }

  #publishProgress(progress: Progress): void {
    const now = this.#options.clock.now();
    const isNewPhase = this.state.progress?.phase !== progress.phase;
    if (!isNewPhase && now - this.#progressAtMs < PROGRESS_INTERVAL_MS) return;
    this.#progressAtMs = now;
    this.#set({ progress });
  }

  #set(change: Partial<PairState>): void {
    this.#state.next({ ...this.#state.value, ...change });
  }
}
