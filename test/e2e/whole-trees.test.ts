import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunSummary } from '../../core/engine/pair-engine.ts';
import type { Direction } from '../../core/model/entry.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { differences, listTree, makeTree } from '../support/file-trees.ts';
import { runFerry } from '../support/run-ferry.ts';
import { apache } from '../support/servers/apache.ts';
import { companion } from '../support/servers/companion.ts';
import { nginx } from '../support/servers/nginx.ts';
import { rclone } from '../support/servers/rclone.ts';
import type { RealServer } from '../support/servers/real-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** `FERRY_TREE_FILES=10000` is the long form. */
const FILES = Number(process.env['FERRY_TREE_FILES'] ?? 120);

const SERVERS = [
  { kind: companion(), keepsTimes: true },
  { kind: apache(), keepsTimes: false },
  { kind: nginx(), keepsTimes: false },
  { kind: rclone(), keepsTimes: false },
] as const;

const WRITING_METHODS = ['PUT', 'DELETE', 'MOVE', 'MKCOL', 'PROPPATCH', 'LOCK', 'COPY'];

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let source: string;

beforeAll(async () => {
  folder = await temporaryDirectory('ferry-trees');
  source = join(folder.path, 'source');
  await makeTree(source, FILES);
}, 120_000);

afterAll(() => folder.close(), 120_000);

async function sync(home: string, args: readonly string[]): Promise<RunSummary> {
  const result = await runFerry(home, ['sync', ...args, '--json']);
  if (result.code !== 0)
    throw new Error(`exit code ${result.code}: ${result.stderr}${result.stdout}`);
  const last = result.stdout.trim().split('\n').at(-1) ?? '';
  return JSON.parse(last) as RunSummary;
}

async function fill(directory: string): Promise<void> {
  await makeTree(directory, FILES);
}

interface Remote {
  readonly address: string;
  readonly directory: string;
  readonly proxy: CountingProxy | null;
}

function expectNone({ proxy }: Remote, method: string): void {
  expect([method, proxy?.counts[method] ?? 0]).toEqual([method, 0]);
}

async function syncBothTimes(
  remote: Remote,
  direction: Direction,
  keepsTimes: boolean,
): Promise<void> {
  const base = await temporaryDirectory('ferry-pair');
  const local = join(base.path, 'local');
  try {
    await mkdir(local);
    const [from, to] =
      direction === 'remote-to-local' ? [remote.directory, local] : [local, remote.directory];
    await fill(from);
    if (direction === 'two-way') {
      await rm(join(local, 'dir 3'), { recursive: true });
      await mkdir(join(remote.directory, 'dir 3'), { recursive: true });
      await makeTree(join(remote.directory, 'dir 3'), 20, 3);
    }
    const pair = [local, remote.address, '--direction', direction];
    remote.proxy?.clear();
    const first = await sync(join(base.path, 'home'), pair);
    expect(first.problems).toEqual([]);
    if (direction === 'remote-to-local')
      for (const method of WRITING_METHODS) expectNone(remote, method);
    const asTold = direction === 'remote-to-local' ? 's' : null;
    const times = keepsTimes ? 'ms' : asTold;
    const differing = differences(await listTree(from, { times }), await listTree(to, { times }));
    expect(differing.slice(0, 5)).toEqual([]);
    remote.proxy?.clear();
    const second = await sync(join(base.path, 'home'), pair);
    expect(second).toMatchObject({
      uploaded: 0,
      downloaded: 0,
      moved: 0,
      adopted: 0,
      bytesSent: 0,
      bytesReceived: 0,
    });
    for (const method of ['GET', ...WRITING_METHODS]) expectNone(remote, method);
  } finally {
    await base.close();
  }
}

const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];

describe.each(SERVERS)('a tree of files against $kind.name', ({ kind, keepsTimes }) => {
  const required = process.env['FERRY_REQUIRE_SERVERS'] === '1';
  if (kind.reason !== null && !required)
    process.stderr.write(`skipped: ${kind.name}: ${kind.reason}\n`);
  const test = kind.reason === null || required ? it : it.skip;

  test.each(DIRECTIONS)(
    'is identical on both sides %s, and the second run transfers and writes nothing',
    async (direction) => {
      const server: RealServer = await kind.start();
      const proxy = await startCountingProxy(server.url);
      try {
        const remote = { address: proxy.url, directory: server.directory, proxy };
        await syncBothTimes(remote, direction, keepsTimes);
      } finally {
        await proxy.close();
        await server.close();
      }
    },
    FILES > 1000 ? 900_000 : 120_000,
  );
});

describe('a tree of files against a folder', () => {
  it.each(DIRECTIONS)(
    'is identical on both sides %s, and the second run writes nothing',
    async (direction) => {
      const remote = await temporaryDirectory('ferry-remote');
      try {
        await syncBothTimes(
          { address: remote.path, directory: remote.path, proxy: null },
          direction,
          true,
        );
      } finally {
        await remote.close();
      }
    },
    FILES > 1000 ? 900_000 : 120_000,
  );
});
