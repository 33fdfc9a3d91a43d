import { FerryError } from '../../core/model/errors.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Returns the error that a failed call on a backing file means; what is no such call's error comes back as it is. */
export function backingError(error: unknown, path: string): unknown {
  if (error instanceof FerryError || !(error instanceof Error)) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (FULL.has(code))
    return new FerryError(
      'LOCAL_NO_SPACE',
      `${path}: no room for it in the drive's cache; free some space with ferry free`,
      { path, cause: error },
    );
  return new FerryError('LOCAL_IO', `${path}: its content cannot be kept here (${code})`, {
    path,
    cause: error,
  });
}
