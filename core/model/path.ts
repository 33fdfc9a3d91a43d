import { FerryError } from './errors.ts';

/** A path inside a pair: NFC, segments joined by `/`, relative, no `.` or `..`; the root is the empty string. */
export type SyncPath = string & { readonly __brand: 'SyncPath' };

/** The root of a pair. */
export const ROOT = '' as SyncPath;

/** What Ferry keeps beside the user's files; never observed, never synced. */
export const PRIVATE_FOLDER = '.ferry';

/** Beginning of the temporary names that Ferry gives on servers and while it swaps names. */
export const TEMPORARY_PREFIX = '.ferry-tmp-';

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Tells whether `name` can be one segment of a path. */
export function isValidName(name: string): boolean {
  return (
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    !name.includes('/') &&
    !name.includes('\0') &&
    !LONE_SURROGATE.test(name)
  );
}

/** Tells whether `name` belongs to Ferry itself and is hidden from every observation. */
export function isPrivateName(name: string): boolean {
  return name === PRIVATE_FOLDER || name.startsWith(TEMPORARY_PREFIX);
}

/**
 * Returns `text` as a SyncPath, normalised to NFC.
 * @throws FerryError NAME_NOT_ALLOWED for absolute paths, empty, `.` or `..` segments, NUL and lone surrogates.
 */
export function parseSyncPath(text: string): SyncPath {
  if (text === '') return ROOT;
  const path = text.normalize('NFC');
  if (!path.split('/').every(isValidName))
    throw new FerryError('NAME_NOT_ALLOWED', `not a usable path: ${JSON.stringify(text)}`, {
      path: text,
    });
  return path as SyncPath;
}

/** Returns the path of `name` in the directory `parent`; `name` must be valid. */
export function childPath(parent: SyncPath, name: string): SyncPath {
  return (parent === '' ? name : `${parent}/${name}`) as SyncPath;
}

/** Returns the directory that holds `path`; the root's parent is the root. */
export function parentPath(path: SyncPath): SyncPath {
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? '' : path.slice(0, slash)) as SyncPath;
}

/** Returns the last segment of `path`; empty for the root. */
export function nameOf(path: SyncPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Tells whether `path` is `directory` or below it. */
export function isAtOrBelow(path: SyncPath, directory: SyncPath): boolean {
  return (
    directory === '' ||
    path === directory ||
    (path.length > directory.length && path.startsWith(directory) && path[directory.length] === '/')
  );
}

/** Returns `path` with its ancestor `from` replaced by `to`; `path` must be at or below `from`. */
export function rebasePath(path: SyncPath, from: SyncPath, to: SyncPath): SyncPath {
  if (path === from) return to;
  const rest = from === '' ? path : path.slice(from.length + 1);
  return (to === '' ? rest : `${to}/${rest}`) as SyncPath;
}

/** Returns how many segments `path` has; 0 for the root. */
export function depthOf(path: SyncPath): number {
  if (path === '') return 0;
  let depth = 1;
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) depth++;
  return depth;
}
