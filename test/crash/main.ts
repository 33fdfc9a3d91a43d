// `npm run crash-test`: what survives when the client or the server is killed, or the power goes, at any moment.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { replayTrial, runKillCampaign } from './kill-campaign.ts';
import { compileShim, noCompilerReason } from './native-programs.ts';
import { type CrashTestOptions, optionsFrom, USAGE } from './options.ts';
import { parsePoint } from './points.ts';
import { Report } from './report.ts';

async function run(options: CrashTestOptions, directory: string): Promise<boolean> {
  const report = new Report(options.json);
  const shim = await compileShim(directory);
  const { keepIn, threads } = options;
  if (keepIn !== null) await mkdir(keepIn, { recursive: true });
  const workers = Math.min(options.workers, 2 * availableParallelism());
  const common = { directory: join(directory, 'kills'), shim, threads, keepIn };
  const onResult = (result: Parameters<Report['killed']>[0]): void => report.killed(result);
  if (options.point !== null)
    await replayTrial(parsePoint(options.point), { ...common, workers: 1, onResult });
  else if (options.points > 0 || options.doubles > 0)
    await runKillCampaign({
      ...options,
      ...common,
      workers,
      onResult,
      onDirection: (direction, moments) =>
        report.note(`${direction}: ${moments} moments at which the client can be killed`),
    });
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
