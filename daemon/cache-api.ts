import { type ErrorCode, FerryError, toFerryError } from '../core/model/errors.ts';
import { parseSyncPath, ROOT, type SyncPath } from '../core/model/path.ts';
import type { HydrateReport } from '../fs-adapter/cache/drive-cache.ts';
import type { FreeReport } from '../fs-adapter/cache/free-space.ts';
import type { HydrationProgressState } from '../fs-adapter/cache/hydration-progress.ts';
import type { ApiErrorBody } from './api.ts';
import { listOf, object, type Parser, string } from './parse.ts';
import type { HostedCache } from './parts.ts';

/** A file that could not be brought here, as the control API tells it. */
export interface ToldFailure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface ToldHydration extends Omit<HydrateReport, 'failures'> {
  readonly failures: readonly ToldFailure[];
}

/** One line of the answer to `hydrate`. */
export type HydrationLine =
  | { readonly progress: HydrationProgressState }
  | { readonly report: ToldHydration }
  | ApiErrorBody;

/** What can be done from outside with what of a drive is on this device. */
export interface RemoteCache {
  pin(paths: readonly SyncPath[]): Promise<void>;
  /** Answers which of them were not pinned themselves. */
  unpin(paths: readonly SyncPath[]): Promise<readonly SyncPath[]>;
  free(paths: readonly SyncPath[]): Promise<FreeReport>;
  hydrate(
    paths: readonly SyncPath[],
    options: {
      readonly signal: AbortSignal;
      readonly onProgress: (progress: HydrationProgressState) => void;
    },
  ): Promise<ToldHydration>;
}

const aPath: Parser<SyncPath> = (value, key) =>
  value === ROOT ? ROOT : parseSyncPath(string(value, key));

const parsePaths = object(
  (reader) => reader.required('paths', listOf(aPath)),
  () => undefined,
);

/** What the control API answers about a drive's contents, by method and command. */
export const CACHE_COMMANDS: Readonly<
  Record<string, (cache: HostedCache, body: unknown) => Promise<unknown>>
> = {
  'POST pin': async (cache, body) => {
    for (const path of parsePaths(body, '')) await cache.pin(path);
    return {};
  },
  'POST unpin': async (cache, body) => {
    const notPinned: SyncPath[] = [];
    for (const path of parsePaths(body, '')) if (!(await cache.unpin(path))) notPinned.push(path);
    return { notPinned };
  },
  'POST free': (cache, body) => cache.free(parsePaths(body, '')),
};

/** Fetches what a request names, and tells how far that is; the last line is the report, or the error. */
export async function hydrateInLines(
  cache: HostedCache,
  body: unknown,
  options: { readonly emit: (line: HydrationLine) => void; readonly signal: AbortSignal },
): Promise<void> {
  const { emit, signal } = options;
  try {
    const onProgress = (progress: HydrationProgressState): void => emit({ progress });
    const { files, bytes, failures } = await cache.hydrate(parsePaths(body, ''), {
      signal,
      onProgress,
    });
    const told = failures.map(({ path, error }) => ({
      path,
      code: error.code,
      message: error.message,
    }));
    emit({ report: { files, bytes, failures: told } });
  } catch (error) {
    const { code, message, path } = toFerryError(error);
    emit({ error: { code, message, ...(path === undefined ? {} : { path }) } });
  }
}

/** How the requests of a `RemoteCache` are sent. */
export interface CacheRequests {
  post<T>(command: string, body: object): Promise<T>;
  lines<T>(command: string, body: object, signal: AbortSignal): AsyncIterable<T>;
}

/** Returns a drive's contents as the daemon answers for them. */
export function remoteCache({ post, lines }: CacheRequests): RemoteCache {
  return {
    pin: (paths) => post('pin', { paths }),
    unpin: async (paths) =>
      (await post<{ notPinned: readonly SyncPath[] }>('unpin', { paths })).notPinned,
    free: (paths) => post('free', { paths }),
    async hydrate(paths, { signal, onProgress }) {
      for await (const line of lines<HydrationLine>('hydrate', { paths }, signal)) {
        if ('report' in line) return line.report;
        if ('progress' in line) onProgress(line.progress);
        else throw new FerryError(line.error.code as ErrorCode, line.error.message, line.error);
      }
      throw new FerryError('DAEMON_NOT_RUNNING', 'the daemon ended: see ferry log');
    },
  };
}
