import { constants } from 'node:os';
import { type ErrorCode, FerryError } from '../../core/model/errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ESTALE: 'CHANGED',
  EEXIST: 'CHANGED',
  EBUSY: 'LOCAL_BUSY',
  ENOTEMPTY: 'NOT_EMPTY',
  EINVAL: 'NAME_NOT_ALLOWED',
  ENOSPC: 'LOCAL_NO_SPACE',
  EDQUOT: 'LOCAL_NO_SPACE',
};

const WORDS: Readonly<Record<string, string>> = {
  ESTALE: 'it is not what was expected any more',
  EEXIST: 'the name is taken',
  EBUSY: 'it is open for writing; it is synced when it is closed',
  ENOTEMPTY: 'it is not empty',
  EINVAL: 'it cannot be moved into itself',
  ENOSPC: 'no room on this disk; free some space',
};

/** Returns the name of an error number. */
export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === errno);
  return found?.[0] ?? `errno ${errno}`;
}

/** Returns the error of a negative errno that the addon answered with, about a path. */
export function errorOf(result: number, path: string): FerryError {
  const name = errnoName(-result);
  return new FerryError(CODES[name] ?? 'LOCAL_IO', `${path}: ${WORDS[name] ?? name}`, { path });
}
