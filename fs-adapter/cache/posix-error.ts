/** The errors that a file system call can end with here, by their names in errno(3). */
export type PosixCode =
  | 'EACCES'
  | 'EBADF'
  | 'EBUSY'
  | 'EEXIST'
  | 'EILSEQ'
  | 'EINVAL'
  | 'EIO'
  | 'EISDIR'
  | 'ENAMETOOLONG'
  | 'ENODATA'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'EOPNOTSUPP'
  | 'EPERM'
  | 'ERANGE'
  | 'EROFS'
  | 'ESTALE'
  | 'ETIMEDOUT';

/**
 * What a program gets as the answer to its system call on the drive. Not a FerryError: it never leaves fs-adapter,
 * and most of these are ordinary answers (a name that is not there), not failures of Ferry.
 */
export class PosixError extends Error {
  override readonly name = 'PosixError';
  readonly code: PosixCode;

  constructor(code: PosixCode, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
