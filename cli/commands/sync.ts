import { createHash } from 'node:crypto';
import { toFerryError } from '../../core/model/errors.ts';
import type { Config, PairConfig } from '../../daemon/config.ts';
import type { ControlClient } from '../../daemon/control-client.ts';
import { type Context, configOf, daemonOf, usage, workshopOf } from '../context.ts';
import { EXIT, exitCodeOfError, exitCodeOfSummary, worstExitCode } from '../exit-codes.ts';
import { accessPair, openAccess, type PairAccess, pairNamed } from '../pair-access.ts';
import { type PairFlags, pairFrom, withFlags } from '../pair-flags.ts';
import { createProgress } from '../progress.ts';
import { complainAbout } from '../report-error.ts';
import { expectShortRun } from '../short-run.ts';
import { printSummary } from '../summary.ts';
import { keepRemote } from './pair.ts';

export type SyncFlags = PairFlags & {
  readonly dryRun?: boolean;
  readonly allowDeletes?: boolean;
};

interface Chosen {
  readonly name: string;
  /** Set for a pair that is only known by its two roots. */
  readonly unnamed?: PairConfig;
}

/** Returns the name under which the records of two roots are kept. */
export function unnamedPairName(local: string, remote: string): string {
  const digest = createHash('sha256').update(`${local}\0${remote}`).digest('hex');
  return `unnamed-${digest.slice(0, 12)}`;
}

async function choose(
  context: Context,
  config: Config,
  args: readonly string[],
  flags: SyncFlags,
): Promise<readonly Chosen[]> {
  const isKnown = (name: string) => config.pairs.has(name) || config.drives.has(name);
  if (args.length === 0) {
    // Drives are held by the daemon alone; without it there is nothing to run for them.
    const held = (await (await daemonOf(context))?.state())?.pairs ?? [];
    const drives = held.filter(({ kind }) => kind === 'drive').map(({ name }) => name);
    if (config.pairs.size === 0 && drives.length === 0)
      throw usage('there is no pair yet: add one with ferry pair add');
    return [...config.pairs.keys(), ...drives].map((name) => ({ name }));
  }
  const { dryRun: _d, allowDeletes: _a, watch: _w, ...describing } = flags;
  if (args.every(isKnown)) {
    if (Object.keys(describing).length > 0)
      throw usage('a named pair has its settings already: ferry pair edit changes them');
    return args.map((name) => ({ name }));
  }
  const [local, remoteText] = args;
  if (args.length !== 2 || local === undefined || remoteText === undefined) {
    const unknown = args.find((name) => !isKnown(name)) ?? '';
    throw usage(`there is no pair named ${unknown}: ferry pair list`);
  }
  if (flags.direction === undefined)
    throw usage(
      'say which way, with --direction two-way, remote-to-local or local-to-remote (or name pairs: ferry pair list)',
    );
  const remote = await keepRemote(context, config, remoteText);
  const pair = pairFrom(local, remote, flags, context.cwd);
  return [{ name: unnamedPairName(pair.local, pair.remote), unnamed: pair }];
}

async function runOne(context: Context, access: PairAccess, name: string, flags: SyncFlags) {
  const { terminal, signal } = context;
  const progress = createProgress(terminal, name);
  try {
    const summary = await access.run(
      'sync',
      {
        dryRun: flags.dryRun ?? false,
        allowDeletes: flags.allowDeletes ?? false,
        yes: context.yes,
        signal,
      },
      (at) => progress.update(at),
    );
    progress.end();
    printSummary(terminal, summary, summary.dryRun);
    return exitCodeOfSummary(summary);
  } finally {
    progress.end();
  }
}

async function syncOnce(
  context: Context,
  config: Config,
  client: ControlClient | null,
  chosen: Chosen,
  flags: SyncFlags,
): Promise<number> {
  const { name, unnamed } = chosen;
  const opening = { dryRun: flags.dryRun ?? false };
  try {
    const access =
      unnamed === undefined
        ? await accessPair(context, config, client, name, opening)
        : await openAccess(context, config, name, unnamed, opening);
    try {
      return await runOne(context, access, name, flags);
    } finally {
      await access.close();
    }
  } catch (caught) {
    // One pair that fails does not stop the others.
    const error = toFerryError(caught);
    complainAbout(context.terminal, error, unnamed === undefined ? name : undefined);
    return exitCodeOfError(error);
  }
}

async function watch(
  context: Context,
  config: Config,
  client: ControlClient | null,
  chosen: readonly Chosen[],
): Promise<number> {
  const held = new Set((await client?.state())?.pairs.map(({ name }) => name));
  const taken = chosen.find(({ name }) => held.has(name));
  if (taken !== undefined)
    throw usage(
      `the daemon has ${taken.name}: let it watch, with ferry pair edit ${taken.name} --watch`,
    );
  const [{ pairSessionOf }, workshop] = await Promise.all([
    import('../../daemon/daemon.ts'),
    workshopOf(context),
  ]);
  const sessions = chosen.map(({ name, unnamed }) => {
    const pair = withFlags(unnamed ?? pairNamed(config, name), { watch: true });
    return pairSessionOf(workshop, config, name, pair, {
      onRunEnded: ({ summary, error }) => {
        if (error !== null) context.terminal.complain(`${name}: ${error.message}`);
        else if (summary !== null) printSummary(context.terminal, summary, false);
      },
    });
  });
  context.terminal.note('ferry: watching; Ctrl-C ends');
  for (const session of sessions) session.start();
  await new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve();
    else context.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.all(sessions.map((session) => session.close()));
  return EXIT.ok;
}

/** `ferry sync [N...]` and `ferry sync LOCAL REMOTE --direction D`. */
export async function run(
  context: Context,
  args: readonly string[],
  flags: SyncFlags,
): Promise<number> {
  const config = await configOf(context);
  const client = await daemonOf(context);
  const chosen = await choose(context, config, args, flags);
  if (flags.watch) return watch(context, config, client, chosen);
  expectShortRun();
  const codes: number[] = [];
  for (const each of chosen) {
    if (context.signal.aborted) break;
    codes.push(await syncOnce(context, config, client, each, flags));
  }
  return context.signal.aborted ? EXIT.interrupted : worstExitCode(codes);
}
