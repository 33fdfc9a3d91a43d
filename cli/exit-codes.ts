import type { RunSummary } from '../core/engine/pair-engine.ts';
import type { ErrorCode, FerryError } from '../core/model/errors.ts';
import { isNotice } from '../core/model/problem.ts';

/** What the exit codes of every command mean; 0 to 7 are those of rclone. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  directoryNotFound: 3,
  temporary: 5,
  fatal: 7,
  conflicts: 11,
  guard: 12,
  signIn: 13,
  daemonNotRunning: 14,
  locked: 15,
  /** What shells expect of a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

/** The exit code for each error that ends a command; see EXIT. */
export const EXIT_BY_ERROR: Readonly<Record<ErrorCode, number>> = {
  REMOTE_UNREACHABLE: EXIT.temporary,
  REMOTE_UNAVAILABLE: EXIT.temporary,
  REMOTE_UNAUTHORIZED: EXIT.signIn,
  REMOTE_FORBIDDEN: EXIT.error,
  REMOTE_NOT_FOUND: EXIT.directoryNotFound,
  REMOTE_QUOTA: EXIT.error,
  REMOTE_RATE_LIMITED: EXIT.temporary,
  REMOTE_LOCKED: EXIT.temporary,
  REMOTE_PROTOCOL: EXIT.error,
  LOCAL_NOT_FOUND: EXIT.directoryNotFound,
  LOCAL_PERMISSION: EXIT.error,
  LOCAL_NO_SPACE: EXIT.error,
  LOCAL_BUSY: EXIT.temporary,
  LOCAL_IO: EXIT.error,
  LOCAL_ROOT_MISSING: EXIT.directoryNotFound,
  NAME_NOT_ALLOWED: EXIT.error,
  KIND_NOT_SUPPORTED: EXIT.error,
  NOT_EMPTY: EXIT.error,
  CHANGED: EXIT.temporary,
  RECORD_CORRUPT: EXIT.fatal,
  RECORD_SCHEMA_NEWER: EXIT.fatal,
  RECORD_LOCKED: EXIT.locked,
  MOUNT_UNAVAILABLE: EXIT.error,
  MOUNT_BUSY: EXIT.error,
  GUARD_STOPPED: EXIT.guard,
  CONFIG_INVALID: EXIT.usage,
  DAEMON_NOT_RUNNING: EXIT.daemonNotRunning,
  ABORTED: EXIT.interrupted,
  INTERNAL: EXIT.error,
};

/** Returns the exit code for an error that ended a command. */
export function exitCodeOfError(error: FerryError): number {
  const code = EXIT_BY_ERROR[error.code] ?? EXIT.error;
  // A certificate that is not trusted is nothing that another try puts right.
  return code === EXIT.temporary && error.retry === 'never' ? EXIT.error : code;
}

/** Returns the exit code for a run that came to its end: failures first, then conflicts. */
export function exitCodeOfSummary(
  summary: Pick<RunSummary, 'problems' | 'conflicts'> & Partial<Pick<RunSummary, 'dryRun'>>,
): number {
  const failures = summary.problems.filter((problem) => !isNotice(problem));
  // Something is held until somebody says what it means.
  if (failures.some(({ code }) => code === 'GUARD_STOPPED')) return EXIT.guard;
  if (failures.some((problem) => problem.retry === 'never')) return EXIT.error;
  if (failures.length > 0) return EXIT.temporary;
  // A dry run has kept nothing.
  return summary.conflicts.length > 0 && !summary.dryRun ? EXIT.conflicts : EXIT.ok;
}

/** The gravest first. */
const BY_GRAVITY = [
  EXIT.interrupted,
  EXIT.fatal,
  EXIT.guard,
  EXIT.signIn,
  EXIT.locked,
  EXIT.directoryNotFound,
  EXIT.usage,
  EXIT.error,
  EXIT.daemonNotRunning,
  EXIT.temporary,
  EXIT.conflicts,
  EXIT.ok,
] as const satisfies readonly number[];

/** Returns the one exit code for several pairs: that of the one that is worst off. */
export function worstExitCode(codes: readonly number[]): number {
  return BY_GRAVITY.find((code) => codes.includes(code)) ?? codes[0] ?? EXIT.ok;
}
