import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunSummary } from '../core/engine/pair-engine.ts';
import type { ApiHeldPlan } from './api.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { type Home, pairDirectory } from './home.ts';

/** How the last run of a pair ended, for those who ask later. */
export interface LastRun {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Of the last run that came to its end. */
  readonly summary: RunSummary | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What the records held then; absent: they could not be opened. */
  readonly recorded?: RecordedCounts;
}

/** What is counted in a pair's records, to be shown while nobody has them open. */
export interface RecordedCounts {
  readonly conflicts: number;
  readonly recordedEntries: number;
  readonly heldPlan?: ApiHeldPlan | null;
}

/** Problems beyond these are only counted in the log. */
const KEPT_PROBLEMS = 1000;

function fileOf(home: Home, name: string): string {
  return join(pairDirectory(home, name), 'last-run.json');
}

/** Returns what is noted of the last run; null where nothing is, or nothing that can be read: it is only shown. */
export function readLastRun(home: Home, name: string): LastRun | null {
  try {
    return JSON.parse(readFileSync(fileOf(home, name), 'utf8')) as LastRun;
  } catch {
    return null;
  }
}

/** Notes how a run ended, without the list of what it did. */
export async function writeLastRun(home: Home, name: string, run: LastRun): Promise<void> {
  const { summary } = run;
  const before = readLastRun(home, name);
  const kept =
    summary === null
      ? (before?.summary ?? null)
      : { ...summary, actions: [], problems: summary.problems.slice(0, KEPT_PROBLEMS) };
  const recorded = run.recorded ?? before?.recorded;
  const note: LastRun = {
    atMs: run.atMs,
    summary: kept,
    error: run.error === null ? null : { code: run.error.code, message: run.error.message },
    ...(recorded === undefined ? {} : { recorded }),
  };
  // It is only shown.
  await writeFileAtomically(fileOf(home, name), `${JSON.stringify(note)}\n`, 0o600, {
    mayBeLost: true,
  });
}
