import type { ChangeReport } from '../../core/engine/local-changes.ts';
import type { RestoreRequest } from '../../core/engine/restore.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Config } from '../../daemon/config.ts';
import { parseTime } from '../../daemon/units.ts';
import { countChanges, printChanges } from '../change-report.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { accessPair } from '../pair-access.ts';
import { type PairPath, pairPathsOf } from '../pair-path.ts';

export interface RestoreFlags {
  readonly version?: string;
  readonly at?: string;
  readonly to?: string;
  readonly side?: 'local' | 'remote';
  readonly dryRun?: boolean;
  readonly pair?: string;
}

/** `ferry restore PATH`: brings back a kept version, or what is missing below a directory. */
export async function run(
  context: Context,
  args: readonly string[],
  flags: RestoreFlags,
): Promise<number> {
  const [text = ''] = args;
  const { terminal } = context;
  if (flags.version !== undefined && flags.at !== undefined)
    throw usage('--version and --at both say which version: give one of them');
  const config = await configOf(context);
  const readings = pairPathsOf(context, config, text, flags.pair);
  if (readings.length === 0) throw usage(`${text} is in none of the pairs: ferry pair list`);
  const { pair, report } = await restoreFirst(context, config, readings, flags);
  terminal.document({ pair, ...report });
  printChanges(terminal, report);
  if (report.dryRun) terminal.note(`ferry: would be ${countChanges(report)}`);
  else if (report.steps.length > 0)
    terminal.note(
      `ferry: ${countChanges(report)} (run ${report.run}); ferry sync ${pair} carries it over, ferry undo ${pair} takes it back`,
    );
  else if (report.refused.length === 0)
    terminal.note('ferry: nothing is missing there; --version or --at brings back an earlier one');
  return report.refused.length > 0 ? EXIT.error : EXIT.ok;
}

/** A path can be meant from several places: it is the first one of which something is kept. */
async function restoreFirst(
  context: Context,
  config: Config,
  readings: readonly PairPath[],
  flags: RestoreFlags,
): Promise<{ readonly pair: string; readonly report: ChangeReport }> {
  const client = await daemonOf(context);
  let missing: unknown;
  for (const { pair, path } of readings) {
    const access = await accessPair(context, config, client, pair);
    try {
      const request = requestOf(context, config, { pair, path }, flags);
      return { pair, report: await access.history.restore(request) };
    } catch (error) {
      if (!(error instanceof FerryError) || error.code !== 'LOCAL_NOT_FOUND') throw error;
      missing ??= error;
    } finally {
      await access.close();
    }
  }
  throw missing;
}

function requestOf(
  context: Context,
  config: Config,
  { pair, path }: PairPath,
  flags: RestoreFlags,
): RestoreRequest {
  const { at, dryRun = false, side, to, version } = flags;
  return {
    path,
    dryRun,
    signal: context.signal,
    ...(version === undefined ? {} : { version }),
    ...(side === undefined ? {} : { side }),
    ...(at === undefined ? {} : { atMs: parseTime(at, Date.now(), '--at') }),
    ...(to === undefined ? {} : { to: targetOf(context, config, pair, to) }),
  };
}

function targetOf(context: Context, config: Config, pair: string, to: string): SyncPath {
  const [target] = pairPathsOf(context, config, to, pair);
  if (target === undefined || target.path === '')
    throw usage(`--to ${to}: name a place in the pair ${pair}`);
  return target.path;
}
