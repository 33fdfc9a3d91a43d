import { concatMap, distinctUntilChanged, filter, map, type Subscription } from 'rxjs';
import type { PairEngine } from '../core/engine/pair-engine.ts';
import type { CacheBounds, DriveConfig } from './config.ts';
import type { LateRemote } from './late-remote.ts';
import type { DriveOptions, HostedCache } from './parts.ts';

/** Returns what is said of a drive's room and of what stays here, and nothing else of it. */
export function boundsOf(config: CacheBounds): CacheBounds {
  const { cacheLimitBytes, keepFreeBytes, restrictedPrograms, temporaryNames } = config;
  return {
    ...(cacheLimitBytes === undefined ? {} : { cacheLimitBytes }),
    ...(keepFreeBytes === undefined ? {} : { keepFreeBytes }),
    ...(restrictedPrograms === undefined ? {} : { restrictedPrograms }),
    ...(temporaryNames === undefined ? {} : { temporaryNames }),
  };
}

/** Returns where a drive's contents come from, and what bounds them on this device. */
export function cacheOptionsOf(
  { cacheLimitBytes, keepFreeBytes, restrictedPrograms, temporaryNames }: DriveConfig,
  remote: LateRemote,
): Pick<
  DriveOptions,
  'hydrate' | 'fetchGroup' | 'limits' | 'restrictedPrograms' | 'temporaryNames' | 'askSpace'
> {
  return {
    hydrate: (path, version, options) =>
      remote.read(path, { expected: version, acceptsWhole: true, isUrgent: true, ...options }),
    fetchGroup: async (requests, signal) => {
      const opened = await remote.opened();
      return opened.readMany === undefined ? null : opened.readMany(requests, { signal });
    },
    limits: {
      ...(cacheLimitBytes === undefined ? {} : { limitBytes: cacheLimitBytes }),
      ...(keepFreeBytes === undefined ? {} : { keepFreeBytes }),
    },
    ...(restrictedPrograms === undefined ? {} : { restrictedPrograms }),
    ...(temporaryNames === undefined ? {} : { temporaryNames }),
    askSpace: async () => (await (await remote.opened()).space?.()) ?? null,
  };
}

/** Lets the cache know of each run that has ended: what is pinned may be new, and the account's room another. */
export function tendCache(cache: HostedCache, engine: Pick<PairEngine, 'state$'>): Subscription {
  return engine.state$
    .pipe(
      map(({ lastRunAtMs }) => lastRunAtMs),
      filter((atMs) => atMs !== null),
      distinctUntilChanged(),
      concatMap(() => cache.ran()),
    )
    .subscribe();
}
