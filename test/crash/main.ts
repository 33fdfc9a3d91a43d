// `npm run crash-test`: what survives when the client or the server is killed, or the power goes, at any moment.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { KillResult } from './bench.ts';
import { type FileSystem, noRecordingReason } from './disks.ts';
import { replayTrial, runKillCampaign } from './kill-campaign.ts';
import { compileRecordedDisk, compileShim, noCompilerReason } from './native-programs.ts';
import { type CrashTestOptions, optionsFrom, USAGE } from './options.ts';
import { parseMoment, parsePoint } from './points.ts';
import type { ImageResult } from './power-bench.ts';
import { replayImage, runPowerCampaign } from './power-campaign.ts';
import { Report } from './report.ts';
import { replayServerKill, runServerCuts, runServerKills } from './server-campaign.ts';
import type { ServerResult } from './server-trials.ts';

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
  const common = {
    ...options,
    directory: join(directory, 'power'),
    shim,
    recordedDisk: await recordedDiskFor(fileSystems, directory),
    onResult: (result: ImageResult) => report.cut(result),
    note: (text: string) => report.note(text),
  };
  if (image === null) await runPowerCampaign(common);
  else if (recording === null) throw new Error('--image: give the --recording that was kept');
  else await replayImage(recording, Number(image.split(':').at(-1)), common);
}

async function runServerTrials({ options, report, directory, shim }: Tools): Promise<void> {
  const { serverPoints, serverPoint, serverImages, fileSystems } = options;
  const common = {
    ...options,
    shim,
    directory: join(directory, 'server'),
    note: (text: string) => report.note(text),
  };
  const onResult = (result: ServerResult): void => report.serverKilled(result);
  if (serverPoint !== null)
    return replayServerKill(parseMoment(serverPoint), { ...common, onResult });
  if (serverPoints > 0) await runServerKills({ ...common, points: serverPoints, onResult });
  if (serverImages === 0) return;
  await runServerCuts({
    ...common,
    images: serverImages,
    recordedDisk: await recordedDiskFor(fileSystems, directory),
    onResult: (fileSystem, result) => report.serverCut(fileSystem, result),
  });
}

async function recordedDiskFor(
  fileSystems: readonly FileSystem[],
  directory: string,
): Promise<string> {
  const reason = noRecordingReason(fileSystems);
  if (reason !== null) throw new Error(reason);
  return compileRecordedDisk(directory);
}

async function run(options: CrashTestOptions, directory: string): Promise<boolean> {
  const report = new Report(options.json);
  const tools = { options, report, directory, shim: await compileShim(directory) };
  if (options.keepIn !== null) await mkdir(options.keepIn, { recursive: true });
  const { point, image, serverPoint } = options;
  const isAll = point === null && image === null && serverPoint === null;
  if (isAll || point !== null) await runKills(tools);
  if (isAll || image !== null) await runPowerCuts(tools);
  if (isAll || serverPoint !== null) await runServerTrials(tools);
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
