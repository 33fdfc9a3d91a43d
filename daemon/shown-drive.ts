import { constants } from 'node:os';
import { combineLatest, map, type Observable, of, switchMap } from 'rxjs';
import { FerryError } from '../core/model/errors.ts';
import type { ApiCache, ApiPair } from './api.ts';
import type { HostedCache } from './parts.ts';
import type { SessionState } from './session-state.ts';

/** A drive at its mount point, whether the other side can be reached or not. */
export interface ShownDrive {
  readonly mount: SessionState['mount'];
  /** What may have become known since. */
  readonly passthrough?: () => Pick<ApiPair, 'passthrough'>;
  /** Files that wait for their upload. */
  readonly pending$?: Observable<number>;
  /** What of it is on this device; absent where everything is. */
  readonly cache?: HostedCache;
  /** Leaves the mount point. @throws MOUNT_BUSY while programs use it; not with `lazy` */
  release(options: { readonly lazy?: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** Emits what a session shows of the drive that is shown, whichever that is. */
export function shownState$(
  shown$: Observable<ShownDrive | null>,
): Observable<Pick<SessionState, 'pendingUploads' | 'cache'>> {
  const pending$ = shown$.pipe(switchMap((shown) => shown?.pending$ ?? of(0)));
  const cache$ = shown$.pipe(
    switchMap((shown) => shown?.cache?.state$ ?? of(null)),
    map((state): ApiCache | null => {
      if (state === null) return null;
      const { problem, ...rest } = state;
      if (problem === null) return rest;
      const { code, message } = problem;
      return { ...rest, pinProblem: { code, message } };
    }),
  );
  return combineLatest([pending$, cache$]).pipe(
    map(([pendingUploads, cache]) => ({ pendingUploads, cache })),
  );
}

/** Returns what a drive's statistics say of the kernel's own reading of its files. */
export function passthroughOf(errno: number | undefined): Pick<ApiPair, 'passthrough'> {
  if (errno === undefined) return {};
  if (errno === 0) return { passthrough: 'yes' };
  if (errno < 0) return { passthrough: 'untried' };
  const { EPERM, EACCES } = constants.errno;
  return { passthrough: errno === EPERM || errno === EACCES ? 'not-permitted' : 'not-supported' };
}

/** Returns what of a shown drive is on this device. @throws CONFIG_INVALID where everything is */
export function cacheOf(name: string, shown: ShownDrive | null): HostedCache {
  if (shown?.cache !== undefined) return shown.cache;
  throw new FerryError(
    'CONFIG_INVALID',
    `${name} is a folder, which keeps everything on this device`,
  );
}
