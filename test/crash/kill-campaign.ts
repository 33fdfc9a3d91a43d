import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Direction } from '../../core/model/entry.ts';
import type { BenchOptions, KillResult, KillTrial } from './bench.ts';
import { LineProcess } from './line-process.ts';
import type { ExpectedWork } from './oracle.ts';
import {
  type CallClass,
  type CallCounts,
  type ClientCommand,
  everyMoment,
  pick,
  sampleMoments,
  seededRandom,
} from './points.ts';

export interface KillCampaignOptions {
  /** The campaign's own; each worker gets a directory in it. */
  readonly directory: string;
  readonly shim: string;
  readonly workers: number;
  /** Threads for file operations in the killed client. */
  readonly threads: number;
  /** Where failed trials are copied to. */
  readonly keepIn: string | null;
  readonly onResult: (result: KillResult) => void;
}

export interface KillSampleOptions {
  readonly directions: readonly Direction[];
  /** What the clients are told to do that are killed. */
  readonly command: ClientCommand;
  /** Only calls of these classes; all when there is none. */
  readonly calls: readonly CallClass[];
  /** How many runs are killed once, over all directions; infinite: at every moment there is. */
  readonly points: number;
  /** How many runs are killed, and then their recovery. */
  readonly doubles: number;
  readonly seed: number;
  /** Is told how many moments there are. */
  readonly onDirection: (direction: Direction, moments: number) => void;
}

/** Kills the client at many moments of its work in each direction, once or twice in a row, and checks every recovery. */
export function runKillCampaign(options: KillCampaignOptions & KillSampleOptions): Promise<void> {
  return withBenches(options, async (benches) => {
    const known = new Map<Direction, CallCounts>();
    for (const direction of options.directions) {
      const { command } = options;
      const counts = await countCallsOf(benches[0], { direction, command });
      known.set(direction, counts);
      options.onDirection(direction, everyMoment(counts).length);
    }
    await runTrials(planTrials(known, options), benches, options);
  });
}

/** Does one trial once more. */
export function replayTrial(trial: KillTrial, options: KillCampaignOptions): Promise<void> {
  return withBenches(options, (benches) => runTrials([trial], benches, options));
}

async function countCallsOf(bench: LineProcess, work: ExpectedWork): Promise<CallCounts> {
  const counts = await bench.ask<object>({ undisturbed: work });
  return new Map(Object.entries(counts)) as CallCounts;
}

async function withBenches(
  { directory, shim, threads, workers }: KillCampaignOptions,
  work: (benches: readonly [LineProcess, ...LineProcess[]]) => Promise<void>,
): Promise<void> {
  const open = async (index: number): Promise<LineProcess> => {
    const own = join(directory, `worker-${index}`);
    await mkdir(own, { recursive: true });
    const options: BenchOptions = { directory: own, shim, threads };
    return LineProcess.start('bench-host', [JSON.stringify(options)]);
  };
  const benches: [LineProcess, ...LineProcess[]] = [await open(0)];
  try {
    while (benches.length < workers) benches.push(await open(benches.length));
    await work(benches);
  } finally {
    await Promise.allSettled(benches.map((bench) => bench.stop()));
  }
}

async function runTrials(
  trials: readonly KillTrial[],
  benches: readonly LineProcess[],
  { onResult, keepIn }: KillCampaignOptions,
): Promise<void> {
  const queue = trials.values();
  const results = await Promise.allSettled(
    benches.map(async (bench) => {
      for (const kill of queue) onResult(await bench.ask<KillResult>({ kill, keepIn }));
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function planTrials(
  known: ReadonlyMap<Direction, CallCounts>,
  { points, doubles, seed, command, calls }: KillSampleOptions,
): readonly KillTrial[] {
  const random = seededRandom(seed);
  const all = [...known].map(([direction, counts]) => ({
    direction,
    moments: everyMoment(counts).filter(
      ({ callClass }) => calls.length === 0 || calls.includes(callClass),
    ),
  }));
  const total = all.reduce((sum, { moments }) => sum + moments.length, 0);
  const shareOf = (count: number, own: number): number =>
    Number.isFinite(count) ? Math.ceil((count * own) / total) : own;
  return all.flatMap(({ direction, moments }): KillTrial[] => {
    const once = sampleMoments(moments, shareOf(points, moments.length), random);
    const twice = Array.from({ length: shareOf(doubles, moments.length) }, () => ({
      direction,
      command,
      moments: [pick(moments, random)],
      againSeed: Math.floor(random() * 2 ** 31),
    }));
    return [...once.map((moment) => ({ direction, command, moments: [moment] })), ...twice];
  });
}
