import {
  asyncScheduler,
  audit,
  catchError,
  defer,
  EMPTY,
  exhaustMap,
  type Observable,
  type ObservableInput,
  repeat,
  type SchedulerLike,
  tap,
  timer,
} from 'rxjs';

/** Why a run starts. */
export type Trigger = 'manual' | 'start' | 'schedule' | 'change' | 'retry';

export interface RunPipelineOptions {
  readonly triggers$: Observable<Trigger>;
  /** One whole run; its error ends this run only, so it must have been reported inside. */
  readonly run: () => ObservableInput<unknown>;
  /** Triggers within this time are one; a person who asks does not wait for it. */
  readonly coalesceMs: number;
  readonly scheduler?: SchedulerLike;
}

/**
 * Turns triggers into runs that never overlap. However many triggers arrive during a run, exactly one more run
 * follows it.
 */
export function runPipeline(options: RunPipelineOptions): Observable<unknown> {
  const { triggers$, run, coalesceMs, scheduler = asyncScheduler } = options;
  return defer(() => {
    let isDirty = false;
    const runWhileDirty = () =>
      defer(() => {
        if (!isDirty) return EMPTY;
        isDirty = false;
        return defer(run).pipe(catchError(() => EMPTY));
      }).pipe(repeat({ delay: () => (isDirty ? timer(coalesceMs, scheduler) : EMPTY) }));
    return triggers$.pipe(
      tap(() => {
        isDirty = true;
      }),
      audit((trigger) => timer(trigger === 'manual' ? 0 : coalesceMs, scheduler)),
      exhaustMap(runWhileDirty),
    );
  });
}
