import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { apache } from '../test/support/servers/apache.ts';
import { nginx } from '../test/support/servers/nginx.ts';
import { rclone } from '../test/support/servers/rclone.ts';
import { startDelayProxy } from './delay-proxy.ts';
import { editsUntilSeen, untilSeen } from './latency.ts';
import type { Ability, Peer } from './peers/peer.ts';
import { ferryAgainst, shortName, unpacedClientS } from './peers/plain-servers.ts';
import { runMeasured, settle } from './processes.ts';
import { madeOnce, resultOf, type Sample, Stage } from './stage.ts';
import type { Result } from './table.ts';
import { changeTree, compareTrees, editBigFile, makeBigFile, makeTree } from './trees.ts';

const GIB = 2 ** 30;
const ROUND_TRIP_MS = 20;
const FAR_FILES = 1000;

export interface RowOptions {
  readonly work: string;
  readonly runs: number;
}

/** One or several rows that share what has to be set up. */
export interface RowKind {
  readonly rows: readonly string[];
  readonly ability: Ability;
  run(peer: Peer, wanted: ReadonlySet<string>, options: RowOptions): Promise<Result[]>;
}

function tree(work: string, files: number): string {
  const shapes: Readonly<Record<number, { directories: number; median: number; mean: number }>> = {
    1000: { directories: 60, median: 4096, mean: 10_240 },
    5000: { directories: 100, median: 4096, mean: 10_240 },
    10000: { directories: 600, median: 4096, mean: 10_240 },
    100000: { directories: 2000, median: 64, mean: 100 },
    1000000: { directories: 10_000, median: 0, mean: 0 },
  };
  const { directories = 1, median = 0, mean = 0 } = shapes[files] ?? {};
  return madeOnce(join(work, `tree-${files}`), () =>
    makeTree(join(work, `tree-${files}`), {
      files,
      directories,
      medianBytes: median,
      meanBytes: mean,
      seed: files,
    }),
  );
}

function bigFile(work: string, bytes: number): string {
  const folder = join(work, `big-${bytes}`);
  return madeOnce(folder, () => makeBigFile(join(folder, 'big.dat'), bytes, bytes % 1000));
}

/** Takes samples of a stage that is set up anew for each. */
async function eachFresh(runs: number, take: () => Promise<Sample>): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let run = 0; run < runs; run++) samples.push(await take());
  return samples;
}

