import type { ApiState } from '../daemon/api.ts';
import { readCrashNote } from '../daemon/crash-note.ts';
import type { Home } from '../daemon/home.ts';
import { count, formatTime } from './format.ts';

/** Returns what there is to say of a daemon that ended unexpectedly; null: nothing. `state` is null while none runs. */
export function crashWords(home: Home, state: ApiState | null, nowMs: number): string | null {
  if (state === null) {
    const note = readCrashNote(home);
    const last = note?.crashes.at(-1);
    if (last === undefined || !note?.gaveUp) return null;
    return `the daemon ended unexpectedly ${count(note.crashes.length, 'time')} within a minute (${last.how}) and was not started again: ferry log says more, ferry daemon start tries it`;
  }
  const crashes = state.supervisor?.crashes ?? [];
  const last = crashes.at(-1);
  if (last === undefined) return null;
  const at = formatTime(last.atMs, nowMs);
  return `the daemon ended unexpectedly ${count(crashes.length, 'time')}, the last time ${at} (${last.how}), and was started again: ferry log`;
}
