import { Worker } from 'node:worker_threads';
import type { Direction } from '../../core/model/entry.ts';
import type { SeedsOptions, SeedsResult } from './seeds.ts';

export interface SimulateOptions {
  readonly first: number;
  readonly count: number;
  readonly direction?: Direction;
  /** Threads at work at the same time. */
  readonly jobs: number;
  readonly maxFailures: number;
  readonly untilMs?: number;
}

/** Seeds that a thread plays before the next ones are given out. */
const SHARE = 10_000;

/** Plays seeds on several threads and adds up what came of them; stops early when enough has failed. */
export async function simulate(options: SimulateOptions): Promise<SeedsResult> {
  const { first, count, direction, jobs, maxFailures, untilMs } = options;
  const rules = {
    maxFailures,
    ...(direction === undefined ? {} : { direction }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
  let next = first;
  let total: SeedsResult = { seeds: 0, runs: 0, crashes: 0, faults: 0, failures: [] };
  const share = Math.min(SHARE, Math.ceil(count / jobs));
  const lane = async (): Promise<void> => {
    while (next < first + count && total.failures.length < maxFailures) {
      const own = { first: next, count: Math.min(share, first + count - next) };
      next += own.count;
      const result = await inThread({ ...own, ...rules });
      total = {
        seeds: total.seeds + result.seeds,
        runs: total.runs + result.runs,
        crashes: total.crashes + result.crashes,
        faults: total.faults + result.faults,
        failures: [...total.failures, ...result.failures],
      };
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  const failures = total.failures.toSorted((a, b) => a.seed - b.seed).slice(0, maxFailures);
  return { ...total, failures };
}

function inThread(workerData: SeedsOptions): Promise<SeedsResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a simulating thread ended without a word')));
  });
}
