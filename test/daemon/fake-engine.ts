import { BehaviorSubject, Subject } from 'rxjs';
import type {
  PairEngine,
  PairState,
  RunRequest,
  RunSummary,
} from '../../core/engine/pair-engine.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { OpenedSession } from '../../daemon/pair-session.ts';

export const IDLE: PairState = {
  running: false,
  inSync: 'unknown',
  progress: null,
  lastRun: null,
  lastRunAtMs: null,
  lastError: null,
  conflicts: 0,
  heldPlan: null,
  recordedEntries: 0,
  resetting: false,
};

/** A run that found nothing to do. */
export const NOTHING_DONE: RunSummary = {
  pair: 'docs',
  direction: 'two-way',
  uploaded: 0,
  downloaded: 0,
  moved: 0,
  deletedLocal: 0,
  deletedRemote: 0,
  adopted: 0,
  conflicts: [],
  problems: [],
  bytesSent: 0,
  bytesReceived: 0,
  durationMs: 1,
  localOnly: 0,
  changedHere: 0,
  removedHere: 0,
  complete: true,
  dryRun: false,
  actions: [],
};

/** An engine whose runs take as long, and end, as the test says. */
export interface FakeEngine extends PairEngine {
  readonly requests: RunRequest[];
  readonly hints$: Subject<void>;
  readonly opened: OpenedSession;
  running: number;
  mostRunning: number;
  closed: boolean;
  runMs: number;
  /** What the next runs end with, one each; none left: nothing was to do. */
  readonly outcomes: (RunSummary | FerryError)[];
}

function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const abort = () => {
      clearTimeout(timer);
      reject(new FerryError('ABORTED', 'cancelled'));
    };
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Returns an engine under the test's control. */
export function createFakeEngine(): FakeEngine {
  const state$ = new BehaviorSubject<PairState>(IDLE);
  const hints$ = new Subject<void>();
  const run = async (request: RunRequest = {}) => {
    engine.requests.push(request);
    engine.running += 1;
    engine.mostRunning = Math.max(engine.mostRunning, engine.running);
    state$.next({ ...IDLE, running: true });
    try {
      await waitFor(engine.runMs, request.signal);
      const outcome = engine.outcomes.shift() ?? NOTHING_DONE;
      if (outcome instanceof FerryError) throw outcome;
      state$.next({ ...IDLE, inSync: 'in-sync', lastRun: outcome });
      return outcome;
    } finally {
      engine.running -= 1;
    }
  };
  const close = async () => {
    engine.closed = true;
  };
  const engine: FakeEngine = {
    state$,
    get state() {
      return state$.value;
    },
    requests: [],
    outcomes: [],
    running: 0,
    mostRunning: 0,
    closed: false,
    runMs: 100,
    hints$,
    run,
    reset: run,
    previewReset: async () => ({ files: 3, bytes: 30, comesBack: 1 }),
    explain: async () => {
      throw new FerryError('CONFIG_INVALID', 'nothing is known at this path');
    },
    heldPlan: async () => null,
    dropHeldPlan: async () => false,
    conflicts: async () => [],
    showConflict: async () => {
      throw new FerryError('CONFIG_INVALID', 'no conflict is known at this path');
    },
    resolveConflicts: async () => [],
    history: {
      runs: async () => [],
      versions: async () => [],
      restore: async ({ dryRun = false }) => ({ dryRun, run: null, steps: [], refused: [] }),
      undo: async ({ dryRun = false }) => ({ dryRun, run: null, steps: [], refused: [] }),
    },
    close,
    get opened(): OpenedSession {
      return { engine, hints$, close };
    },
  };
  return engine;
}
