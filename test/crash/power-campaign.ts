import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Direction } from '../../core/model/entry.ts';
import type { FileSystem } from './disks.ts';
import { LineProcess } from './line-process.ts';
import type { ImageResult, PowerBenchOptions, RecordingId, RecordingSize } from './power-bench.ts';

export interface PowerCampaignOptions {
  /** The campaign's own; each worker gets a directory in it. */
  readonly directory: string;
  readonly shim: string;
  readonly recordedDisk: string;
  /** Where recordings with a failed image are copied to. */
  readonly keepIn: string | null;
  readonly onResult: (result: ImageResult) => void;
  readonly note: (text: string) => void;
}

export interface PowerSampleOptions {
  readonly fileSystems: readonly FileSystem[];
  readonly directions: readonly Direction[];
  /** How many images are tried, over all file systems and directions. */
  readonly images: number;
  readonly seed: number;
  readonly workers: number;
}

/** One image in so many is looked at by the file system's own checker as well. */
const CHECKED_EACH = 20;

async function withBench(
  options: PowerCampaignOptions,
  name: string,
  work: (bench: LineProcess) => Promise<void>,
): Promise<void> {
  const { shim, recordedDisk } = options;
  const directory = join(options.directory, name);
  await mkdir(directory, { recursive: true });
  const own: PowerBenchOptions = { directory, shim, recordedDisk };
  const bench = LineProcess.start('power-host', [JSON.stringify(own)]);
  try {
    await work(bench);
  } finally {
    await bench.stop();
  }
}

/** Records a run on each file system in each direction, and tries what is left of it when the power goes. */
export async function runPowerCampaign(
  options: PowerCampaignOptions & PowerSampleOptions,
): Promise<void> {
  const { fileSystems, directions, images, seed, workers, keepIn, onResult, note } = options;
  const ids = fileSystems.flatMap((fileSystem) =>
    directions.map((direction): RecordingId => ({ fileSystem, direction })),
  );
  const each = Math.ceil(images / ids.length);
  const queue = ids.entries();
  const work = async (bench: LineProcess): Promise<void> => {
    for (const [index, record] of queue) {
      const { entries, writes, flushes } = await bench.ask<RecordingSize>({ record });
      const name = `${record.fileSystem}, ${record.direction}`;
      note(`${name}: ${writes} writes and ${flushes} flushes, cut in ${entries} places`);
      for (let number = 0; number < each; number++) {
        const image = {
          seed: (seed * 1000 + index) * 100_000 + number,
          isChecked: number % CHECKED_EACH === 0,
        };
        onResult(await bench.ask<ImageResult>({ image, keepIn }));
      }
    }
  };
  const running = Array.from({ length: workers }, (_, worker) =>
    withBench(options, `worker-${worker}`, work),
  );
  const results = await Promise.allSettled(running);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Tries one image of a kept recording once more. */
export function replayImage(
  recording: string,
  seed: number,
  options: PowerCampaignOptions,
): Promise<void> {
  return withBench(options, 'replay', async (bench) => {
    await bench.ask<RecordingSize>({ reopen: recording });
    const image = { seed, isChecked: true };
    options.onResult(await bench.ask<ImageResult>({ image, keepIn: null }));
  });
}
