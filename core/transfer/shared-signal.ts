import { setMaxListeners } from 'node:events';

/**
 * Returns a signal that is raised with any of `signals` and that any number of concurrent transfers may listen to;
 * Node warns of a leak from eleven listeners on.
 */
export function sharedSignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const given = signals.filter((signal) => signal !== undefined);
  const shared = given.length === 1 && given[0] ? given[0] : AbortSignal.any(given);
  setMaxListeners(0, shared);
  return shared;
}
