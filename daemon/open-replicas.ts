import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Direction } from '../core/model/entry.ts';
import type { KeepVersions } from '../core/model/keep-versions.ts';
import type { Clock, Logger, Replica } from '../core/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Config } from './config.ts';
import { deviceNameOf } from './config-file.ts';
import type { Home } from './home.ts';
import type { Parts } from './parts.ts';
import { loadProbe, saveProbe } from './probe-cache.ts';
import { type RemoteAddress, storedRemote } from './remote-address.ts';
import { loadSecrets } from './secrets.ts';

/** What opening anything needs; one for the whole program. */
export interface Workshop {
  readonly parts: Parts;
  readonly home: Home;
  readonly environment: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Random, made once for each state directory: a configuration that is copied to another device keeps its own. */
async function deviceIdOf(home: Home): Promise<string> {
  const file = join(home.stateDirectory, 'device-id');
  try {
    const known = (await readFile(file, 'utf8')).trim();
    if (known !== '') return known;
  } catch {
    // Not there yet: made below, and a file that cannot be read fails there too.
  }
  const made = randomBytes(8).toString('hex');
  await writeFileAtomically(file, `${made}\n`, 0o600);
  return made;
}

async function openWebdav(
  workshop: Workshop,
  address: RemoteAddress & { readonly kind: 'webdav' },
  pair: RemoteUse,
): Promise<Replica> {
  const { parts, home, clock, logger } = workshop;
  const credentials = (await loadSecrets(home)).get(address.secretKey);
  const deviceId = await deviceIdOf(home);
  const owner = createHash('sha256').update(`${deviceId}\0${pair.name}`).digest('hex').slice(0, 10);
  const fingerprint = address.remote?.fingerprint;
  const named = address.remote?.probe;
  const user = credentials?.user;
  const readsOnly = pair.direction === 'remote-to-local';
  const probe = named ?? (await loadProbe(home, address.url, user, clock));
  const replica = await parts.openWebdavReplica({
    url: address.url,
    ownerId: owner,
    clock,
    logger,
    readsOnly,
    watch: pair.watch ?? false,
    ...(pair.signal === undefined ? {} : { signal: pair.signal }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(probe === undefined ? {} : { probe }),
    ...(fingerprint === undefined ? {} : { tls: { pinnedFingerprint: fingerprint } }),
  });
  // The companion server says what it can do, so nothing has to be tried to know it.
  const found = replica.probe;
  const isOfCompanion = (found as { readonly companion?: unknown } | undefined)?.companion === true;
  if (probe === undefined && found !== undefined && (!readsOnly || isOfCompanion))
    await saveProbe(home, address.url, user, { probe: found, clock });
  return replica;
}

/** What a remote is opened for. */
export interface RemoteUse {
  readonly name: string;
  readonly direction: Direction;
  /** True: a remote that is a folder or the companion server tells when something changes in it. */
  readonly watch?: boolean;
  /** Of a remote that is a folder. */
  readonly keepVersions?: KeepVersions;
  /** Ends the opening of a server that does not answer. */
  readonly signal?: AbortSignal;
}

/** Opens what REMOTE means as the remote side of a pair. @throws CONFIG_INVALID, REMOTE_*, LOCAL_* */
export async function openRemote(
  workshop: Workshop,
  config: Config,
  remote: string,
  pair: RemoteUse,
): Promise<Replica> {
  const address = storedRemote(remote, config);
  if (address.kind === 'webdav') return openWebdav(workshop, address, pair);
  return workshop.parts.openFolderReplica({
    absolutePath: address.absolutePath,
    deviceName: deviceNameOf(config, workshop.environment),
    clock: workshop.clock,
    logger: workshop.logger,
    watch: pair.watch ?? false,
    ...(pair.keepVersions === undefined ? {} : { keepVersions: pair.keepVersions }),
  });
}
