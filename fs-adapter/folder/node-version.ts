import type { Entry, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { NodeStat } from '../../native/index.ts';

/** The version of every directory: what it holds is told by its children. */
export const DIRECTORY_VERSION = 'directory' as Version;

function contentState(stat: NodeStat): string {
  return `${stat.ino}-${stat.sizeBytes}-${stat.mtimeNs}-`;
}

/** Returns the version of a file or link: inode, size, time of the last write and of the last change of its inode. */
export function versionOf(stat: NodeStat): Version {
  return `${contentState(stat)}${stat.ctimeNs}` as Version;
}

/** Tells whether `stat` is `version`, but for the inode's change time: a rename moves that, and nothing else. */
export function isSameContent(stat: NodeStat | null, version: Version): boolean {
  return stat?.kind === 'file' || stat?.kind === 'symlink'
    ? version.startsWith(contentState(stat))
    : false;
}

/**
 * Returns the version that a file has after we changed its inode (renamed it, set its times): `before` with the new
 * change time. An edit that slipped in before `after` was taken gives another version than the file has, so that the
 * next observation sees it.
 */
export function versionAfterChange(before: NodeStat, after: NodeStat): Version {
  return `${contentState(before)}${after.ctimeNs}` as Version;
}

/**
 * Identity that survives renames; undefined where it could mean another file: no birth time, or several names. The
 * device is left out: its number changes when disks are plugged in or mounted in another order, and all entries of a
 * folder are on one file system.
 */
function identityOf(stat: NodeStat): string | undefined {
  if (stat.birthtimeNs === 0n || (stat.kind !== 'directory' && stat.links > 1)) return undefined;
  return `${stat.ino}:${stat.birthtimeNs}`;
}

/** Returns the entry of a file or directory as `stat` describes it; times are cut to what the folder can set. */
export function entryOf(
  path: SyncPath,
  stat: NodeStat,
  { timePrecisionNs, target }: { readonly timePrecisionNs: bigint; readonly target?: string },
): Entry {
  const id = identityOf(stat);
  const identity = id === undefined ? {} : { identity: id };
  if (stat.kind === 'directory')
    return {
      path,
      kind: 'directory',
      version: DIRECTORY_VERSION,
      mode: stat.mode & 0o777,
      ...identity,
    };
  if (stat.kind === 'symlink')
    return { path, kind: 'symlink', version: versionOf(stat), target: target ?? '', ...identity };
  return {
    path,
    kind: 'file',
    version: versionOf(stat),
    sizeBytes: stat.sizeBytes,
    mtimeNs: stat.mtimeNs - (stat.mtimeNs % timePrecisionNs),
    mode: stat.mode & 0o777,
    ...identity,
  };
}
