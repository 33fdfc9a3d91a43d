import { setMaxListeners } from 'node:events';

/**
 * Returns a signal that is raised with any of `signals` and that any number of concurrent transfers may listen to;
 * Node warns of a leak from eleven listeners on.
 */
export function sharedSignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const shared = AbortSignal.any(signals.filter((signal) => signal !== undefined));
  setMaxListeners(0, shared);
  return shared;
}
