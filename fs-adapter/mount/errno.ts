import { constants } from 'node:os';
import { type ErrorCode, FerryError } from '../../core/model/errors.ts';
import { type PosixCode, PosixError } from '../cache/posix-error.ts';

type ErrnoName = keyof typeof constants.errno;

/** What a program is told for each error of Ferry's. */
const BY_FERRY_CODE: Readonly<Record<ErrorCode, ErrnoName>> = {
  REMOTE_UNREACHABLE: 'EIO',
  REMOTE_UNAVAILABLE: 'EIO',
  REMOTE_UNAUTHORIZED: 'EACCES',
  REMOTE_FORBIDDEN: 'EACCES',
  REMOTE_NOT_FOUND: 'ESTALE',
  REMOTE_QUOTA: 'EDQUOT',
  REMOTE_RATE_LIMITED: 'EIO',
  REMOTE_LOCKED: 'EBUSY',
  REMOTE_PROTOCOL: 'EIO',
  LOCAL_NOT_FOUND: 'ENOENT',
  LOCAL_PERMISSION: 'EACCES',
  LOCAL_NO_SPACE: 'ENOSPC',
  LOCAL_BUSY: 'EBUSY',
  LOCAL_IO: 'EIO',
  LOCAL_ROOT_MISSING: 'EIO',
  NAME_NOT_ALLOWED: 'EINVAL',
  KIND_NOT_SUPPORTED: 'EPERM',
  NOT_EMPTY: 'ENOTEMPTY',
  CHANGED: 'ESTALE',
  RECORD_CORRUPT: 'EIO',
  RECORD_SCHEMA_NEWER: 'EIO',
  RECORD_LOCKED: 'EIO',
  MOUNT_UNAVAILABLE: 'EIO',
  MOUNT_BUSY: 'EBUSY',
  GUARD_STOPPED: 'EIO',
  CONFIG_INVALID: 'EIO',
  DAEMON_NOT_RUNNING: 'EIO',
  ABORTED: 'EINTR',
  INTERNAL: 'EIO',
};

/** Returns the negative errno that answers a call which failed with `error`. */
export function errnoOf(error: unknown): number {
  return -constants.errno[nameOf(error)];
}

/** Returns the negative errno of that name. */
export function errno(name: PosixCode): number {
  return -constants.errno[name];
}

function nameOf(error: unknown): ErrnoName {
  if (error instanceof PosixError) return error.code;
  if (error instanceof FerryError)
    return error.cause instanceof PosixError ? error.cause.code : BY_FERRY_CODE[error.code];
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code !== undefined && code in constants.errno ? (code as ErrnoName) : 'EIO';
}
