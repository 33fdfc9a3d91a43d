// One bench in a process of its own: a disk can only be unmounted when no child of the same process holds a file on it.
import { Bench, type BenchOptions, type KillTrial } from './bench.ts';
import { answerLines } from './line-process.ts';
import type { ExpectedWork } from './oracle.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as BenchOptions;
const bench = new Bench(options);

await answerLines(
  async (order: { undisturbed: ExpectedWork } | { kill: KillTrial; keepIn: string | null }) =>
    'kill' in order
      ? bench.kill(order.kill, order.keepIn)
      : Object.fromEntries((await bench.undisturbed(order.undisturbed)).counts),
);
await bench.close();
