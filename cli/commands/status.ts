import { toFerryError } from '../../core/model/errors.ts';
import { isNotice } from '../../core/model/problem.ts';
import type { ApiPair } from '../../daemon/api.ts';
import type { Config, Pause } from '../../daemon/config.ts';
import type { ControlClient } from '../../daemon/control-client.ts';
import { readLastRun } from '../../daemon/last-run.ts';
import { apiPairOf, FIRST_STATE } from '../../daemon/session-state.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { crashWords } from '../crash-words.ts';
import { EXIT, exitCodeOfError, worstExitCode } from '../exit-codes.ts';
import { count, formatTable, formatTime, printable } from '../format.ts';
import { accessPair } from '../pair-access.ts';
import { createProgress, progressLine } from '../progress.ts';
import { complainAbout } from '../report-error.ts';
import { cacheNotes } from './cache-notes.ts';
import { mountNote } from './mount-notes.ts';
import { heldCounts } from './plan.ts';

/** Returns what is known of every pair without a daemon: what the last runs left. */
function rememberedPairs(context: Context, config: Config): readonly ApiPair[] {
  const remember = (fixed: Parameters<typeof apiPairOf>[0], pause: Pause | undefined) => {
    const last = readLastRun(context.home, fixed.name);
    return apiPairOf(fixed, {
      ...FIRST_STATE,
      pause,
      lastSummary: last?.summary ?? null,
      lastRunAtMs: last?.atMs ?? null,
      lastError: last?.error ?? null,
      recorded: last?.recorded ?? FIRST_STATE.recorded,
    });
  };
  return [
    ...[...config.pairs].map(([name, { local, remote, direction, pause }]) =>
      remember({ name, kind: 'folder', local, remote, direction }, pause),
    ),
    ...[...config.drives].map(([name, { mountPoint: local, remote, direction, pause }]) =>
      remember({ name, kind: 'drive', local, remote, direction }, pause),
    ),
  ];
}

/** Looks at both sides now: in sync when a run would do nothing. */
async function refreshed(
  context: Context,
  config: Config,
  client: ControlClient | null,
  pair: ApiPair,
): Promise<ApiPair> {
  const access = await accessPair(context, config, client, pair.name, { dryRun: true });
  const progress = createProgress(context.terminal, pair.name);
  try {
    const summary = await access.run(
      'sync',
      { dryRun: true, allowDeletes: true, yes: true, signal: context.signal },
      (at) => progress.update(at),
    );
    const isClean =
      summary.actions.length === 0 && summary.problems.every((problem) => isNotice(problem));
    return {
      ...pair,
      inSync: isClean ? 'in-sync' : 'pending',
      problems: summary.problems.length,
      recordedEntries: (await access.state()).recordedEntries,
    };
  } finally {
    progress.end();
    await access.close();
  }
}

function problemNote({ problems, nextRetryAtMs }: ApiPair, nowMs: number): string {
  const isWaiting = nextRetryAtMs !== undefined && nextRetryAtMs > nowMs;
  const again = isWaiting ? `, tried again from ${formatTime(nextRetryAtMs, nowMs)} on` : '';
  return `${count(problems, 'problem')}${again}`;
}

function lines(pair: ApiPair, nowMs: number): readonly (readonly string[])[] {
  const last = pair.lastRunAtMs === null ? 'never' : formatTime(pair.lastRunAtMs, nowMs);
  const notes = [
    pair.running && pair.progress !== null ? progressLine('now', pair.progress, 0) : '',
    pair.running && pair.progress === null ? 'now: starting' : '',
    pair.paused
      ? `paused${pair.pausedUntilMs === undefined ? '' : ` until ${formatTime(pair.pausedUntilMs, nowMs)}`}`
      : '',
    pair.resetting ? 'reset not complete' : '',
    pair.conflicts > 0 ? `${count(pair.conflicts, 'conflict')}: ferry conflicts ${pair.name}` : '',
    pair.heldPlan === undefined
      ? ''
      : `1 held plan: ${heldCounts(pair.heldPlan)}: ferry plan show ${pair.name}`,
    pair.problems > 0 ? problemNote(pair, nowMs) : '',
    (pair.pendingUploads ?? 0) > 0 ? `${count(pair.pendingUploads ?? 0, 'file')} to upload` : '',
    ...cacheNotes(pair.cache),
    pair.putAside === undefined ? '' : `written while not mounted, now in ${pair.putAside}`,
    mountNote(pair) ?? '',
    pair.lastError === null ? '' : `last run failed: ${pair.lastError.message}`,
  ].filter((note) => note !== '');
  const next = pair.nextRunAtMs === null ? '-' : formatTime(pair.nextRunAtMs, nowMs);
  const first = [pair.name, pair.inSync.replace('-', ' '), pair.direction, last, next];
  return [
    [...first, String(pair.recordedEntries)],
    ...notes.map((note) => [`  ${printable(note)}`]),
  ];
}

function printTable(context: Context, pairs: readonly ApiPair[]): void {
  const now = Date.now();
  const header = ['PAIR', 'STATE', 'DIRECTION', 'LAST', 'NEXT', 'ENTRIES'];
  const all = pairs.map((pair) => lines(pair, now));
  const table = formatTable([header, ...all.map(([first]) => first ?? [])]).split('\n');
  // Notes stand under their pair and must not widen its columns.
  const text = [table[0] ?? ''];
  for (const [index, [, ...notes]] of all.entries())
    text.push(table[index + 1] ?? '', ...notes.map(([note]) => note ?? ''));
  context.terminal.text(text.join('\n'));
}

/** `ferry status [N]`: per pair unknown, pending or in sync, when it ran and will run, and what needs attention. */
export async function run(
  context: Context,
  args: readonly string[],
  flags: { readonly refresh?: boolean },
): Promise<number> {
  const config = await configOf(context);
  const client = await daemonOf(context);
  const state = client === null ? null : await client.state();
  const all = state === null ? rememberedPairs(context, config) : state.pairs;
  const unknown = args.find((name) => !all.some((pair) => pair.name === name));
  if (unknown !== undefined) throw usage(`there is no pair named ${unknown}: ferry pair list`);
  const chosen = args.length === 0 ? all : all.filter(({ name }) => args.includes(name));
  const codes: number[] = [EXIT.ok];
  const shown: ApiPair[] = [];
  for (const pair of chosen) {
    const canLook = flags.refresh === true && (client !== null || pair.kind === 'folder');
    try {
      shown.push(canLook ? await refreshed(context, config, client, pair) : pair);
    } catch (caught) {
      const error = toFerryError(caught);
      complainAbout(context.terminal, error, pair.name);
      codes.push(exitCodeOfError(error));
      shown.push({ ...pair, inSync: 'unknown' });
    }
  }
  context.terminal.document({ daemon: client !== null, pairs: shown });
  if (chosen.length === 0) context.terminal.note('ferry: there is no pair yet: ferry pair add');
  else printTable(context, shown);
  if (client === null)
    context.terminal.note('ferry: the daemon is not running; this is what the last runs left');
  const crashes = crashWords(context.home, state, Date.now());
  if (crashes !== null) context.terminal.note(`ferry: ${crashes}`);
  return worstExitCode(codes);
}
