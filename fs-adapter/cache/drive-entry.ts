import type { Entry, FileEntry, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { DriveDirectory, DriveEntry, DriveFile, DriveLink } from './drive-tree.ts';

/** Returns the version of an entry as it was at a counter; unique for each id and counter. */
export function versionOf({ id, counter }: { id: number; counter: number }): Version {
  return `${id.toString(36)}.${counter.toString(36)}` as Version;
}

/** Returns the id of the entry that has, or had, a version. */
export function idOf(version: Version): number {
  return Number.parseInt(version, 36);
}

/** Returns an entry as the engine sees it. Files are one literal: there are many, and spreading takes ten times as long. */
export function entryOf(entry: DriveFile, path: SyncPath): FileEntry;
export function entryOf(entry: DriveFile | DriveDirectory | DriveLink, path: SyncPath): Entry;
export function entryOf(entry: DriveFile | DriveDirectory | DriveLink, path: SyncPath): Entry {
  const version = versionOf(entry);
  const identity = String(entry.identity);
  const mode = entry.mode & 0o777;
  if (entry.kind === 'directory') return { path, version, identity, kind: 'directory', mode };
  if (entry.kind === 'symlink')
    return { path, version, identity, kind: 'symlink', target: entry.target };
  const { sizeBytes, mtimeNs, hash } = entry;
  const isPlaceholder = entry.state === 'placeholder' && sizeBytes > 0;
  return hash === null
    ? { path, version, identity, kind: 'file', sizeBytes, mtimeNs, mode, isPlaceholder }
    : { path, version, identity, kind: 'file', sizeBytes, mtimeNs, mode, hash, isPlaceholder };
}

/** Tells whether an entry is what the engine expects at its path. */
export function isAsExpected(entry: DriveEntry, expected: Version | 'directory'): boolean {
  return (entry.kind === 'directory' ? 'directory' : versionOf(entry)) === expected;
}
