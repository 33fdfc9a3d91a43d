import type { ContentHash, EntryKind, Side } from './entry.ts';
import type { ErrorCode, FerryError, Retry } from './errors.ts';
import type { SyncPath } from './path.ts';

/** A path that could not be synced in this run, with the reason and what to do about it. */
export interface Problem {
  readonly path: SyncPath;
  readonly side: Side;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retry: Retry;
  /** Not tried again by itself before, in ms since 1970; absent: in the next run. */
  readonly retryAtMs?: number;
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

/** One of the versions that a conflict is about, as it was when the conflict was found. */
export interface ConflictVersion {
  /** The side on which it was made. */
  readonly side: Side;
  /** The device that made it; absent for the remote side, which does not say. */
  readonly device?: string;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Milliseconds since 1970; absent where the side does not say. */
  readonly mtimeMs?: number;
  /** Absent while nobody has read the content, and for directories. */
  readonly hash?: ContentHash;
}

/** What both sides had agreed on before each made its own version. */
export type ConflictBase = Pick<ConflictVersion, 'sizeBytes' | 'hash'>;

/**
 * Two versions of one path that both matter; kept until the user says which one to keep, removes one, or makes them
 * equal. It follows both files when they are renamed. Rows that an earlier Ferry wrote lack what is optional.
 */
export interface Conflict {
  /** Where the winning version is. */
  readonly path: SyncPath;
  /** Where the other version was kept. */
  readonly copyPath: SyncPath;
  /** The side on which the version in the copy was made. */
  readonly copyFrom: Side;
  /** Milliseconds since 1970. */
  readonly detectedAtMs: number;
  /** The number of the run that found it. */
  readonly run?: number;
  /** What each side had done, and the rule that decided. */
  readonly reason?: { readonly local: string; readonly remote: string; readonly rule: string };
  /** The version at `path`. */
  readonly winner?: ConflictVersion;
  /** The version at `copyPath`. */
  readonly copy?: ConflictVersion;
  /** Absent where both were new. */
  readonly base?: ConflictBase;
  /** By what the two files are found again when they were renamed; of no meaning to anybody else. */
  readonly trail?: ConflictTrail;
}

/** Ids of records, and what identifies a copy that has none (in one-way pairs). */
export interface ConflictTrail {
  readonly pathId?: number;
  readonly copyId?: number;
  readonly copyIdentity?: string;
  /** Versions of both files that were found to differ; they are not read again. */
  readonly differ?: string;
}

/** Returns the problems, the last one of each side, path and code. */
export function withoutDuplicates(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Map<string, Problem>();
  for (const problem of problems)
    seen.set(`${problem.side}\n${problem.path}\n${problem.code}`, problem);
  return [...seen.values()];
}
