import type { Entry, Side, Version } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { rebasePath, type SyncPath } from '../model/path.ts';
import type { Replica, StoredVersion } from '../ports.ts';
import type { Records } from '../records/records.ts';
import type { LocalChanges, Restoration } from './local-changes.ts';

/** A kept version, and whose. */
export interface SidedVersion extends StoredVersion {
  readonly side: Side;
}

export interface RestoreRequest {
  /** A file, or a directory with what was below it. */
  readonly path: SyncPath;
  /** Id of a version; of a directory, everything that was displaced together. Absent: the latest one. */
  readonly version?: string;
  /** Brings back what was there at that time, in ms since 1970. */
  readonly atMs?: number;
  /** Only from this side's version store. */
  readonly side?: Side;
  /** Where it goes instead of its own place. */
  readonly to?: SyncPath;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** Yields the versions that the sides keep of `path` and of what was below it. */
export async function* keptVersions(
  replicas: Readonly<Record<Side, Replica>>,
  path: SyncPath,
  options: { readonly side?: Side | undefined; readonly signal: AbortSignal },
): AsyncIterable<SidedVersion> {
  for (const side of ['local', 'remote'] as const) {
    if (options.side !== undefined && options.side !== side) continue;
    for await (const batch of replicas[side].versions?.list(path, options) ?? [])
      for (const version of batch) yield { ...version, side };
  }
}

/**
 * Returns for each path the version that is meant. Without a version or time that is the latest one; of a directory
 * then only what is not there any more, as its other files may be newer than all that was ever displaced.
 */
export async function chooseVersions(
  versions: AsyncIterable<SidedVersion>,
  { atMs, path, version }: RestoreRequest,
): Promise<readonly SidedVersion[]> {
  const chosen = new Map<SyncPath, SidedVersion>();
  for await (const one of versions) {
    if (version !== undefined && one.id !== version) continue;
    // What was displaced later was there then; the first of these is what was there.
    if (atMs !== undefined && one.keptAtMs <= atMs) continue;
    const best = chosen.get(one.path);
    const isEarlier = best !== undefined && one.keptAtMs < best.keptAtMs;
    const isLater = best !== undefined && one.keptAtMs > best.keptAtMs;
    if (best === undefined || (atMs === undefined ? isLater : isEarlier)) chosen.set(one.path, one);
  }
  if (chosen.size > 0) return [...chosen.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  throw new FerryError('LOCAL_NOT_FOUND', nothingKept(path, version, atMs), { path });
}

function nothingKept(
  path: SyncPath,
  version: string | undefined,
  atMs: number | undefined,
): string {
  if (version !== undefined)
    return `${path}: no version ${version} is kept of it: ferry versions shows those that are`;
  if (atMs !== undefined)
    return `${path}: nothing of it was displaced since then, so it is as it was, or is not kept`;
  return `${path}: no version is kept of it`;
}

/** Carries out a restore, or in a dry run tells what it would do. */
export async function restore(
  request: RestoreRequest,
  chosen: readonly SidedVersion[],
  {
    changes,
    local,
    records,
  }: {
    readonly changes: LocalChanges;
    readonly local: Replica;
    readonly records: Records;
  },
): Promise<void> {
  const { atMs, dryRun, path, to, version } = request;
  const onlyMissing = version === undefined && atMs === undefined;
  const restorations: Restoration[] = [];
  for (const { side, ...one } of chosen) {
    const target = to === undefined ? one.path : rebasePath(one.path, path, to);
    const current = await local.stat(target);
    if (current && onlyMissing && one.path !== path) continue;
    if (current?.kind === 'directory') {
      changes.refuse(target, 'a directory is there now; restore to another place with --to');
      continue;
    }
    const expected: Version | 'absent' = current?.version ?? 'absent';
    const isOnlyCopy = current !== null && !(await isRecorded(current, records));
    restorations.push({ version: one, side, path: target, expected, isOnlyCopy });
  }
  if (!dryRun) await changes.restore(restorations);
  else
    for (const { path: at, side, version: one } of restorations)
      changes.steps.push({
        action: 'restore',
        path: at,
        version: one.id,
        side,
        sizeBytes: one.sizeBytes,
      });
}

/** Tells whether the other side has what is there. */
async function isRecorded(entry: Entry, records: Records): Promise<boolean> {
  return (await records.find(entry.path))?.local.version === entry.version;
}
