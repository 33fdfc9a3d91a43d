import type { ExplainedSide, Explanation } from '../../core/engine/explain.ts';
import type { ExplainedStep } from '../../core/engine/explain-history.ts';
import { isNotice } from '../../core/model/problem.ts';
import type { Config } from '../../daemon/config.ts';
import type { ControlClient } from '../../daemon/control-client.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { count, formatBytes, formatTable, formatTime, printable } from '../format.ts';
import { accessPair } from '../pair-access.ts';
import { type PairPath, pairPathsOf } from '../pair-path.ts';

type Found = Explanation & { readonly pair: string };

const LOOKS: Readonly<Record<ExplainedSide['look'], string>> = {
  'as-recorded': 'as recorded',
  changed: 'changed since the last run',
  touched: 'touched since the last run',
  new: 'new',
  absent: 'not there',
  'not-seen': 'could not be asked',
};

async function explained(
  context: Context,
  config: Config,
  client: ControlClient | null,
  { pair, path }: PairPath,
): Promise<Found> {
  const access = await accessPair(context, config, client, pair, { dryRun: true });
  try {
    return { pair, ...(await access.explain(path)) };
  } finally {
    await access.close();
  }
}

/** Returns the explanation under the first reading of a typed path that anything is known about, else the first. */
async function explainMeant(
  context: Context,
  config: Config,
  client: ControlClient | null,
  readings: readonly PairPath[],
): Promise<Found> {
  let first: Found | null = null;
  for (const reading of readings) {
    const found = await explained(context, config, client, reading);
    if (found.state !== 'unknown' || found.history.length > 0) return found;
    first ??= found;
  }
  if (first === null) throw usage('it is in none of the pairs and drives: ferry status lists them');
  return first;
}

function sideRow(side: string, { look, sizeBytes, mtimeMs, note }: ExplainedSide, nowMs: number) {
  return [
    `  ${side}`,
    note === undefined ? LOOKS[look] : printable(note),
    sizeBytes === undefined ? '' : formatBytes(sizeBytes),
    mtimeMs === undefined ? '' : formatTime(mtimeMs, nowMs),
  ];
}

const STEPS: Readonly<Record<ExplainedStep['op'], string>> = {
  write: 'written',
  'make-link': 'link made',
  'make-directory': 'directory made',
  move: 'moved',
  remove: 'removed',
  'set-metadata': 'time or mode set',
};

function stepLine(step: ExplainedStep, nowMs: number): string {
  const { run, atMs, op, side, path, from, reason, problem, conflictOf } = step;
  const moved = op === 'move' && from !== null ? ` from ${from} to ${path}` : '';
  const copy = conflictOf === undefined ? '' : `, as the conflict copy of ${conflictOf}`;
  const failed = problem === undefined ? '' : `; it failed: ${problem.message}`;
  const changes = `local ${reason.local}, remote ${reason.remote}`;
  return printable(
    `  run ${run}, ${formatTime(atMs, nowMs)}: ${STEPS[op]}${moved} on the ${side} side${copy}: ${reason.rule} (${changes})${failed}`,
  );
}

function printProblem(context: Context, found: Found, nextRunAtMs: number | null): void {
  const { problem } = found;
  if (problem === undefined) return;
  const { text } = context.terminal;
  const now = Date.now();
  text(`  ${problem.code} on the ${problem.side} side since ${formatTime(problem.sinceMs, now)}`);
  if (isNotice(problem)) text('  it is left alone by design; everything else goes on');
  else if (problem.retryAtMs !== undefined)
    text(
      `  a run after ${formatTime(problem.retryAtMs, now)} tries it again, and at once when it changes`,
    );
  else if (problem.retry === 'never') text('  it is not tried again by itself: do what it says');
  else if (nextRunAtMs === null) text('  it is tried again in the next run');
  else text(`  it is tried again in the next run, ${formatTime(nextRunAtMs, now)}`);
}

function printBelow(context: Context, { below }: Found): void {
  if (below === undefined) return;
  const { text } = context.terminal;
  const states = Object.entries(below.counts).map(
    ([state, n]) => `${n} ${state.replace('-', ' ')}`,
  );
  text(`in it: ${states.length === 0 ? 'nothing' : states.join(', ')}`);
  for (const { path, state, text: why } of below.notable)
    text(printable(`  ${path}: ${state.replace('-', ' ')}: ${why}`));
  const shown = below.notable.length;
  const all = Object.entries(below.counts)
    .filter(([state]) => state !== 'in-sync' && state !== 'ignored')
    .reduce((sum, [, n]) => sum + n, 0);
  if (all > shown) text(`  and ${count(all - shown, 'more entry', 'more entries')}`);
}

function print(context: Context, found: Found, nextRunAtMs: number | null): void {
  const { terminal } = context;
  const { pair, path, kind, state, text, local, remote, history } = found;
  const now = Date.now();
  const name = path === '' ? 'the root' : printable(path);
  terminal.text(terminal.bold(`${pair}: ${name}${kind === null ? '' : ` (${kind})`}`));
  terminal.text(printable(`${state.replace('-', ' ')}: ${text}`));
  printProblem(context, found, nextRunAtMs);
  if (path !== '')
    terminal.text(formatTable([sideRow('local', local, now), sideRow('remote', remote, now)]));
  printBelow(context, found);
  if (history.length > 0) terminal.text('what the last runs did to it:');
  for (const step of history) terminal.text(stepLine(step, now));
}

/** `ferry why PATH`. */
export async function run(
  context: Context,
  args: readonly string[],
  flags: { readonly pair?: string },
): Promise<number> {
  const [text = ''] = args;
  const config = await configOf(context);
  const client = await daemonOf(context);
  const readings = pairPathsOf(context, config, text, flags.pair);
  const found = await explainMeant(context, config, client, readings);
  const state = (await client?.state())?.pairs.find(({ name }) => name === found.pair);
  const nextRunAtMs = state?.nextRunAtMs ?? null;
  const { conflict, ...rest } = found;
  const { trail: _trail, ...shown } = conflict ?? {};
  context.terminal.document({ ...rest, ...(conflict ? { conflict: shown } : {}), nextRunAtMs });
  print(context, found, nextRunAtMs);
  return EXIT.ok;
}
