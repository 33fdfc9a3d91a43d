import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ApiCrash as Crash } from './api.ts';
import type { Home } from './home.ts';

/** What is kept of a daemon that ended unexpectedly, for those who ask later. */
export interface CrashNote {
  /** The latest last. */
  readonly crashes: readonly Crash[];
  /** It was not started again after the last one. */
  readonly gaveUp: boolean;
}

function fileOf(home: Pick<Home, 'stateDirectory'>): string {
  return join(home.stateDirectory, 'daemon-crashes.json');
}

/** Returns what is noted; null where nothing is, or nothing that can be read: it is only shown. */
export function readCrashNote(home: Pick<Home, 'stateDirectory'>): CrashNote | null {
  try {
    return JSON.parse(readFileSync(fileOf(home), 'utf8')) as CrashNote;
  } catch {
    return null;
  }
}

/** Notes crashes at once, as a supervisor has nothing else to do. */
export function writeCrashNote(home: Pick<Home, 'stateDirectory'>, note: CrashNote): void {
  mkdirSync(dirname(fileOf(home)), { recursive: true, mode: 0o700 });
  writeFileSync(fileOf(home), `${JSON.stringify(note)}\n`, { mode: 0o600 });
}
