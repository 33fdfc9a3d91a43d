import { afterEach } from '@jest/globals';
import type { Clock, Logger } from '../../../core/ports.ts';
import {
  openWebdavReplica,
  type WebdavOptions,
  type WebdavReplica,
} from '../../../remotes/webdav/webdav-replica.ts';
import { quietLogger } from '../../support/quiet.ts';
import {
  type MisbehavingServer,
  type Misbehaviour,
  misbehaving,
  WELL_BEHAVED,
} from '../../support/servers/misbehaving.ts';

/** A replica on a server that misbehaves, and what could be noticed of both. */
export interface FakeRemote {
  readonly replica: WebdavReplica;
  readonly server: MisbehavingServer;
  /** What was slept, in ms; the clock does not really wait. */
  readonly slept: readonly number[];
  readonly warnings: readonly string[];
}

const open: { close(): Promise<void> }[] = [];

/** Closes what `fakeRemote` and `fakeServer` opened in each test of the file. */
export function closeFakesAfterEach(): void {
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
}

/** Starts a server that is closed after the test. */
export async function fakeServer(behave: Misbehaviour): Promise<MisbehavingServer> {
  const server = await misbehaving(behave);
  open.push(server);
  return server;
}

/** Opens a replica on a server that answers with `behave`. */
export async function fakeRemote(
  behave: Misbehaviour,
  { folder = '', ...options }: Partial<WebdavOptions> & { readonly folder?: string } = {},
): Promise<FakeRemote> {
  const server = await fakeServer(behave);
  const slept: number[] = [];
  const warnings: string[] = [];
  const clock: Clock = {
    now: () => Date.now(),
    async sleep(ms) {
      slept.push(ms);
    },
  };
  const logger: Logger = { ...quietLogger, warn: (message) => warnings.push(message) };
  const replica = await openWebdavReplica({
    url: `${server.url}${folder}`,
    ownerId: 'tests',
    probe: WELL_BEHAVED,
    clock,
    logger,
    ...options,
  });
  open.push(replica);
  return { replica, server, slept, warnings };
}
