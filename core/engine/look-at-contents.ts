import type { ContentHash, FileEntry, Side } from '../model/entry.ts';
import { FerryError, toFerryError } from '../model/errors.ts';
import { nameOf, parentPath, type SyncPath } from '../model/path.ts';
import { type Problem, problemOf } from '../model/problem.ts';
import type { Replica } from '../ports.ts';
import type { Undecided } from '../reconcile/plan.ts';
import { recordedSide } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { forEachLimited } from '../transfer/pool.ts';
import { tellCounterparts } from '../transfer/tell-counterparts.ts';
import type { Throttle } from '../transfer/throttle.ts';
import { hashStream } from '../transfer/verified-stream.ts';
import { hashByChunks } from './hash-by-chunks.ts';
import { HashGroups, hashFiles } from './hash-groups.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import type { SideView } from './side-view.ts';

const PARALLEL_LOOKS = 8;
const ADOPTED_PER_COMMIT = 256;

export interface LookOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly views: Readonly<Record<Side, SideView>>;
  readonly records: Records;
  /** Record files that are found equal at once, so that an interruption loses none of the work. */
  readonly adopts: boolean;
  /** Equal size and time are taken as proof. */
  readonly trustsTimes: boolean;
  /** A reset compares contents that were transferred: of a distant side nothing is believed unseen. */
  readonly transfers: boolean;
  /** What holds back contents of the remote side. */
  readonly throttle: Throttle | null;
  readonly signal: AbortSignal;
  /** Bytes read from `side` to compare. */
  readonly onBytes: (side: Side, count: number) => void;
  /** Bytes that need not be read to compare. */
  readonly onSpared: (count: number) => void;
  readonly onAdopted: (path: SyncPath) => void;
  /** Files that could not be read wait for their time to be tried again. */
  readonly retries: RetrySchedule;
  readonly remember: (side: Side, file: FileEntry, hash: ContentHash) => void;
}

/**
 * Finds out the contents that a plan could not decide without: reads and hashes them on their sides. A file that
 * cannot be read is left out of this run. Returns what changed while it was read.
 * @throws FerryError when a whole side cannot be read any more, or ABORTED
 */
export async function lookAtContents(
  undecided: readonly Undecided[],
  options: LookOptions,
): Promise<readonly Problem[]> {
  const unsettled: Problem[] = [];
  const paths = new Map<SyncPath, Set<Side>>();
  for (const { path, side } of undecided) {
    const sides = paths.get(path);
    if (sides) sides.add(side);
    else paths.set(path, new Set([side]));
  }
  const looks = [...paths].filter(([path]) => !options.trustsTimes || !trustTimes(path, options));
  const groups = {
    local: groupsOf('local', looks, options),
    remote: groupsOf('remote', looks, options),
  };
  const adopted: SyncPath[] = [];
  const lookAt = async ([path, sides]: Look): Promise<void> => {
    for (const side of sides) {
      const error = await lookAtOne(path, side, groups[side], options);
      if (error?.code === 'CHANGED') unsettled.push(problemOf(error, path, side));
    }
    if (!options.adopts || !adoptEqual(path, options)) return;
    options.onAdopted(path);
    adopted.push(path);
    if (adopted.length >= ADOPTED_PER_COMMIT || options.records.chunks.isCommitDue)
      await commitAdopted(adopted.splice(0), options);
  };
  try {
    await forEachLimited(looks, PARALLEL_LOOKS, lookAt);
  } finally {
    await commitAdopted(adopted, options);
  }
  return unsettled;
}

/** A path, and the sides on which its content is wanted. */
type Look = readonly [SyncPath, ReadonlySet<Side>];

/** Returns the files that a side hashes in groups: all that will be looked at now. */
function groupsOf(side: Side, looks: readonly Look[], options: LookOptions): HashGroups {
  const { replicas, views, retries, signal, onBytes } = options;
  const files = looks.flatMap(([path, sides]): FileEntry[] => {
    const entry = views[side].entries.get(path);
    if (!sides.has(side) || entry?.kind !== 'file') return [];
    return retries.heldBack({ side, path, version: entry.version }) === null ? [entry] : [];
  });
  const transfers = mustTransfer(side, options);
  // What is held back comes file by file.
  return new HashGroups(transfers && options.throttle !== null ? [] : files, {
    replica: replicas[side],
    transfers,
    signal,
    onBytes: (count) => onBytes(side, count),
  });
}

