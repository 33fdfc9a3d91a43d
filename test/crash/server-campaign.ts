import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileSystem } from './disks.ts';
import { type Moment, sampleMoments, seededRandom } from './points.ts';
import { cutServer, killServer, type ServerResult, serverMoments } from './server-trials.ts';

export interface ServerCampaignOptions {
  /** The campaign's own. */
  readonly directory: string;
  readonly shim: string;
  readonly seed: number;
  readonly note: (text: string) => void;
}

/** Kills the server at `points` moments of its work. */
export async function runServerKills(
  options: ServerCampaignOptions & {
    readonly points: number;
    readonly onResult: (result: ServerResult) => void;
  },
): Promise<void> {
  const { directory, shim, points, seed, note, onResult } = options;
  await mkdir(directory, { recursive: true });
  const moments = await serverMoments(directory, shim);
  note(`the server: ${moments.length} moments at which it can be killed`);
  for (const moment of sampleMoments(moments, points, seededRandom(seed)))
    onResult(await killServer(directory, shim, moment));
}

/** Kills the server at one moment once more. */
export async function replayServerKill(
  moment: Moment,
  options: ServerCampaignOptions & { readonly onResult: (result: ServerResult) => void },
): Promise<void> {
  await mkdir(options.directory, { recursive: true });
  options.onResult(await killServer(options.directory, options.shim, moment));
}

/** Lets the power of the server go in `images` ways on each file system. */
export async function runServerCuts(
  options: ServerCampaignOptions & {
    readonly recordedDisk: string;
    readonly fileSystems: readonly FileSystem[];
    readonly images: number;
    readonly onResult: (fileSystem: FileSystem, result: ServerResult) => void;
  },
): Promise<void> {
  const { directory, recordedDisk, fileSystems, images, seed, onResult } = options;
  for (const fileSystem of fileSystems) {
    const own = join(directory, fileSystem);
    await mkdir(own, { recursive: true });
    await cutServer(own, recordedDisk, {
      fileSystem,
      images: Math.ceil(images / fileSystems.length),
      seed,
      onResult: (result) => onResult(fileSystem, result),
    });
  }
}
