import { otherSide, type Side } from '../model/entry.ts';
import { type ErrorCode, FerryError } from '../model/errors.ts';
import type { Problem } from '../model/problem.ts';
import type { Operation, PlannedNode } from '../reconcile/plan.ts';
import type { Attempt, RetrySchedule } from './retry-schedule.ts';
import type { SideView } from './side-view.ts';

/** What is planned anew, or is not about one entry. */
const NOT_OF_THE_ENTRY: ReadonlySet<ErrorCode> = new Set([
  'CHANGED',
  'NOT_EMPTY',
  'ABORTED',
  'REMOTE_UNREACHABLE',
  'REMOTE_UNAUTHORIZED',
  'LOCAL_ROOT_MISSING',
]);

/** The schedule of retries as one pass of a run uses it. */
export interface PassRetries {
  /** Returns why the content that `side` is to receive waits; null: it may be transferred. */
  heldBack(side: Side, node: PlannedNode): Problem | null;
  failed(operation: Operation, side: Side, node: PlannedNode, error: FerryError): void;
  done(operation: Operation, side: Side): void;
  /** Takes note of what was not as planned in any pass of a run. */
  neverSettled(problems: readonly Problem[]): void;
}

/** Returns the schedule for a pass over what was observed. */
export function passRetries(
  schedule: RetrySchedule,
  views: Readonly<Record<Side, SideView>>,
): PassRetries {
  const attemptOf = (side: Side, node: PlannedNode): Attempt | null => {
    const from = otherSide(side);
    const source = node[from].from;
    const path = node[side].to;
    const entry = source === null ? undefined : views[from].entries.get(source);
    return entry === undefined || path === null ? null : { side, path, version: entry.version };
  };
  return {
    heldBack(side, node) {
      const attempt = attemptOf(side, node);
      return attempt === null ? null : schedule.heldBack(attempt);
    },
    failed({ op }, side, node, error) {
      const attempt = attemptOf(side, node);
      if (op !== 'write' || attempt === null || NOT_OF_THE_ENTRY.has(error.code)) return;
      schedule.failed(attempt, error);
    },
    done(operation, side) {
      if (operation.op === 'write') schedule.succeeded({ side, path: operation.path });
    },
    neverSettled(problems) {
      for (const { side, path, code, message } of problems) {
        const version = views[otherSide(side)].entries.get(path)?.version;
        if (version === undefined) continue;
        schedule.failed({ side, path, version }, new FerryError(code, message, { path }));
      }
    },
  };
}