async function commitAdopted(
  paths: readonly SyncPath[],
  { replicas, views, records }: LookOptions,
): Promise<void> {
  const equal = paths.flatMap((path) => {
    const local = views.local.entries.get(path);
    const remote = views.remote.entries.get(path);
    return local && remote
      ? [{ path: { local: path, remote: path }, entry: { local, remote } }]
      : [];
  });
  await tellCounterparts(replicas, equal);
  await records.commit();
}

/** Sets the content in the view; where it cannot be read, freezes it there and returns why. */
async function lookAtOne(
  path: SyncPath,
  side: Side,
  groups: HashGroups,
  options: LookOptions,
): Promise<FerryError | null> {
  const view = options.views[side];
  const entry = view.entries.get(path);
  if (entry?.kind !== 'file') return null;
  const attempt = { side, path, version: entry.version };
  const held = options.retries.heldBack(attempt);
  if (held !== null) {
    view.freeze(path, null);
    view.problems.push(held);
    return null;
  }
  try {
    const hash =
      (await groups.hashOf(path)) ??
      (mustTransfer(side, options) ? null : await hashByChunks(side, entry, options)) ??
      (await look(entry, side, options));
    view.setContent(path, hash);
    options.remember(side, entry, hash);
    options.retries.succeeded(attempt);
    return null;
  } catch (caught) {
    const error = toFerryError(caught, path);
    if (isAboutTheSide(error.code)) throw error;
    if (error.code !== 'CHANGED') options.retries.failed(attempt, error);
    view.freeze(path, error.code === 'CHANGED' ? null : error);
    return error;
  }
}

function isAboutTheSide(code: string): boolean {
  return code === 'ABORTED' || code === 'REMOTE_UNREACHABLE' || code === 'REMOTE_UNAUTHORIZED';
}

function mustTransfer(side: Side, { replicas, transfers }: LookOptions): boolean {
  return transfers && replicas[side].isDistant === true;
}

async function look(entry: FileEntry, side: Side, options: LookOptions): Promise<ContentHash> {
  const { replicas, signal, throttle, onBytes } = options;
  const replica = replicas[side];
  if (replica.hashMany !== undefined && !mustTransfer(side, options)) {
    const onRead = (count: number): void => onBytes(side, count);
    const given = { replica, transfers: false, signal, onBytes: onRead };
    const answer = (await hashFiles([entry], given)).get(entry.path);
    if (answer instanceof FerryError) throw answer;
    if (answer !== undefined) return answer;
  }
  const content = await replica.read(entry.path, { expected: entry.version, signal });
  const stream =
    throttle && side === 'remote' ? throttle.limit(content.stream, signal) : content.stream;
  return hashStream(stream, {
    path: entry.path,
    sizeBytes: entry.sizeBytes,
    onBytes: (count) => onBytes(side, count),
  });
}

/** Only for files that were never synced: of others it is known that one side has changed. */
function trustTimes(path: SyncPath, { views, records }: LookOptions): boolean {
  if (records.at(path)) return false;
  const local = views.local.entries.get(path);
  const remote = views.remote.entries.get(path);
  if (local?.kind !== 'file' || remote?.kind !== 'file') return false;
  if (local.mtimeNs === undefined || local.mtimeNs !== remote.mtimeNs) return false;
  if (local.sizeBytes !== remote.sizeBytes) return false;
  const token = `trusted:${path}:${local.sizeBytes}:${local.mtimeNs}`;
  views.local.setContent(path, token);
  views.remote.setContent(path, token);
  return true;
}

/** Stages the record of a file that is new and equal on both sides, when its directory is recorded already. */
function adoptEqual(path: SyncPath, { views, records }: LookOptions): boolean {
  const local = views.local.entries.get(path);
  const remote = views.remote.entries.get(path);
  if (local?.kind !== 'file' || remote?.kind !== 'file' || records.at(path)) return false;
  const hash = views.local.tokenAt(path);
  if (typeof hash !== 'string' || hash !== views.remote.tokenAt(path)) return false;
  const parentId = records.directoryId(parentPath(path));
  if (parentId === undefined) return false;
  records.put({
    id: records.newId(),
    parentId,
    name: nameOf(path),
    kind: 'file',
    sizeBytes: local.sizeBytes,
    ...(/^[0-9a-f]{64}$/.test(hash) ? { hash: hash as ContentHash } : {}),
    local: recordedSide(local),
    remote: recordedSide(remote),
  });
  return true;
}
