import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PRIVATE_FOLDER } from '../../../core/model/path.ts';
import { probeWebdav } from '../../../remotes/webdav/probe.ts';
import type { ProbeResult } from '../../../remotes/webdav/probe-result.ts';
import { openWebdavReplica, type WebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import {
  describeReplicaConformance,
  type OutsideAccess,
} from '../../conformance/replica-conformance.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { folderAccess } from '../../support/servers/folder-access.ts';
import type { RealServer, ServerKind } from '../../support/servers/real-server.ts';

/** One fresh folder of a running server. */
export interface DavSetting {
  readonly url: string;
  readonly directory: string;
  readonly replica: WebdavReplica;
  readonly outside: OutsideAccess;
}

/** What the tests of one server share. */
export interface RealServerContext {
  readonly server: RealServer;
  readonly probe: ProbeResult;
  /** Names in the served folder after the probe. */
  readonly leftByProbe: readonly string[];
  fresh(): Promise<DavSetting>;
}

/**
 * Runs the conformance suite, and `more`, against a real server. Where it is not installed the reason is printed;
 * `FERRY_REQUIRE_SERVERS=1` makes that a failure.
 */
export function describeRealServer(
  kind: ServerKind,
  more: (context: () => RealServerContext) => void,
): void {
  if (kind.reason !== null) {
    const { reason } = kind;
    const isRequired = process.env['FERRY_REQUIRE_SERVERS'] === '1';
    process.stderr.write(`skipped: ${kind.name}: ${reason}\n`);
    const report = isRequired ? test : test.skip;
    report(`${kind.name} is installed`, () => {
      throw new Error(reason);
    });
    return;
  }
  // Versions of whole seconds have to be waited for, again and again.
  jest.setTimeout(60_000);
  describe(kind.name, () => {
    let context: RealServerContext;
    beforeAll(async () => {
      context = await contextOf(kind);
    }, 60_000);
    afterAll(() => context?.server.close());

    describeReplicaConformance(kind.name, async () => {
      const { replica, outside } = await context.fresh();
      return {
        replica,
        outside,
        unusableNames: context.probe.listsDotNames ? [] : ['.hidden'],
        // Planted files are old enough for any server; what the replica writes, it settles itself.
        settle: async () => {},
        close: () => replica.close(),
      };
    });
    test('the probe leaves nothing behind, and its result can be kept as JSON', () => {
      expect(context.leftByProbe).toEqual([]);
      expect(JSON.parse(JSON.stringify(context.probe))).toEqual(context.probe);
    });
    more(() => context);
  });
}

async function contextOf(kind: ServerKind): Promise<RealServerContext> {
  const server = await kind.start();
  const common = { ownerId: 'tests', clock: realClock, logger: quietLogger };
  try {
    const probe = await probeWebdav({ url: server.url, ...common });
    let folders = 0;
    return {
      server,
      probe,
      leftByProbe: (await folderAccess(server.directory).list('')).filter(
        (name) => name !== PRIVATE_FOLDER,
      ),
      async fresh() {
        folders += 1;
        const directory = join(server.directory, `folder ${folders}`);
        await mkdir(directory);
        await chmod(directory, 0o777);
        const url = `${server.url}folder%20${folders}/`;
        const replica = await openWebdavReplica({ url, probe, ...common });
        return { url, directory, replica, outside: folderAccess(directory) };
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