async function withStage<T>(stage: Promise<Stage>, work: (stage: Stage) => Promise<T>): Promise<T> {
  const opened = await stage;
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

const transfers: RowKind = {
  rows: ['W1', 'W2'],
  ability: 'tree',
  async run(peer, wanted, { work, runs }) {
    const source = tree(work, 10_000);
    const take = (way: 'up' | 'down'): Promise<Sample[]> =>
      eachFresh(runs, () => {
        const inPlace = way === 'up' ? 'local' : 'remote';
        const sides =
          way === 'up' ? { local: source, remote: null } : { local: null, remote: source };
        return withStage(Stage.open(peer, work, { ...sides, inPlace }), (stage) =>
          stage.sample(way, { isCold: true }),
        );
      });
    const results: Result[] = [];
    if (wanted.has('W1')) results.push(resultOf('W1', peer.name, await take('up')));
    forget(source);
    if (wanted.has('W2')) results.push(resultOf('W2', peer.name, await take('down')));
    forget(source);
    return results;
  },
};

/** Removes what programs leave in a folder that is used itself. */
function forget(source: string): void {
  for (const name of ['.ferry', '.stfolder'])
    rmSync(join(source, name), { recursive: true, force: true });
}

const changesOfOneSide = { edited: 100, created: 20, deleted: 20, renamed: 20 };
const changesOfEachSide = { edited: 50, created: 10, deleted: 10, renamed: 10 };

const changes: RowKind = {
  rows: ['W3', 'W4', 'W10'],
  ability: 'tree',
  async run(peer, wanted, { work, runs }) {
    const source = tree(work, 10_000);
    return withStage(Stage.open(peer, work, { local: source, remote: source }), async (stage) => {
      const results: Result[] = [];
      const note = (row: string, samples: Sample[]) =>
        results.push(resultOf(row, peer.name, samples));
      await stage.once('up');
      await stage.once('up'); // what a first run wrote is looked at once more
      if (wanted.has('W3'))
        note('W3', await eachFresh(runs, () => stage.sample('up', { comparesTrees: false })));
      let round = 0;
      if (wanted.has('W4'))
        note(
          'W4',
          await eachFresh(runs, () => {
            round++;
            changeTree(stage.local, changesOfOneSide, 50 + round, round * 300);
            return stage.sample('up');
          }),
        );
      if (wanted.has('W10') && peer.abilities.includes('both')) {
        await stage.once('both');
        note(
          'W10',
          await eachFresh(runs, () => {
            round++;
            changeTree(stage.local, changesOfEachSide, 70 + round, 3000 + round * 600);
            changeTree(stage.remote, changesOfEachSide, 80 + round, 3300 + round * 600);
            return stage.sample('both');
          }),
        );
      }
      return results;
    });
  },
};

function quiet(row: string, files: number): RowKind {
  return {
    rows: [row],
    ability: 'tree',
    async run(peer, _wanted, { work, runs }) {
      const source = tree(work, files);
      return withStage(Stage.open(peer, work, { local: source, remote: source }), async (stage) => {
        await stage.once('up');
        await stage.once('up');
        const samples = await eachFresh(runs, () => stage.sample('up', { comparesTrees: false }));
        return [resultOf(row, peer.name, samples)];
      });
    },
  };
}

const large: RowKind = {
  rows: ['W5up', 'W5down'],
  ability: 'big',
  async run(peer, wanted, { work, runs }) {
    const source = bigFile(work, 2 * GIB);
    const results: Result[] = [];
    for (const way of ['up', 'down'] as const) {
      if (!wanted.has(`W5${way}`)) continue;
      const sides =
        way === 'up' ? { local: source, remote: null } : { local: null, remote: source };
      const inPlace = way === 'up' ? 'local' : 'remote';
      const samples = await eachFresh(runs, () =>
        withStage(Stage.open(peer, work, { ...sides, inPlace }), (stage) => stage.sample(way)),
      );
      forget(source);
      results.push(resultOf(`W5${way}`, peer.name, samples));
    }
    return results;
  },
};

const delta: RowKind = {
  rows: ['W6', 'W6u'],
  ability: 'delta',
  async run(peer, wanted, { work, runs }) {
    const source = bigFile(work, GIB);
    const results: Result[] = [];
    for (const row of ['W6', 'W6u']) {
      if (!wanted.has(row)) continue;
      const insertBytes = 1024 * 1024 + (row === 'W6' ? 0 : 1);
      const samples = await withStage(
        Stage.open(peer, work, { local: source, remote: source }),
        async (stage) => {
          await stage.once('up');
          let seed = 5;
          return eachFresh(runs, () => {
            editBigFile(join(stage.local, 'big.dat'), { edits: 64, insertBytes, seed: seed++ });
            return stage.sample('up');
          });
        },
      );
      results.push(resultOf(row, peer.name, samples));
    }
    return results;
  },
};

const rename: RowKind = {
  rows: ['W7'],
  ability: 'rename',
  async run(peer, _wanted, { work, runs }) {
    const source = join(work, 'album-tree');
    madeOnce(source, () => {
      mkdirSync(source);
      cpSync(tree(work, 5000), join(source, 'album 0'), {
        recursive: true,
        preserveTimestamps: true,
      });
    });
    return withStage(Stage.open(peer, work, { local: source, remote: source }), async (stage) => {
      await stage.once('up');
      let count = 0;
      const samples = await eachFresh(runs, () => {
        const [from, to] = [`album ${count}`, `album ${++count}`];
        renameSync(join(stage.local, from), join(stage.local, to));
        return stage.sample('up');
      });
      return [resultOf('W7', peer.name, samples)];
    });
  },
};

const EDITS = 50;

const latency: RowKind = {
  rows: ['W8up', 'W8down'],
  ability: 'watch',
  async run(peer, wanted, { work }) {
    const source = tree(work, FAR_FILES);
    const options = { local: source, remote: source, watches: true };
    return withStage(Stage.open(peer, work, options), async (stage) => {
      await stage.once('up');
      await stage.watch();
      const [here, there] = [join(stage.local, 'edited.txt'), join(stage.remote, 'edited.txt')];
      writeFileSync(here, 'warm\n');
      await untilSeen(there, 'warm\n');
      await sleep(1000);
      const results: Result[] = [];
      const note = (row: string, taken: readonly number[]): void => {
        const { client, server } = stage.usage();
        for (const [name, share] of [
          ['p50', 0.5],
          ['p95', 0.95],
        ] as const)
          results.push({
            row: `${row} ${name}`,
            peer: peer.name,
            runs: taken.length,
            wallS: taken[Math.floor(taken.length * share)] ?? Number.NaN,
            cpuS: client.cpuS + server.cpuS,
            clientMib: client.memoryMib,
            serverMib: server.memoryMib,
            bytes: null,
            trees: null,
          });
      };
      if (wanted.has('W8up')) note('W8up', await editsUntilSeen(here, there, EDITS));
      if (wanted.has('W8down') && peer.abilities.includes('both'))
        note('W8down', await editsUntilSeen(there, here, EDITS));
      return results;
    });
  },
};

const far: RowKind = {
  rows: ['W11', 'W11q'],
  ability: 'far',
  async run(peer, wanted, { work, runs }) {
    const source = tree(work, FAR_FILES);
    const first: Sample[] = [];
    const second: Sample[] = [];
    for (let run = 0; run < runs; run++) {
      const sides = { local: source, remote: null, inPlace: 'local' } as const;
      await withStage(
        Stage.open(peer, work, { ...sides, roundTripMs: ROUND_TRIP_MS }),
        async (stage) => {
          first.push(await stage.sample('up'));
          await stage.once('up');
          second.push(await stage.sample('up', { comparesTrees: false }));
        },
      );
      forget(source);
    }
    return [
      ...(wanted.has('W11') ? [resultOf('W11', peer.name, first)] : []),
      ...(wanted.has('W11q') ? [resultOf('W11q', peer.name, second)] : []),
    ];
  },
};

/** All rows that compare programs. */
export const ROW_KINDS: readonly RowKind[] = [
  transfers,
  changes,
  quiet('W3-100k', 100_000),
  quiet('W9', 1_000_000),
  large,
  delta,
  rename,
  latency,
  far,
];

/** Ferry's client against servers that are not its own, beside what sixteen busy connections would need. */
export async function plainServers({ work, runs }: RowOptions): Promise<Result[]> {
  const source = tree(work, FAR_FILES);
  const floor = unpacedClientS(FAR_FILES, ROUND_TRIP_MS);
  const nothing = { cpuS: 0, clientMib: 0, serverMib: 0, bytes: null, trees: null };
  const results: Result[] = [
    {
      row: 'P1',
      peer: '16 connections, 3.2 requests a file (computed)',
      runs: 0,
      wallS: floor,
      ...nothing,
    },
  ];
  for (const kind of [apache(), nginx(), rclone()]) {
    if (kind.reason !== null) {
      process.stderr.write(`left out: ${kind.name}: ${kind.reason}\n`);
      continue;
    }
    const samples: Sample[] = [];
    for (let run = 0; run < runs; run++) {
      const server = await kind.start();
      const url = new URL(server.url);
      const proxy = await startDelayProxy(Number(url.port), ROUND_TRIP_MS / 2);
      const state = join(work, `plain-${kind.name.replaceAll(' ', '-')}-${run}`);
      mkdirSync(state);
      url.port = `${proxy.port}`;
      const command = await ferryAgainst(url.href, source, state);
      settle(false);
      const measured = await runMeasured(command, state);
      const trees = compareTrees(source, server.directory);
      samples.push({ ...measured, serverCpuS: 0, serverMib: 0, bytes: null, trees });
      proxy.close();
      await server.close();
      forget(source);
    }
    results.push(resultOf('P1', shortName(kind), samples));
  }
  return results;
}
