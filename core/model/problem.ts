import type { Side } from './entry.ts';
import type { ErrorCode, FerryError, Retry } from './errors.ts';
import type { SyncPath } from './path.ts';

/** A path that could not be synced in this run, with the reason and what to do about it. */
export interface Problem {
  readonly path: SyncPath;
  readonly side: Side;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retry: Retry;
}

/** Codes of entries that are left alone by design: they are reported, but a run with only these succeeded. */
const NOTICES: ReadonlySet<ErrorCode> = new Set(['KIND_NOT_SUPPORTED', 'NAME_NOT_ALLOWED']);

/** Tells whether the problem is only worth mentioning: the entry is left alone by design. */
export function isNotice(problem: Problem): boolean {
  return NOTICES.has(problem.code);
}

/** Returns the problem that `error` means for `path`. */
export function problemOf(error: FerryError, path: SyncPath, side: Side): Problem {
  return { path, side, code: error.code, message: error.message, retry: error.retry };
}

/** Two versions of one path that both matter; kept until the user says which one to keep. */
export interface Conflict {
  /** Where the winning version is. */
  readonly path: SyncPath;
  /** Where the other version was kept. */
  readonly copyPath: SyncPath;
  /** The side on which the version in the copy was made. */
  readonly copyFrom: Side;
  /** Milliseconds since 1970. */
  readonly detectedAtMs: number;
}
