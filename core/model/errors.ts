/** How soon the failed operation may be tried again: at once, in a later run, or never without the user. */
export type Retry = 'now' | 'later' | 'never';

/** Stable codes, for programs; messages are for people. Grouped by the part that failed. */
export type ErrorCode =
  | 'REMOTE_UNREACHABLE'
  /** The server answers, but not for this path. */
  | 'REMOTE_UNAVAILABLE'
  | 'REMOTE_UNAUTHORIZED'
  | 'REMOTE_FORBIDDEN'
  | 'REMOTE_NOT_FOUND'
  | 'REMOTE_QUOTA'
  | 'REMOTE_RATE_LIMITED'
  | 'REMOTE_LOCKED'
  | 'REMOTE_PROTOCOL'
  | 'LOCAL_NOT_FOUND'
  | 'LOCAL_PERMISSION'
  | 'LOCAL_NO_SPACE'
  | 'LOCAL_BUSY'
  | 'LOCAL_IO'
  | 'LOCAL_ROOT_MISSING'
  | 'NAME_NOT_ALLOWED'
  | 'KIND_NOT_SUPPORTED'
  | 'NOT_EMPTY'
  | 'CHANGED'
  | 'RECORD_CORRUPT'
  | 'RECORD_SCHEMA_NEWER'
  | 'RECORD_LOCKED'
  | 'MOUNT_UNAVAILABLE'
  | 'MOUNT_BUSY'
  | 'GUARD_STOPPED'
  | 'CONFIG_INVALID'
  | 'DAEMON_NOT_RUNNING'
  | 'ABORTED'
  | 'INTERNAL';

const RETRY_BY_CODE: Partial<Record<ErrorCode, Retry>> = {
  CHANGED: 'now',
  REMOTE_UNREACHABLE: 'later',
  REMOTE_UNAVAILABLE: 'later',
  REMOTE_RATE_LIMITED: 'later',
  REMOTE_LOCKED: 'later',
  REMOTE_QUOTA: 'later',
  REMOTE_PROTOCOL: 'later',
  LOCAL_NO_SPACE: 'later',
  LOCAL_BUSY: 'later',
  LOCAL_IO: 'later',
  LOCAL_ROOT_MISSING: 'later',
  RECORD_LOCKED: 'later',
  MOUNT_BUSY: 'later',
};

export interface FerryErrorOptions {
  readonly path?: string;
  readonly cause?: unknown;
  readonly retry?: Retry;
}

/**
 * The one error of Ferry: adapters translate errno, HTTP status and LevelDB codes into it at their edge,
 * and nothing above them looks at those again. `CHANGED` says that a precondition failed: something else is at
 * the path than the plan was made from; it is observed and planned again, and is no failure.
 */
export class FerryError extends Error {
  override readonly name = 'FerryError';
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly path?: string;

  constructor(code: ErrorCode, message: string, options: FerryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? RETRY_BY_CODE[code] ?? 'never';
    if (options.path !== undefined) this.path = options.path;
  }
}

/** Returns `error` itself when it is a FerryError, else an `INTERNAL` one around it. */
export function toFerryError(error: unknown, path?: string): FerryError {
  if (error instanceof FerryError) return error;
  const aborted = error instanceof Error && error.name === 'AbortError';
  const message = error instanceof Error ? error.message : String(error);
  return new FerryError(aborted ? 'ABORTED' : 'INTERNAL', message, {
    cause: error,
    ...(path === undefined ? {} : { path }),
  });
}

/** Throws `ABORTED` when `signal` has been raised. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new FerryError('ABORTED', 'cancelled', { cause: signal.reason });
}
