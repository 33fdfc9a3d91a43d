import { FerryError } from '../../core/model/errors.ts';
import { childPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import { Addresses } from './addresses.ts';
import { type Credentials, openHttp } from './http.ts';
import { StatusError } from './http-errors.ts';
import { lookAt } from './listing.ts';
import { probeConditions } from './probe-conditions.ts';
import { probeContent } from './probe-content.ts';
import { ProbeDesk } from './probe-desk.ts';
import { probeNames } from './probe-names.ts';
import { COMPANION_ABILITIES, type ProbeResult, UNPROVEN_ABILITIES } from './probe-result.ts';
import { Session } from './session.ts';
import type { TlsTrust } from './tls.ts';

export interface ProbeOptions {
  readonly url: string;
  readonly credentials?: Credentials;
  readonly tls?: TlsTrust;
  /** Marks what the probe makes, so that a later run can tell whose it is. */
  readonly ownerId: string;
  /** Ask, but try nothing: the server is only to be read. */
  readonly readsOnly?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
}

/**
 * Finds out what a server honours by trying it in a temporary directory, which is removed afterwards. Sixty to
 * ninety small requests; some seconds where versions have to settle in between. The companion server only has to say that it is one.
 * @throws REMOTE_* when the server cannot be reached or does not let a directory be made
 */
export async function probeWebdav(options: ProbeOptions): Promise<ProbeResult> {
  const { clock, logger, ownerId } = options;
  const addresses = new Addresses(options.url);
  const http = openHttp({ ...options, base: addresses.base, parallelism: 2 });
  const session = new Session({ http, addresses, clock, logger, ownerId });
  const desk = new ProbeDesk(session, options.signal);
  try {
    return await probed(desk, clock, options.readsOnly ?? false);
  } finally {
    http.close();
  }
}

async function probed(desk: ProbeDesk, clock: Clock, readsOnly: boolean): Promise<ProbeResult> {
  const greeting = await desk.greet();
  const root = await lookAt(desk.session, ROOT, desk.signal);
  if (root === null || !root.resource.isCollection)
    throw new FerryError(
      'REMOTE_NOT_FOUND',
      `${desk.session.addresses.base.href}: there is no folder at this address`,
    );
  const common = {
    format: 1,
    probedAtMs: clock.now(),
    server: greeting.server,
    clockSkewMs: root.serverTimeMs === null ? null : root.serverTimeMs - clock.now(),
  } as const;
  const unproven = greeting.isCompanion ? COMPANION_ABILITIES : UNPROVEN_ABILITIES;
  const readOnly = {
    ...common,
    ...unproven,
    requests: desk.requests,
    quotaAvailableBytes: await desk.quota(ROOT),
  };
  if (greeting.isCompanion) {
    const isCoarse = greeting.extensions.includes('mtime-us');
    return isCoarse ? { ...readOnly, setsMtime: 'microseconds' } : readOnly;
  }
  if (readsOnly) return readOnly;
  const proven = desk.inTemporaryDirectory(async (directory) => {
    const at = (name: string): SyncPath => childPath(directory, name);
    const content = await probeContent(desk, at);
    const conditions = await probeConditions(desk, at, content);
    const names = await probeNames(desk, directory);
    const quotaAvailableBytes = await desk.quota(directory);
    return {
      ...common,
      companion: false,
      modes: false,
      ...content,
      ...conditions,
      ...names,
      quotaAvailableBytes,
      requests: desk.requests,
    };
  });
  return proven.catch((error: unknown) => {
    // Nothing may be written there, so nothing has to be known about writing.
    if (error instanceof StatusError && [403, 405].includes(error.status)) return readOnly;
    throw error;
  });
}
