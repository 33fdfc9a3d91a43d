import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DIRECTIONS, type Direction } from '../../core/model/entry.ts';
import { forEachLimited } from '../../core/transfer/pool.ts';
import { probeWebdav } from '../../remotes/webdav/probe.ts';
import { openWebdavReplica } from '../../remotes/webdav/webdav-replica.ts';
import { CATALOGUE } from '../scenarios/catalogue/index.ts';
import { openDiskScenario, openFolder, type RemoteFolder } from '../support/disk-scenario.ts';
import { playScenario } from '../support/play-scenario.ts';
import { quietLogger, realClock } from '../support/quiet.ts';
import type { StepScenario } from '../support/scenario-steps.ts';
import { apache } from '../support/servers/apache.ts';
import { companion } from '../support/servers/companion.ts';
import { nginx } from '../support/servers/nginx.ts';
import { rclone } from '../support/servers/rclone.ts';
import { makeFolders, type ServerKind } from '../support/servers/real-server.ts';

const IS_LONG = process.env['FERRY_LONG'] === '1';
/** On some servers most of the time goes into waiting for a second to be over. */
const AT_ONCE = 12;

interface RemoteKind {
  readonly name: string;
  readonly reason: string | null;
  /** Every n-th scenario is played, and each in one direction in turn; all of them with FERRY_LONG=1. */
  readonly every: number;
  readonly keepsLinks: boolean;
  start(): Promise<{ makeRemote(): Promise<RemoteFolder>; close(): Promise<void> }>;
}

async function freshFolder(directory: string): Promise<string> {
  const name = randomBytes(6).toString('hex');
  await fs.mkdir(join(directory, name));
  // Servers may run as other users.
  await fs.chmod(join(directory, name), 0o777);
  return name;
}

const FOLDER: RemoteKind = {
  name: 'a folder',
  reason: null,
  every: 1,
  keepsLinks: true,
  async start() {
    const { base, data } = await makeFolders('scenarios');
    return {
      async makeRemote() {
        const directory = join(data, await freshFolder(data));
        return { directory, open: () => openFolder(directory) };
      },
      close: () => fs.rm(base, { recursive: true, force: true }),
    };
  },
};

function onServer(
  kind: ServerKind,
  every: number,
  shown: Pick<RemoteFolder, 'shownAs'> = {},
): RemoteKind {
  return {
    name: kind.name,
    reason: kind.reason,
    every,
    keepsLinks: false,
    async start() {
      const server = await kind.start();
      const common = { ownerId: 'tests', clock: realClock, logger: quietLogger };
      const probe = await probeWebdav({ url: server.url, ...common });
      return {
        async makeRemote() {
          const name = await freshFolder(server.directory);
          const url = `${server.url}${name}/`;
          return {
            ...shown,
            directory: join(server.directory, name),
            open: () => openWebdavReplica({ url, probe, ...common }),
          };
        },
        close: () => server.close(),
      };
    },
  };
}

/** rclone shows control characters as pictures of them. */
function withControlPictures(path: string): string {
  return path.replaceAll(/\p{Cc}/gu, (one) => String.fromCodePoint(0x2400 + one.charCodeAt(0)));
}

const REMOTES: readonly RemoteKind[] = [
  FOLDER,
  onServer(companion(), 2),
  onServer(apache(), 3),
  onServer(nginx(), 4),
  onServer(rclone(), 6, { shownAs: withControlPictures }),
];

interface Play {
  readonly scenario: StepScenario;
  readonly direction: Direction;
}

/** In the short form every story is played in one direction, two-way most often. */
function playsFor({ every, keepsLinks }: RemoteKind): readonly Play[] {
  return CATALOGUE.flatMap((scenario, index) => {
    const { directions = DIRECTIONS, needsLinks = false } = scenario;
    if (needsLinks && !keepsLinks) return [];
    if (IS_LONG) return directions.map((direction) => ({ scenario, direction }));
    const direction = directions[(index % 4) % directions.length];
    return index % every === 0 && direction ? [{ scenario, direction }] : [];
  });
}

describe.each(REMOTES)('a local folder and $name', (remote) => {
  const isRequired = process.env['FERRY_REQUIRE_SERVERS'] === '1';
  if (remote.reason !== null && !isRequired) {
    process.stderr.write(`skipped: scenarios with ${remote.name}: ${remote.reason}\n`);
    it.skip('play every scenario', () => undefined);
    return;
  }
  const plays = playsFor(remote);
  const broken = new Map<Play, readonly string[]>();
  let started: Awaited<ReturnType<RemoteKind['start']>>;

  beforeAll(async () => {
    started = await remote.start();
    const makeRemote = () => started.makeRemote();
    const startedAtMs = Date.now();
    await forEachLimited(plays, AT_ONCE, async (play) => {
      const { scenario, direction } = play;
      const open = () => openDiskScenario(direction, makeRemote);
      const found = await playScenario(scenario, direction, open).catch((error) => [String(error)]);
      broken.set(play, found);
    });
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    process.stdout.write(`scenarios with ${remote.name}: ${plays.length} in ${seconds} s\n`);
  }, 1_200_000);
  afterAll(() => started?.close());

  it.each(plays.map((play) => [play.direction, play.scenario.name, play] as const))(
    'keep everything and come to rest: %s, %s',
    (_direction, _name, play) => {
      expect(broken.get(play)).toEqual([]);
    },
  );
});
