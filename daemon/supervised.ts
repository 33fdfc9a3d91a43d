import type { ApiCrash as Crash } from './api.ts';

/** What a worker knows of the process that watches over it. */
export interface Supervision {
  readonly pid: number;
  /** Those that ended before it, the latest last. */
  readonly crashes: readonly Crash[];
}

/** Carries a Supervision, as JSON, to the worker. */
export const SUPERVISION_VARIABLE = 'FERRY_SUPERVISION';

/** What a worker tells: it has begun its work, so that an end from now on is unexpected. */
export const READY = 'ready';
/** What a worker is told: end gracefully. */
export const STOP = 'stop';

/** Signals that come within so long are one request: `timeout` and systemd send theirs to the whole group as well. */
export const ONE_REQUEST_MS = 500;

/** Returns what this process knows of its supervisor; null where it has none. */
export function supervisionOf(environment: NodeJS.ProcessEnv): Supervision | null {
  const text = environment[SUPERVISION_VARIABLE];
  return text === undefined ? null : (JSON.parse(text) as Supervision);
}

/** Says that this process has begun its work; nobody hears it where it has no supervisor. */
export function tellReady(): void {
  process.send?.(READY);
}

/** Calls `stop` when the supervisor says so, or is gone: nobody would be left to look after this process. */
export function followSupervisor(stop: () => void): void {
  if (!process.connected) return;
  process.on('message', (message) => {
    if (message === STOP) stop();
  });
  process.on('disconnect', stop);
  // It is no reason to live on.
  process.channel?.unref();
}
