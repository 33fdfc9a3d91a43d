import { FerryError } from '../../core/model/errors.ts';
import { childPath, isPrivateName, type SyncPath } from '../../core/model/path.ts';
import type { DriveEntry } from './drive-tree.ts';

/** What libfuse renames an open file to when it is removed or replaced; nobody else sees it. */
export const HIDDEN_NAME = /^\.fuse_hidden[0-9a-f]{16}$/;

/** An entry of a directory at its path; or why the other side cannot have one at that path. */
export interface PathedEntry {
  readonly entry: DriveEntry;
  readonly path: SyncPath;
  readonly problem: FerryError | null;
}

/** Tells whether the engine may be shown an entry of this name. */
export function isSynced(name: string): boolean {
  return !isPrivateName(name) && !HIDDEN_NAME.test(name);
}

/**
 * Returns the entries of a directory that sync may know of, at their NFC paths. Programs can make names that are not
 * UTF-8, and several that are one and the same in NFC: those stay on this device.
 */
export function pathedEntries(
  directory: SyncPath,
  children: readonly DriveEntry[],
): readonly PathedEntry[] {
  const names = children.map(({ name }) => name.normalize('NFC'));
  const isPlain = children.every(({ name, isNameValid }, at) => isNameValid && name === names[at]);
  const clashes = isPlain ? new Set<string>() : twiceIn(names);
  const found: PathedEntry[] = [];
  for (const [at, entry] of children.entries()) {
    const name = names[at] ?? '';
    if (!isSynced(name)) continue;
    const path = childPath(directory, name);
    const problem = entry.isNameValid ? (clashes.has(name) ? clash(path) : null) : notUtf8(path);
    found.push({ entry, path, problem });
  }
  return found;
}

function twiceIn(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) twice.add(name);
    seen.add(name);
  }
  return twice;
}

function notUtf8(path: SyncPath): FerryError {
  const message = `${path}: its name is not UTF-8, so it is only on this device; rename it to have it synced`;
  return new FerryError('NAME_NOT_ALLOWED', message, { path });
}

function clash(path: SyncPath): FerryError {
  const message = `${path}: there are several of this name, in different Unicode forms, so they are only on this device; rename all but one of them to have them synced`;
  return new FerryError('NAME_NOT_ALLOWED', message, { path });
}
