// `npm run check-drive`: what a mounted drive holds must be what programs put there, whatever happens meanwhile.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noCompilerReason } from '../../crash/native-programs.ts';
import type { CheckSummary } from './check-run.ts';
import { type CheckedPlace, givenPlace, openPlace } from './checked-drive.ts';
import { compileChecker } from './compile-checker.ts';
import { fioChecks } from './fio-jobs.ts';
import { checkPlace, PRESSURE_EVERY_MS } from './model-campaign.ts';
import { type CheckDriveOptions, optionsFrom, USAGE } from './options.ts';
import { noProgramReason, type ProgramCheck, runProgramCheck } from './outside-programs.ts';
import { stressorChecks } from './stressors.ts';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function lineOf({ seed, operations, seconds, effects, skipped }: CheckSummary): string {
  const caused = Object.entries(effects)
    .filter(([, times]) => times > 0)
    .map(([effect, times]) => `${times} ${effect}`);
  const missing = Object.entries(skipped).map(([what, times]) => `${what} ${times} times`);
  return [
    `seed ${seed}: ${operations} operations in ${seconds.toFixed(1)} s`,
    ...(caused.length > 0 ? [caused.join(', ')] : []),
    ...(missing.length > 0 ? [`not there: ${missing.join(', ')}`] : []),
  ].join('; ');
}

function open(options: CheckDriveOptions): Promise<CheckedPlace> {
  return options.directory === null ? openPlace(options.backend) : givenPlace(options.directory);
}

/** Returns how many seeds found a difference. */
async function checkModel(options: CheckDriveOptions, scratch: string): Promise<number> {
  const reason = noCompilerReason();
  if (reason !== null) throw new Error(reason);
  const program = await compileChecker(scratch);
  const { firstSeed, seeds, parallel } = options;
  let failed = 0;
  for (let first = firstSeed; first < firstSeed + seeds; first += parallel) {
    const length = Math.min(parallel, firstSeed + seeds - first);
    const together = Array.from({ length }, (_, index) => first + index);
    const place = await open(options);
    try {
      const { results, pressure, trouble } = await checkPlace(place, together, {
        ...options,
        program,
      });
      for (const { summary, complaint } of results) {
        print(summary === null ? complaint.trimEnd() : lineOf(summary));
        failed += Number(summary === null);
      }
      if (pressure.uploaded + pressure.freed > 0)
        print(`  meanwhile ${pressure.uploaded} uploaded, ${pressure.freed} freed`);
      if (trouble !== null) {
        print(trouble);
        failed += Number(results.every(({ summary }) => summary !== null));
      }
    } finally {
      // One that ended by itself was told of.
      await place.close().catch(() => undefined);
    }
  }
  print(failed === 0 ? `no difference with ${seeds} seeds` : `${failed} of ${seeds} seeds failed`);
  return failed;
}

/** Runs the programs one after another, and returns how many failed. */
async function checkPrograms(
  options: CheckDriveOptions,
  all: readonly ProgramCheck[],
): Promise<number> {
  const [only, without] = [options.only?.split(','), options.without?.split(',')];
  const checks = all.filter(
    ({ name }) => (only?.includes(name) ?? true) && !without?.includes(name),
  );
  const place = await open(options);
  const release = options.calm ? null : place.pressure(PRESSURE_EVERY_MS);
  let failed = 0;
  try {
    for (const check of checks) {
      const reason = noProgramReason(check.program);
      if (reason !== null) throw new Error(reason);
      const { result, said } = await runProgramCheck(check, place.directory, options.seconds);
      print(`${result.padEnd(8)} ${check.name}${said === '' ? '' : `\n${said}`}`);
      failed += Number(result === 'failed');
    }
  } finally {
    await release?.();
    await place.close();
  }
  print(failed === 0 ? 'nothing failed' : `${failed} of ${checks.length} failed`);
  return failed;
}

async function run(options: CheckDriveOptions): Promise<number> {
  if (options.work === 'fio') return checkPrograms(options, fioChecks());
  if (options.work === 'stress') return checkPrograms(options, stressorChecks());
  const scratch = await mkdtemp(join(tmpdir(), 'ferry-checker-'));
  try {
    return await checkModel(options, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

try {
  const options = optionsFrom(process.argv.slice(2));
  if (options === null) process.stdout.write(USAGE);
  else process.exitCode = (await run(options)) === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
