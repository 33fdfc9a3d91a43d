import {
  asyncScheduler,
  BehaviorSubject,
  distinctUntilChanged,
  EMPTY,
  filter,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  Subscription,
  share,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import type {
  PairEngine,
  ResetPreview,
  RunRequest,
  RunSummary,
} from '../core/engine/pair-engine.ts';
import { FerryError, toFerryError } from '../core/model/errors.ts';
import { isNotice, type Problem } from '../core/model/problem.ts';
import type { Logger } from '../core/ports.ts';
import type { ApiPair } from './api.ts';
import { backOffMs } from './back-off.ts';
import type { Pause } from './config.ts';
import { scheduled$, waitUntil } from './due-runs.ts';
import type { LastRun } from './last-run.ts';
import { OpenedOnce } from './opened-once.ts';
import type { HostedCache } from './parts.ts';
import { QuietTime } from './quiet-time.ts';
import { runPipeline, type Trigger } from './run-pipeline.ts';
import type { Schedule } from './schedule.ts';
import { apiPairOf, FIRST_STATE, problemsOf, type SessionState } from './session-state.ts';
import { cacheOf, type ShownDrive, shownState$ } from './shown-drive.ts';

/** What a session keeps open between runs. */
export interface OpenedSession {
  readonly engine: PairEngine;
  /** Hints that a run is worth while. */
  readonly hints$: Observable<unknown>;
  /** Emits when the other side is worth a look beside the schedule. */
  readonly looks$?: Observable<unknown>;
  close(): Promise<void>;
}

export interface PairSessionOptions {
  readonly fixed: Pick<ApiPair, 'name' | 'kind' | 'local' | 'remote' | 'direction'>;
  readonly schedule: Schedule;
  readonly pause?: Pause | undefined;
  /** Drives: shows it, before the other side is spoken to; called again, later, when it failed. */
  readonly show?: () => Promise<ShownDrive>;
  /** Opens both sides; called again, later, when it failed. */
  readonly open: () => Promise<OpenedSession>;
  /** Called when the session is closed: an opening that waits for the other side ends. */
  readonly abandon?: () => void;
  readonly logger: Logger;
  /** Quiet time before a run that a change asked for. */
  readonly coalesceMs?: number;
  readonly scheduler?: SchedulerLike;
  readonly random?: () => number;
  /** What an earlier process left about the last run. */
  readonly lastRun?: LastRun | null;
  /** The schedule goes on from that run: what was missed since is made up for once. */
  readonly catchUp?: boolean;
  /** Called with every run that ended, well or not; dry runs and cancelled ones excepted. */
  readonly onRunEnded?: (run: LastRun) => void;
  /** Called when a pause with an end is over. */
  readonly onPauseOver?: () => void;
}

type Job = {
  readonly kind: 'sync' | 'reset';
  readonly request: RunRequest;
  readonly resolve: (summary: RunSummary) => void;
  readonly reject: (error: FerryError) => void;
};

const COALESCE_MS = 300;

function startsAtOnce({ fixed, schedule }: PairSessionOptions): boolean {
  return fixed.kind === 'drive' || schedule.watch || schedule.onStart;
}

/**
 * Keeps one pair or drive going: turns its schedule, the hints of its replicas and what people ask for into runs,
 * one at a time. An error ends a run, never the session; a remote that cannot be reached is tried again with
 * growing delays, beside the schedule.
 */
export class PairSession {
  readonly name: string;
  readonly #options: PairSessionOptions;
  readonly #scheduler: SchedulerLike;
  readonly #state$: BehaviorSubject<SessionState>;
  readonly #asked$ = new Subject<Trigger>();
  readonly #opened$ = new BehaviorSubject<OpenedSession | null>(null);
  readonly #retryIn$ = new Subject<number | null>();
  readonly #subscriptions = new Subscription();
  readonly #jobs: Job[] = [];
  readonly #opening = new OpenedOnce(() => this.#open());
  readonly #showing = new OpenedOnce(() => this.#show());
  readonly #shown$ = new BehaviorSubject<ShownDrive | null>(null);
  #current: { readonly controller: AbortController; readonly ended: Promise<unknown> } | null =
    null;
  /** Runs that failed, and runs that left something undone, since the last good one. */
  #failures = 0;
  #unfinished = 0;
  #closed = false;
  /** The next run is not only for what was hinted at. */
  #looksAtAll = true;

  constructor(options: PairSessionOptions) {
    this.name = options.fixed.name;
    this.#options = options;
    this.#scheduler = options.scheduler ?? asyncScheduler;
    this.#state$ = new BehaviorSubject<SessionState>({
      ...FIRST_STATE,
      pause: options.pause,
      lastSummary: options.lastRun?.summary ?? null,
      lastRunAtMs: options.lastRun?.atMs ?? null,
      // What runs at once will tell for itself; what an earlier process met is over.
      lastError: startsAtOnce(options) ? null : (options.lastRun?.error ?? null),
      recorded: options.lastRun?.recorded ?? FIRST_STATE.recorded,
    });
  }

  /** Begins to listen to the schedule and to changes. */
  start(): void {
    const triggers$ = merge(this.#asked$, this.#automatic$()).pipe(
      tap((trigger) => {
        if (trigger !== 'change') this.#looksAtAll = true;
      }),
      share(),
    );
    const runs$ = runPipeline({
      triggers$,
      run: () => this.#runOnce(),
      coalesceMs: this.#options.coalesceMs ?? COALESCE_MS,
      quiet: new QuietTime(() => this.#scheduler.now()),
      scheduler: this.#scheduler,
    });
    const engineStates$ = this.#opened$.pipe(
      switchMap((opened) => opened?.engine.state$ ?? of(null)),
    );
    this.#subscriptions.add(runs$.subscribe());
    this.#subscriptions.add(engineStates$.subscribe((engine) => this.#patch({ engine })));
    this.#subscriptions.add(shownState$(this.#shown$).subscribe((state) => this.#patch(state)));
    this.#subscriptions.add(this.#pauseOver$().subscribe(() => this.#options.onPauseOver?.()));
    // A drive is there from the start, also while its runs rest; a folder that is watched needs its watcher.
    this.#showing
      .get()
      .catch((error: unknown) => this.#noteFailure(undefined, toFerryError(error)));
    if (startsAtOnce(this.#options)) this.wake('start');
  }

  get api(): ApiPair {
    return this.#apiOf(this.#state$.value);
  }

  /** Emits the shown state now and on every change. */
  get api$(): Observable<ApiPair> {
    return this.#state$.pipe(map((state) => this.#apiOf(state)));
  }

  #apiOf(state: SessionState): ApiPair {
    return { ...apiPairOf(this.#options.fixed, state), ...this.#shown$.value?.passthrough?.() };
  }

  get problems(): readonly Problem[] {
    return problemsOf(this.#state$.value);
  }

  /** Asks for a run without waiting for it; nothing happens while paused. */
  wake(trigger: 'start' | 'retry'): void {
    if (this.#state$.value.pause === undefined) this.#asked$.next(trigger);
  }

  /** Runs once, after the current run if there is one, also while paused. @throws what the run threw */
  sync(request: RunRequest = {}): Promise<RunSummary> {
    return this.#ask('sync', request);
  }

  /** Clears the records and transfers everything. @throws what the run threw */
  reset(request: RunRequest = {}): Promise<RunSummary> {
    return this.#ask('reset', request);
  }

  /** Says what `reset` would move. */
  async previewReset(signal?: AbortSignal): Promise<ResetPreview> {
    return (await this.#opening.get()).engine.previewReset(signal);
  }

  /** Resolves when a drive is at its mount point. @throws what keeps it from being shown */
  async shown(): Promise<void> {
    await this.#showing.get();
  }

  /** Returns what of a drive is on this device. @throws CONFIG_INVALID where all of it is */
  async cache(): Promise<HostedCache> {
    return cacheOf(this.name, await this.#showing.get());
  }

  /** Returns the open engine, opening both sides where that is still to do. */
  async engine(): Promise<PairEngine> {
    return (await this.#opening.get()).engine;
  }

  /** Ends the current run and forgets those that wait; resolves when it has ended. */
  async cancel(): Promise<void> {
    for (const job of this.#jobs.splice(0)) job.reject(new FerryError('ABORTED', 'cancelled'));
    const current = this.#current;
    current?.controller.abort();
    await current?.ended;
  }

  /** Lets automatic runs rest, or (with undefined) go on. */
  async setPause(pause: Pause | undefined): Promise<void> {
    const wasPaused = this.#state$.value.pause !== undefined;
    this.#patch({ pause });
    if (pause !== undefined) await this.cancel();
    else if (wasPaused) this.wake('start');
  }

  /** Takes a drive off its mount point. @throws MOUNT_BUSY, and then everything goes on as before */
  async release(options: { readonly lazy?: boolean }): Promise<void> {
    await (await this.#showing.ifOpened())?.release(options);
  }

  /** Cancels what runs and closes both sides; the session is of no use afterwards. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscriptions.unsubscribe();
    this.#options.abandon?.();
    try {
      await this.cancel();
      await (await this.#opening.ifOpened())?.close();
    } finally {
      await (await this.#showing.ifOpened())?.close();
      this.#state$.complete();
    }
  }

  #automatic$(): Observable<Trigger> {
    const { schedule, catchUp, lastRun } = this.#options;
    const due$ = scheduled$(schedule, (nextRunAtMs) => this.#patch({ nextRunAtMs }), {
      scheduler: this.#scheduler,
      ...(catchUp && lastRun ? { sinceMs: lastRun.atMs } : {}),
    }).pipe(map((): Trigger => 'schedule'));
    const changes$ = this.#opened$.pipe(
      switchMap((opened) => opened?.hints$ ?? EMPTY),
      filter(() => {
        if (!this.#state$.value.hasHints) this.#patch({ hasHints: true });
        // While the other side cannot be reached the retry below finds the change too.
        return this.#failures === 0;
      }),
      map((): Trigger => 'change'),
    );
    const looks$ = this.#opened$.pipe(
      switchMap((opened) => opened?.looks$ ?? EMPTY),
      filter(() => this.#failures === 0 && !this.#state$.value.running),
      map((): Trigger => 'schedule'),
    );
    const retries$ = this.#retryIn$.pipe(
      switchMap((ms) => (ms === null ? EMPTY : timer(ms, this.#scheduler))),
      map((): Trigger => 'retry'),
    );
    return merge(due$, changes$, looks$, retries$).pipe(
      filter(() => this.#state$.value.pause === undefined),
    );
  }

  #pauseOver$(): Observable<unknown> {
    return this.#state$.pipe(
      map((state) => state.pause?.untilMs ?? null),
      distinctUntilChanged(),
      switchMap((untilMs) => (untilMs === null ? EMPTY : waitUntil(untilMs, this.#scheduler))),
    );
  }

  #ask(kind: Job['kind'], request: RunRequest): Promise<RunSummary> {
    if (this.#closed) return Promise.reject(new FerryError('ABORTED', 'the pair was closed'));
    return new Promise((resolve, reject) => {
      this.#jobs.push({ kind, request, resolve, reject });
      this.#asked$.next('manual');
    });
  }

  async #show(): Promise<ShownDrive | null> {
    const shown = (await this.#options.show?.()) ?? null;
    if (shown === null) return null;
    this.#patch({ mount: shown.mount });
    this.#shown$.next(shown);
    return shown;
  }

  async #open(): Promise<OpenedSession> {
    await this.#showing.get();
    const opened = await this.#options.open();
    this.#opened$.next(opened);
    return opened;
  }

  async #runOnce(): Promise<void> {
    const job = this.#jobs.shift();
    const controller = new AbortController();
    const signal = AbortSignal.any([
      controller.signal,
      ...(job?.request.signal === undefined ? [] : [job.request.signal]),
    ]);
    const work = this.#perform(job, signal);
    const ended = work.then(
      (summary) => this.#noteSuccess(job, summary),
      (error: unknown) => this.#noteFailure(job, toFerryError(error)),
    );
    this.#current = { controller, ended };
    await ended;
    this.#current = null;
    if (this.#jobs.length > 0) this.#asked$.next('manual');
  }

  async #perform(job: Job | undefined, signal: AbortSignal): Promise<RunSummary> {
    this.#patch({ running: true, hasHints: false });
    const { engine } = await this.#opening.get(signal);
    const onlyHinted = job === undefined && !this.#looksAtAll;
    this.#looksAtAll = false;
    const request = { ...job?.request, signal, automatic: job === undefined, onlyHinted };
    return job?.kind === 'reset' ? engine.reset(request) : engine.run(request);
  }

  #noteSuccess(job: Job | undefined, summary: RunSummary): void {
    if (summary.dryRun) {
      this.#patch({ running: false });
      job?.resolve(summary);
      return;
    }
    const wantsRetry = summary.problems.some((each) => !isNotice(each) && each.retry !== 'never');
    this.#failures = 0;
    const atMs = this.#scheduler.now();
    this.#patch({ running: false, lastError: null, lastSummary: summary, lastRunAtMs: atMs });
    this.#options.onRunEnded?.({ atMs, summary, error: null, ...this.#recorded() });
    this.#unfinished = wantsRetry ? this.#unfinished + 1 : 0;
    this.#retryIn$.next(wantsRetry ? this.#delayUntilRetryMs(summary, atMs) : null);
    job?.resolve(summary);
  }

  #noteFailure(job: Job | undefined, error: FerryError): void {
    const { code, message, path } = error;
    const wasCancelled = code === 'ABORTED';
    if (!wasCancelled) {
      this.#failures += 1;
      this.#options.logger.warn('run failed', { code, message, path });
    }
    const isNamed = path === undefined || message.includes(path);
    const lastError = { code, message: isNamed ? message : `${path}: ${message}` };
    this.#patch({ running: false, ...(wasCancelled ? {} : { lastError }) });
    if (!wasCancelled) {
      const { lastSummary } = this.#state$.value;
      this.#options.onRunEnded?.({
        atMs: this.#scheduler.now(),
        summary: lastSummary,
        error: lastError,
        ...this.#recorded(),
      });
    }
    this.#retryIn$.next(
      !wasCancelled && error.retry !== 'never' ? this.#delayMs(this.#failures) : null,
    );
    if (wasCancelled || error.retry === 'never') this.#failures = 0;
    job?.reject(error);
  }

  #recorded(): Pick<LastRun, 'recorded'> {
    const { engine } = this.#state$.value;
    if (engine === null) return {};
    const { conflicts, recordedEntries, heldPlan } = engine;
    return { recorded: { conflicts, recordedEntries, heldPlan } };
  }

  /** A run is only worth while when at least one of the entries that failed is due again. */
  #delayUntilRetryMs({ problems }: RunSummary, nowMs: number): number {
    const waiting = problems.filter((each) => !isNotice(each) && each.retry !== 'never');
    const dueMs = Math.min(...waiting.map(({ retryAtMs }) => retryAtMs ?? nowMs));
    return Math.max(this.#delayMs(this.#unfinished), dueMs - nowMs);
  }

  #delayMs(failures: number): number {
    return backOffMs(failures, (this.#options.random ?? Math.random)());
  }

  #patch(change: Partial<SessionState>): void {
    this.#state$.next({ ...this.#state$.value, ...change });
  }
}
