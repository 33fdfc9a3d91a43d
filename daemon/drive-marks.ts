import { concatMap, distinctUntilChanged, filter, map, type Subscription } from 'rxjs';
import type { PairEngine } from '../core/engine/pair-engine.ts';
import type { SyncPath } from '../core/model/path.ts';
import type { Logger } from '../core/ports.ts';

/** What the files of a drive are marked with, as programs see it. */
export interface DriveMarks {
  /** No file is being uploaded. */
  allEnded(): void;
  /** These files are in conflict, and no others. */
  setConflicts(paths: readonly SyncPath[]): void;
}

/** Keeps a drive's marks as its engine's runs end and conflicts come and go. */
export function followEngine(
  engine: Pick<PairEngine, 'state$' | 'conflicts'>,
  marks: DriveMarks,
  logger: Logger,
): Subscription {
  return engine.state$
    .pipe(
      filter(({ running }) => !running),
      map(({ conflicts, lastRunAtMs }) => `${conflicts} ${lastRunAtMs}`),
      distinctUntilChanged(),
      concatMap(async () => {
        marks.allEnded();
        try {
          const conflicts = await engine.conflicts();
          marks.setConflicts(conflicts.flatMap(({ path, copyPath }) => [path, copyPath]));
        } catch (error) {
          logger.warn('conflicts cannot be marked', { error: String(error) });
        }
      }),
    )
    .subscribe();
}
