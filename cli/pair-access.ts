import type { Explanation } from '../core/engine/explain.ts';
import type { HeldPlan } from '../core/engine/held-plan.ts';
import type {
  PairState,
  Progress,
  ResetPreview,
  RunRequest,
  RunSummary,
} from '../core/engine/pair-engine.ts';
import type { PairHistory } from '../core/engine/pair-history.ts';
import type { ConflictChoice, ConflictOutcome } from '../core/engine/resolve-conflict.ts';
import type { ConflictView } from '../core/engine/show-conflict.ts';
import { toFerryError } from '../core/model/errors.ts';
import type { SyncPath } from '../core/model/path.ts';
import type { Conflict } from '../core/model/problem.ts';
import type { ApiPair, ApiProgress } from '../daemon/api.ts';
import type { Config, PairConfig } from '../daemon/config.ts';
import type { ControlClient } from '../daemon/control-client.ts';
import { type LastRun, readLastRun, writeLastRun } from '../daemon/last-run.ts';
import type { OpenPairOptions } from '../daemon/open-pair.ts';
import { type Context, usage, workshopOf } from './context.ts';

/** One pair, whoever holds it: the daemon, or this process for as long as the command takes. */
export interface PairAccess {
  run(
    kind: 'sync' | 'reset',
    request: RunRequest,
    onProgress: (progress: ApiProgress) => void,
  ): Promise<RunSummary>;
  previewReset(): Promise<ResetPreview>;
  explain(path: SyncPath): Promise<Explanation>;
  heldPlan(): Promise<HeldPlan | null>;
  dropHeldPlan(): Promise<boolean>;
  conflicts(): Promise<readonly Conflict[]>;
  showConflict(path: SyncPath): Promise<ConflictView>;
  resolveConflicts(choice: ConflictChoice): Promise<readonly ConflictOutcome[]>;
  /** Kept versions and earlier runs. */
  readonly history: PairHistory;
  /** What is known without looking. */
  state(): Promise<Pick<ApiPair, 'recordedEntries' | 'inSync'>>;
  close(): Promise<void>;
}

async function followProgress(
  client: ControlClient,
  name: string,
  signal: AbortSignal,
  onProgress: (progress: ApiProgress) => void,
): Promise<void> {
  try {
    for await (const state of client.events(signal)) {
      const pair = state.pairs.find((each) => each.name === name);
      if (pair?.progress) onProgress(pair.progress);
    }
  } catch {
    // The run's own answer says what happened to it; without events it is only less talkative.
  }
}

/** Returns access to a pair that the daemon holds. */
export function accessThroughDaemon(client: ControlClient, name: string): PairAccess {
  return {
    async run(kind, request, onProgress) {
      const { signal, ...body } = request;
      const ended = new AbortController();
      const following = followProgress(client, name, ended.signal, onProgress);
      const cancel = () => client.command(name, 'cancel').catch(() => undefined);
      signal?.addEventListener('abort', cancel, { once: true });
      try {
        return await client.run(name, kind, body);
      } finally {
        signal?.removeEventListener('abort', cancel);
        ended.abort();
        await following;
      }
    },
    previewReset: () => client.previewReset(name),
    explain: (path) => client.explain(name, path),
    heldPlan: () => client.heldPlan(name),
    dropHeldPlan: () => client.dropHeldPlan(name),
    conflicts: () => client.conflicts(name),
    showConflict: (path) => client.showConflict(name, path),
    resolveConflicts: (choice) => client.resolveConflicts(name, choice),
    history: client.history(name),
    state: async () => {
      const { pairs } = await client.state();
      return pairs.find((pair) => pair.name === name) ?? { recordedEntries: 0, inSync: 'unknown' };
    },
    close: async () => undefined,
  };
}

function apiProgressOf(progress: Progress): ApiProgress {
  const { phase, filesDone, filesTotal, bytesDone, bytesTotal } = progress;
  return { phase, filesDone, filesTotal, bytesDone, bytesTotal };
}

/** Opens a pair in this process. @throws RECORD_LOCKED, LOCAL_ROOT_MISSING, REMOTE_*, CONFIG_INVALID */
export async function openAccess(
  context: Context,
  config: Config,
  name: string,
  pair: PairConfig,
  options: OpenPairOptions = {},
): Promise<PairAccess> {
  const { openPair } = await import('../daemon/open-pair.ts');
  const { engine, close } = await openPair(await workshopOf(context), config, name, pair, options);
  const note = (summary: RunSummary | null, error: LastRun['error']) => {
    const { conflicts, recordedEntries, heldPlan } = engine.state;
    const recorded = { conflicts, recordedEntries, heldPlan };
    return writeLastRun(context.home, name, { atMs: Date.now(), summary, error, recorded });
  };
  return {
    async run(kind, request, onProgress) {
      const report = ({ progress }: PairState) => {
        if (progress !== null) onProgress(apiProgressOf(progress));
      };
      const subscription = engine.state$.subscribe(report);
      try {
        const summary = await (kind === 'reset' ? engine.reset(request) : engine.run(request));
        if (!summary.dryRun) await note(summary, null);
        return summary;
      } catch (caught) {
        const error = toFerryError(caught);
        if (error.code !== 'ABORTED') await note(null, error);
        throw error;
      } finally {
        subscription.unsubscribe();
      }
    },
    previewReset: () => engine.previewReset(context.signal),
    explain: (path) => engine.explain(path, context.signal),
    heldPlan: () => engine.heldPlan(),
    dropHeldPlan: async () => {
      const wasHeld = await engine.dropHeldPlan();
      const last = readLastRun(context.home, name);
      const { conflicts, recordedEntries } = engine.state;
      if (last)
        await writeLastRun(context.home, name, {
          ...last,
          recorded: { conflicts, recordedEntries },
        });
      return wasHeld;
    },
    conflicts: () => engine.conflicts(),
    showConflict: (path) => engine.showConflict(path),
    resolveConflicts: (choice) => engine.resolveConflicts(choice),
    history: engine.history,
    state: async () => engine.state,
    close,
  };
}

/** Returns access to the pair or drive `name`, through the daemon where it holds it. @throws CONFIG_INVALID */
export async function accessPair(
  context: Context,
  config: Config,
  client: ControlClient | null,
  name: string,
  options: OpenPairOptions = {},
): Promise<PairAccess> {
  if (client !== null) {
    const { pairs } = await client.state();
    if (pairs.some((pair) => pair.name === name)) return accessThroughDaemon(client, name);
  }
  return openAccess(context, config, name, pairNamed(config, name), options);
}

/** Returns the pair with this name. @throws CONFIG_INVALID */
export function pairNamed(config: Config, name: string): PairConfig {
  const pair = config.pairs.get(name);
  if (pair !== undefined) return pair;
  if (config.drives.has(name))
    throw usage(
      `${name} is a drive, which only the daemon can work on (ferry daemon start), and only ferry mount and unmount change`,
    );
  const known = [...config.pairs.keys()];
  throw usage(
    known.length === 0
      ? `there is no pair named ${name}: add one with ferry pair add`
      : `there is no pair named ${name}: there are ${known.join(', ')}`,
  );
}
