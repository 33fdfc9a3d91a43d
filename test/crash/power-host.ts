// One bench for power cuts in a process of its own, so that nothing else holds a file on its disks.
import { answerLines } from './line-process.ts';
import {
  type ImageTrial,
  PowerBench,
  type PowerBenchOptions,
  type RecordingId,
} from './power-bench.ts';

const bench = new PowerBench(JSON.parse(process.argv[2] ?? '{}') as PowerBenchOptions);

await answerLines(
  async (
    order:
      | { record: RecordingId }
      | { reopen: string }
      | { image: ImageTrial; keepIn: string | null },
  ) => {
    if ('record' in order) return bench.record(order.record);
    if ('reopen' in order) return bench.reopen(order.reopen);
    return bench.tryImage(order.image, order.keepIn);
  },
);
await bench.close();
