import { withoutDuplicates } from '../model/problem.ts';
import type { RunSummary } from './pair-engine.ts';
import type { PairSettings } from './pair-settings.ts';
import type { RunTally } from './run-progress.ts';

/** Returns what a run amounted to. */
export function summarize(
  tally: RunTally,
  run: {
    readonly settings: PairSettings;
    readonly durationMs: number;
    readonly complete: boolean;
    readonly dryRun: boolean;
  },
): RunSummary {
  const { settings, durationMs, complete, dryRun } = run;
  return {
    pair: settings.name,
    direction: settings.direction,
    uploaded: tally.uploaded,
    downloaded: tally.downloaded,
    moved: tally.moved,
    deletedLocal: tally.deletedLocal,
    deletedRemote: tally.deletedRemote,
    adopted: tally.adopted,
    conflicts: tally.conflicts,
    problems: withoutDuplicates(tally.problems),
    bytesSent: tally.bytesSent,
    bytesReceived: tally.bytesReceived,
    durationMs,
    localOnly: tally.localOnly,
    changedHere: tally.changedHere,
    removedHere: tally.removedHere,
    complete,
    dryRun,
    actions: tally.actions,
  };
}
