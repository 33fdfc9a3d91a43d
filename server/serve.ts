import { isIP } from 'node:net';
import { FerryError } from '../core/model/errors.ts';
import type { KeepVersions } from '../core/model/keep-versions.ts';
import type { Clock, Logger } from '../core/ports.ts';
import { openSafeRoot } from '../native/index.ts';
import { ActiveRequests, USER_LIMITS, type UserLimits } from './access/active-requests.ts';
import { openGuard } from './access/guard.ts';
import { errnoOf } from './dav-error.ts';
import { createDispatch } from './dispatch.ts';
import type { FeedSettings } from './feed/feed.ts';
import { type ConnectionLimits, Listener, type ServerStats } from './listener.ts';
import { isLoopback } from './loopback.ts';
import { type Gauges, Metrics } from './metrics.ts';
import { listenForMetrics } from './metrics-listener.ts';
import type { RequestRecord } from './request-record.ts';
import { openSite } from './site.ts';
import { fingerprintOf, keptTlsPair, type TlsPair } from './tls.ts';
import type { User } from './users.ts';

/** What is served, where, and to whom. */
export interface ServeOptions {
  /** Existing directory to serve; all on one file system. */
  readonly directory: string;
  /** Address or name to listen on. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Null: nobody has to sign in, which is possible on a loopback address only. */
  readonly users: readonly User[] | null;
  /** Further users and app tokens: an access file, whose changes are noticed. It asks for a sign-in even when empty. */
  readonly accessFile?: string;
  /** How much of the server one user may take up. */
  readonly userLimits?: UserLimits;
  readonly connectionLimits?: ConnectionLimits;
  /** Free space that uploads leave on the disk; 5 %, at most 1 GiB, when left out. */
  readonly reserveBytes?: number | undefined;
  /** Hears of each request when it has ended. */
  readonly observe?: (record: RequestRecord) => void;
  /** A loopback address and port (0: any free one) for metrics. */
  readonly metrics?: { readonly host: string; readonly port: number } | undefined;
  /** A pair of PEM texts; `generated`: a pair kept in `stateDirectory`; null: plain HTTP. */
  readonly tls: TlsPair | 'generated' | null;
  /** Where a generated TLS pair is kept. */
  readonly stateDirectory?: string;
  readonly readOnly?: boolean;
  /** How long what is replaced or removed is kept, and in how much room; null: not at all. */
  readonly keepVersions?: KeepVersions | null;
  readonly logger: Logger;
  readonly clock?: Pick<Clock, 'now'>;
  readonly feed?: FeedSettings;
  /** Allows passwords and files to cross a network unencrypted: for a TLS proxy in front. */
  readonly insecureAllowed?: boolean;
  readonly backend?: 'native' | 'javascript';
}

/** A server that accepts requests until it is closed. */
export interface RunningServer {
  /** Root of the served tree, with a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** SHA-256 of the certificate, `AB:CD:…`; null for plain HTTP. */
  readonly fingerprint: string | null;
  readonly stats: ServerStats;
  /** Null without metrics. */
  readonly metricsPort: number | null;
  /** Stops accepting, lets running requests end for two seconds, then cuts them off. */
  close(): Promise<void>;
}

/**
 * Serves a directory over WebDAV (RFC 4918 classes 1, 2 and 3).
 * @throws FerryError CONFIG_INVALID, LOCAL_ROOT_MISSING, LOCAL_PERMISSION, LOCAL_BUSY when the port is taken
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const clock = options.clock ?? { now: Date.now };
  requireSafe(options);
  const tls = await tlsPairOf(options, clock.now());
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closeOne of closing.splice(0).reverse()) await closeOne();
  };
  try {
    return await start(options, { clock, tls, closing, close });
  } catch (error) {
    await close();
    throw startError(error, options.directory);
  }
}

interface Start {
  readonly clock: Pick<Clock, 'now'>;
  readonly tls: TlsPair | null;
  /** What ends the parts that run, the last one first. */
  readonly closing: (() => Promise<void>)[];
  readonly close: () => Promise<void>;
}

