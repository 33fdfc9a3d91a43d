import { isAtOrBelow, type SyncPath } from '../model/path.ts';
import type { Problem } from '../model/problem.ts';
import type { Records } from '../records/records.ts';

const NOTE = 'problems';
/** More are counted in the run's summary only. */
const MAX_KNOWN = 1000;

/** A problem that the last run met, and since when runs have met it. */
export interface KnownProblem extends Problem {
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** Returns the problems that the last run left. */
export async function readKnownProblems(records: Records): Promise<readonly KnownProblem[]> {
  return (await records.notes.read<readonly KnownProblem[]>(NOTE)) ?? [];
}

/** Takes note of what a run has met, durably; nothing is written while that stays the same. */
export async function noteKnownProblems(
  records: Records,
  problems: readonly Problem[],
  nowMs: number,
): Promise<void> {
  const before = await readKnownProblems(records);
  const keyOf = ({ side, path, code }: Problem): string => `${side}\n${path}\n${code}`;
  const since = new Map(before.map((problem) => [keyOf(problem), problem.sinceMs]));
  const now = problems
    .slice(0, MAX_KNOWN)
    .map((problem): KnownProblem => ({ ...problem, sinceMs: since.get(keyOf(problem)) ?? nowMs }));
  if (JSON.stringify(now) === JSON.stringify(before)) return;
  if (now.length === 0) records.notes.drop(NOTE);
  else records.notes.put(NOTE, now);
  await records.commit();
}

/** Returns a problem's message without the path that it usually begins with. */
export function wordsOf({ message, path }: KnownProblem): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}

/** Returns the problem of an entry itself, else the one of a directory above it, which keeps it out of the runs. */
export function problemFor(
  problems: readonly KnownProblem[],
  path: SyncPath,
): KnownProblem | undefined {
  return (
    problems.find((problem) => problem.path === path) ??
    problems.find((problem) => isAtOrBelow(path, problem.path))
  );
}
