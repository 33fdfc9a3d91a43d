// `npm run crash-test`: what survives when the client or the server is killed, or the power goes, at any moment.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { KillResult } from './bench.ts';
import { noRecordingReason } from './disks.ts';
import { replayTrial, runKillCampaign } from './kill-campaign.ts';
import { compileRecordedDisk, compileShim, noCompilerReason } from './native-programs.ts';
import { type CrashTestOptions, optionsFrom, USAGE } from './options.ts';
import { parsePoint } from './points.ts';
import type { ImageResult } from './power-bench.ts';
import { replayImage, runPowerCampaign } from './power-campaign.ts';
import { Report } from './report.ts';

interface Tools {
  readonly options: CrashTestOptions;
  readonly report: Report;
  readonly directory: string;
  readonly shim: string;
}

async function runKills({ options, report, directory, shim }: Tools): Promise<void> {
  const { points, doubles, point } = options;
  const common = {
    ...options,
    directory: join(directory, 'kills'),
    shim,
    onResult: (result: KillResult) => report.killed(result),
  };
  if (point !== null) await replayTrial(parsePoint(point), { ...common, workers: 1 });
  else if (points > 0 || doubles > 0)
    await runKillCampaign({
      ...common,
      onDirection: (direction, moments) =>
        report.note(`${direction}: ${moments} moments at which the client can be killed`),
    });
}

async function runPowerCuts({ options, report, directory, shim }: Tools): Promise<void> {
  const { image, recording, images, fileSystems } = options;
  if (image === null && images === 0) return;
  const reason = noRecordingReason(fileSystems);
  if (reason !== null) throw new Error(reason);
  const common = {
    ...options,
    directory: join(directory, 'power'),
    shim,
    recordedDisk: await compileRecordedDisk(directory),
    onResult: (result: ImageResult) => report.cut(result),
    note: (text: string) => report.note(text),
  };
  if (image === null) await runPowerCampaign(common);
  else if (recording === null) throw new Error('--image: give the --recording that was kept');
  else await replayImage(recording, Number(image.split(':').at(-1)), common);
}

async function run(options: CrashTestOptions, directory: string): Promise<boolean> {
  const report = new Report(options.json);
  const tools = { options, report, directory, shim: await compileShim(directory) };
  if (options.keepIn !== null) await mkdir(options.keepIn, { recursive: true });
  if (options.image === null) await runKills(tools);
  if (options.point === null) await runPowerCuts(tools);
  return report.end();
}

async function main(): Promise<void> {
  const options = optionsFrom(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(USAGE);
    return;
  }
  const reason = noCompilerReason();
  if (reason !== null) throw new Error(reason);
  const directory = await mkdtemp(join(resolve(options.disksIn), 'ferry-crash-'));
  try {
    process.exitCode = (await run(options, directory)) ? 0 : 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`crash-test: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 2;
});
