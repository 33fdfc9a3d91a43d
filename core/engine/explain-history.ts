import { isAtOrBelow, ROOT, type SyncPath } from '../model/path.ts';
import type { LoggedRun, RunLog, RunOperation } from '../records/run-log.ts';

const MAX_STEPS = 20;

/** What one of the last runs did to an entry. */
export type ExplainedStep = Pick<LoggedRun, 'run' | 'kind'> &
  Pick<RunOperation, 'op' | 'side' | 'path' | 'from' | 'reason' | 'problem' | 'conflictOf'> & {
    /** Milliseconds since 1970. */
    readonly atMs: number;
  };

/** Returns what the last runs did to the entry at a path, the latest first, at most 20 steps. */
export async function historyOf(path: SyncPath, log: RunLog): Promise<readonly ExplainedStep[]> {
  const found: ExplainedStep[] = [];
  if (path === ROOT) return found;
  for (const run of log.runs()) {
    const steps: ExplainedStep[] = [];
    for await (const operations of log.operations(run.run))
      for (const operation of operations)
        if (isAboutPath(operation, path)) steps.push(stepOf(run, operation));
    found.push(...steps.reverse());
    if (found.length >= MAX_STEPS) break;
  }
  return found.slice(0, MAX_STEPS);
}

/** What was done to a directory above was done to the entry, too, if it was moved. */
function isAboutPath({ op, path: at, from }: RunOperation, path: SyncPath): boolean {
  if (at === path || from === path) return true;
  return op === 'move' && (isAtOrBelow(path, at) || (from !== null && isAtOrBelow(path, from)));
}

function stepOf(
  { run, kind, startedAtMs }: LoggedRun,
  { op, side, path, from, reason, problem, conflictOf }: RunOperation,
): ExplainedStep {
  return {
    ...{ run, kind, atMs: startedAtMs, op, side, path, from, reason },
    ...(problem === undefined ? {} : { problem }),
    ...(conflictOf === undefined ? {} : { conflictOf }),
  };
}
