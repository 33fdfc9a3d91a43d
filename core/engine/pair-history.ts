import type { Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Clock, Logger, Replica } from '../ports.ts';
import type { Records } from '../records/records.ts';
import type { LoggedRun } from '../records/run-log.ts';
import { sharedSignal } from '../transfer/shared-signal.ts';
import { type ChangeReport, LocalChanges } from './local-changes.ts';
import type { PairSettings } from './pair-settings.ts';
import { chooseVersions, keptVersions, type RestoreRequest, restore } from './restore.ts';
import { RunRecorder } from './run-recorder.ts';
import { runToUndo, type UndoRequest, undo } from './undo.ts';

/** A kept version as it is listed. */
export interface ListedVersion {
  readonly path: SyncPath;
  readonly id: string;
  /** In whose version store it is. */
  readonly side: Side;
  readonly kind: 'file' | 'symlink';
  /** Milliseconds since 1970, as `mtimeMs`. */
  readonly keptAtMs: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number | null;
  /** Why it was displaced, and in which run; null: not known any more. */
  readonly cause: string | null;
  readonly run: number | null;
  readonly isOnlyCopy: boolean;
  /** Something is at its path on the local side now. */
  readonly isThere: boolean;
}

export interface VersionsRequest {
  readonly path: SyncPath;
  /** Only of what is not there any more. */
  readonly deleted?: boolean;
  readonly signal?: AbortSignal;
}

/** What a pair keeps of its past, and the ways back. */
export interface PairHistory {
  /** The runs that are kept in the log, the latest first. */
  runs(): Promise<readonly LoggedRun[]>;

  /** Lists versions of a path and of what was below it, those of one path together, the latest first; at most 10,000. */
  versions(request: VersionsRequest): Promise<readonly ListedVersion[]>;

  /**
   * Writes kept versions to the local side. What is there is kept in turn; the next run carries it over.
   * @throws LOCAL_NOT_FOUND when there is no such version, LOCAL_ROOT_MISSING, GUARD_STOPPED, CONFIG_INVALID for a drive
   */
  restore(request: RestoreRequest): Promise<ChangeReport>;

  /**
   * Takes a run back on the local side; the next run carries it over. What changed since is left as it is.
   * @throws CONFIG_INVALID when there is no such run, or for a drive, LOCAL_ROOT_MISSING, GUARD_STOPPED
   */
  undo(request: UndoRequest): Promise<ChangeReport>;
}

/** An engine's parts that its history works on. */
export interface HistoryOptions {
  readonly settings: PairSettings;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Others after a reset. */
  readonly records: () => Records;
  /** Runs the work when nothing else of the pair runs. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
  readonly onProgress: (filesDone: number, filesTotal: number) => void;
}

const MAX_LISTED = 10_000;

/** Returns the history of one pair. */
export function openHistory(options: HistoryOptions): PairHistory {
  const { alone, records, replicas } = options;
  return {
    runs: async () => records().runLog.runs(),
    versions: (request) => listVersions(request, replicas),
    restore: (request) =>
      alone(async () => {
        const { path, side } = request;
        const signal = sharedSignal(request.signal);
        await requireRestorable(options);
        const chosen = await chooseVersions(
          keptVersions(replicas, path, { side, signal }),
          request,
        );
        return change(options, request, { kind: 'restore', total: chosen.length }, (changes) =>
          restore(request, chosen, { changes, local: replicas.local, records: records() }),
        );
      }),
    undo: (request) =>
      alone(async () => {
        await requireRestorable(options);
        const log = records().runLog;
        const run = runToUndo(log, request.run);
        const work = { kind: 'undo', total: run.done, undoOf: run.run } as const;
        return change(options, request, work, (changes) =>
          undo(run, { log, replicas, changes, request }),
        );
      }),
  };
}

/**
 * A disk that is not mounted must not be filled where it would be, and a drive takes contents from its server only.
 * @throws GUARD_STOPPED, LOCAL_ROOT_MISSING, CONFIG_INVALID
 */
async function requireRestorable({ records, replicas, settings }: HistoryOptions): Promise<void> {
  if (replicas.local.capabilities.placeholders)
    throw new FerryError(
      'CONFIG_INVALID',
      `${settings.name} is a drive, into which no earlier content can be put: add a pair of the same remote with a folder, and restore there`,
    );
  const known = records().state.roots.local;
  const { id } = await replicas.local.identify();
  if (known === null || id === known) return;
  throw new FerryError(
    'GUARD_STOPPED',
    'the local folder is not the one that was synced before; is the right disk mounted? Nothing was changed',
  );
}

interface Work {
  readonly kind: 'restore' | 'undo';
  readonly total: number;
  readonly undoOf?: number;
}

async function change(
  options: HistoryOptions,
  { dryRun = false, signal }: { readonly dryRun?: boolean; readonly signal?: AbortSignal },
  { kind, total, undoOf }: Work,
  work: (changes: LocalChanges) => Promise<void>,
): Promise<ChangeReport> {
  const { clock, records, replicas, settings } = options;
  const of = undoOf === undefined ? {} : { undoOf };
  const recorder = new RunRecorder({
    log: records().runLog,
    kind,
    direction: settings.direction,
    startedAtMs: clock.now(),
    ...of,
  });
  const changes = new LocalChanges({
    replicas,
    records: records(),
    recorder,
    cause: kind,
    rule: undoOf === undefined ? 'restored by the user' : `run ${undoOf} was taken back`,
    signal: sharedSignal(signal),
    onProgress: (files) => options.onProgress(files, total),
  });
  try {
    await work(changes);
  } finally {
    if (!dryRun) {
      await replicas.local.flush();
      recorder.stage({ endedAtMs: clock.now() });
      await records().commit();
    }
  }
  const { refused, steps } = changes;
  const run = dryRun || steps.length === 0 ? null : recorder.run;
  return { dryRun, run, ...of, steps, refused };
}

async function listVersions(
  { deleted, path, signal }: VersionsRequest,
  replicas: Readonly<Record<Side, Replica>>,
): Promise<readonly ListedVersion[]> {
  const there = new Map<SyncPath, boolean>();
  const found: ListedVersion[] = [];
  for await (const version of keptVersions(replicas, path, { signal: sharedSignal(signal) })) {
    const isThere = there.get(version.path) ?? (await replicas.local.stat(version.path)) !== null;
    there.set(version.path, isThere);
    if (deleted && isThere) continue;
    const { mtimeNs, target: _target, ...rest } = version;
    const mtimeMs = mtimeNs === undefined ? null : Number(mtimeNs / 1_000_000n);
    found.push({ ...rest, mtimeMs, isThere });
    if (found.length >= MAX_LISTED) break;
  }
  return found.sort((a, b) => compare(a.path, b.path) || b.keptAtMs - a.keptAtMs);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