async function start(options: ServeOptions, parts: Start): Promise<RunningServer> {
  const { feed, host, logger, readOnly = false, keepVersions = {}, reserveBytes } = options;
  const { clock, tls, closing, close } = parts;
  const root = await openRoot(options);
  const settings = { readOnly, keepVersions, reserveBytes, logger, clock, feed };
  const site = await openSite({ root, ...settings }).catch(async (error: unknown) => {
    await root.close();
    throw error;
  });
  closing.push(() => site.close());
  const active = new ActiveRequests(options.userLimits ?? USER_LIMITS);
  const guard = await openGuard(options, clock, active);
  if (guard !== null) closing.push(() => guard.close());
  const metrics = options.metrics === undefined ? null : new Metrics();
  const dispatch = createDispatch({
    site,
    signIn: guard?.signIn ?? null,
    active,
    observe: (record) => {
      guard?.note(record);
      metrics?.observe(record);
      logRequest(logger, record);
      options.observe?.(record);
    },
  });
  const onCut = () => site.stage?.cancel();
  const limits = options.connectionLimits ?? {};
  const listener = new Listener({ dispatch, tls, logger, onCut, limits });
  const port = await listener.listen(host, options.port);
  closing.push(() => {
    site.stop();
    return listener.close();
  });
  const metricsPort = await offerMetrics(options, metrics, closing, async () => ({
    stats: listener.stats,
    locks: site.locks.size,
    sync: site.sync.counts,
    space: await site.space(),
    feedSeq: site.feed?.seq ?? null,
  }));
  const scheme = tls === null ? 'http' : 'https';
  const url = `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}/`;
  logger.info('serving', { url, readOnly, backend: root.backend });
  return {
    url,
    port,
    fingerprint: tls === null ? null : fingerprintOf(tls.cert),
    get stats() {
      return listener.stats;
    },
    metricsPort,
    close,
  };
}

async function offerMetrics(
  options: ServeOptions,
  metrics: Metrics | null,
  closing: (() => Promise<void>)[],
  gauges: () => Promise<Gauges>,
): Promise<number | null> {
  if (metrics === null || options.metrics === undefined) return null;
  const listener = await listenForMetrics(options.metrics, async () =>
    metrics.text(await gauges()),
  );
  closing.push(() => listener.close());
  return listener.port;
}

function logRequest(logger: Logger, record: RequestRecord): void {
  const { method, path, status, user, address, durationMs } = record;
  const fields = { method, path, status, user, address, durationMs: Math.round(durationMs) };
  logger.debug('request', fields);
}

function requireSafe({ accessFile, host, users, tls, insecureAllowed }: ServeOptions): void {
  if (isLoopback(host)) return;
  if (users === null && accessFile === undefined)
    throw new FerryError(
      'CONFIG_INVALID',
      `serving on ${host} without users would let everybody in; name users, or listen on 127.0.0.1`,
    );
  if (tls === null && insecureAllowed !== true)
    throw new FerryError(
      'CONFIG_INVALID',
      `serving on ${host} without TLS would send passwords in the clear; use TLS, or allow it expressly`,
    );
}

async function tlsPairOf(options: ServeOptions, nowMs: number): Promise<TlsPair | null> {
  if (options.tls !== 'generated') return options.tls;
  if (options.stateDirectory === undefined)
    throw new FerryError('CONFIG_INVALID', 'a generated TLS pair needs a state directory');
  return await keptTlsPair(options.stateDirectory, nowMs);
}

async function openRoot({ directory, backend }: ServeOptions) {
  try {
    return await openSafeRoot(directory, backend === undefined ? {} : { backend });
  } catch (error) {
    throw startError(error, directory);
  }
}

function startError(cause: unknown, directory: string): FerryError {
  if (cause instanceof FerryError) return cause;
  const details = { cause, path: directory };
  switch (errnoOf(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FerryError('LOCAL_ROOT_MISSING', `${directory} is not a directory`, details);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new FerryError(
        'LOCAL_PERMISSION',
        `${directory} cannot be written; serve it read-only, or give the server access`,
        details,
      );
    default:
      return new FerryError('LOCAL_IO', `serving ${directory} failed: ${String(cause)}`, details);
  }
}
