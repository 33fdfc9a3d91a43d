import { type ErrorCode, FerryError } from '../../core/model/errors.ts';
import { codeOf } from '../../native/index.ts';

/** What an errno means for a path of a folder, and what the user can do. */
const MEANINGS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['LOCAL_NOT_FOUND', 'it or its directory is not there'],
  ENOTDIR: ['LOCAL_NOT_FOUND', 'something above it is not a directory'],
  EEXIST: ['CHANGED', 'something else is there by now'],
  EISDIR: ['CHANGED', 'a directory is there by now'],
  ELOOP: ['CHANGED', 'a symbolic link is in the way'],
  EXDEV: ['KIND_NOT_SUPPORTED', 'it is on another file system; sync that one as a pair of its own'],
  ENOTEMPTY: ['NOT_EMPTY', 'the directory holds something'],
  EACCES: ['LOCAL_PERMISSION', 'permission denied; check its owner and mode'],
  EPERM: ['LOCAL_PERMISSION', 'not permitted; check its owner and attributes'],
  EROFS: ['LOCAL_PERMISSION', 'the file system is read-only'],
  ENOSPC: ['LOCAL_NO_SPACE', 'no room (or no inodes) left; free some space'],
  EDQUOT: ['LOCAL_NO_SPACE', 'your quota is used up; free some space'],
  EFBIG: ['LOCAL_NO_SPACE', 'the file system takes no file of this size'],
  EBUSY: ['LOCAL_BUSY', 'it is in use; close the program that has it open'],
  ETXTBSY: ['LOCAL_BUSY', 'it is a running program'],
  EAGAIN: ['LOCAL_BUSY', 'the system is busy'],
  EMFILE: ['LOCAL_BUSY', 'too many open files'],
  ENFILE: ['LOCAL_BUSY', 'too many open files in the system'],
  ENOMEM: ['LOCAL_BUSY', 'not enough memory'],
  ENAMETOOLONG: ['NAME_NOT_ALLOWED', 'the name or path is too long here; shorten it'],
  EILSEQ: ['NAME_NOT_ALLOWED', 'the file system does not take this name; rename it'],
  EINVAL: ['NAME_NOT_ALLOWED', 'the file system does not take this name; rename it'],
};

/** Returns the FerryError for what went wrong with `path` while it was `tried` to do something ("write", "list"). */
export function folderError(error: unknown, path: string, tried: string): FerryError {
  if (error instanceof FerryError) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new FerryError('ABORTED', 'cancelled', { cause: error });
  const errno = codeOf(error) ?? 'unknown error';
  const [code, advice] = MEANINGS[errno] ?? ['LOCAL_IO', 'the disk or file system failed'];
  const where = path === '' ? 'the folder itself' : path;
  return new FerryError(code, `cannot ${tried} ${where}: ${advice} (${errno})`, {
    path,
    cause: error,
  });
}

/** Returns the failed precondition of a path. */
export function changed(path: string, what: string): FerryError {
  return new FerryError('CHANGED', `${path}: ${what}`, { path });
}

/** Runs `work` and translates what it throws. */
export async function translated<T>(
  path: string,
  tried: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw folderError(error, path, tried);
  }
}
