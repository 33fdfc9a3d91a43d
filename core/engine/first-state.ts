import type { Records } from '../records/records.ts';
import type { PairState } from './pair-engine.ts';

/** Returns what is known of a pair before its first run in this process. */
export function firstState(records: Records, heldPlan: PairState['heldPlan']): PairState {
  return {
    running: false,
    inSync: 'unknown',
    progress: null,
    lastRun: null,
    lastRunAtMs: null,
    lastError: null,
    conflicts: records.conflicts().length,
    heldPlan,
    recordedEntries: records.size,
    resetting: records.state.resetting,
  };
}
