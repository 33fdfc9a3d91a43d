// One bench in a process of its own: a disk can only be unmounted when no child of the same process holds a file on it.
import type { Direction } from '../../core/model/entry.ts';
import { Bench, type BenchOptions, type KillTrial } from './bench.ts';
import { answerLines } from './line-process.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as BenchOptions;
const bench = new Bench(options);

await answerLines(
  async (order: { undisturbed: Direction } | { kill: KillTrial; keepIn: string | null }) =>
    'kill' in order
      ? bench.kill(order.kill, order.keepIn)
      : Object.fromEntries((await bench.undisturbed(order.undisturbed)).counts),
);
await bench.close();
