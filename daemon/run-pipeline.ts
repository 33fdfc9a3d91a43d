import {
  asyncScheduler,
  audit,
  catchError,
  defer,
  EMPTY,
  exhaustMap,
  finalize,
  type Observable,
  type ObservableInput,
  repeat,
  type SchedulerLike,
  startWith,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import type { QuietTime } from './quiet-time.ts';

/** Why a run starts. */
export type Trigger = 'manual' | 'start' | 'schedule' | 'change' | 'retry';

export interface RunPipelineOptions {
  readonly triggers$: Observable<Trigger>;
  /** One whole run; its error ends this run only, so it must have been reported inside. */
  readonly run: () => ObservableInput<unknown>;
  /** Triggers within this time are one; a person who asks does not wait for it. */
  readonly coalesceMs: number;
  /** How long to wait for more changes after one; absent: as long as for other triggers. */
  readonly quiet?: QuietTime;
  readonly scheduler?: SchedulerLike;
}

/**
 * Turns triggers into runs that never overlap. However many triggers arrive during a run, exactly one more run
 * follows it.
 */
export function runPipeline(options: RunPipelineOptions): Observable<unknown> {
  const { triggers$, run, coalesceMs, quiet, scheduler = asyncScheduler } = options;
  /** Emits when it is time to run after such a trigger. */
  const pause = (trigger: Trigger): Observable<unknown> => {
    if (trigger === 'manual') return timer(0, scheduler);
    if (trigger !== 'change' || quiet === undefined) return timer(coalesceMs, scheduler);
    return triggers$.pipe(
      startWith(trigger),
      switchMap((next) => timer(next === 'manual' ? 0 : quiet.ms, scheduler)),
    );
  };
  return defer(() => {
    let isDirty = false;
    let last: Trigger = 'manual';
    const runWhileDirty = () =>
      defer(() => {
        if (!isDirty) return EMPTY;
        isDirty = false;
        quiet?.runBegins();
        return defer(run).pipe(
          catchError(() => EMPTY),
          finalize(() => quiet?.runEnds()),
        );
      }).pipe(repeat({ delay: () => (isDirty ? pause(last) : EMPTY) }));
    return triggers$.pipe(
      tap((trigger) => {
        isDirty = true;
        last = trigger;
        if (trigger === 'change') quiet?.note();
      }),
      audit(pause),
      exhaustMap(runWhileDirty),
    );
  });
}
