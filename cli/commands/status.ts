import { toFerryError } from '../../core/model/errors.ts';
import { isNotice, type Problem } from '../../core/model/problem.ts';
import type { ApiPair } from '../../daemon/api.ts';
import type { Config, Pause } from '../../daemon/config.ts';
import type { ControlClient } from '../../daemon/control-client.ts';
import { waitingDrives } from '../../daemon/drive-names.ts';
import { readLastRun } from '../../daemon/last-run.ts';
import { apiPairOf, FIRST_STATE } from '../../daemon/session-state.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { crashWords } from '../crash-words.ts';
import { EXIT, exitCodeOfError, worstExitCode } from '../exit-codes.ts';
import { count, formatTable, formatTime, printable } from '../format.ts';
import { accessPair } from '../pair-access.ts';
import { problemLine } from '../problem-line.ts';
import { createProgress, progressLine } from '../progress.ts';
import { complainAbout } from '../report-error.ts';
import { cacheNotes } from './cache-notes.ts';
import { mountNote } from './mount-notes.ts';
import { heldCounts } from './plan.ts';

/** Problems of each pair that are named where several pairs are shown. */
const NAMED_PROBLEMS = 3;

interface ShownPair extends ApiPair {
  /** What `problems` counts. */
  readonly problemList: readonly Problem[];
}

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
): Promise<ShownPair> {
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
      problemList: summary.problems,
      recordedEntries: (await access.state()).recordedEntries,
    };
  } finally {
    progress.end();
    await access.close();
  }
}

function problemNotes(
  { name, problems, nextRetryAtMs, problemList }: ShownPair,
  nowMs: number,
  most: number,
): readonly string[] {
  if (problems === 0) return [];
  const isWaiting = nextRetryAtMs !== undefined && nextRetryAtMs > nowMs;
  const again = isWaiting ? `, tried again from ${formatTime(nextRetryAtMs, nowMs)} on` : '';
  // What is left alone by design stays so; what failed needs somebody.
  const failed = problemList.filter((problem) => !isNotice(problem));
  const named = [...failed, ...problemList.filter(isNotice)].slice(0, most);
  const more = problems - named.length;
  return [
    `${count(problems, 'problem')}${again}`,
    ...named.map((problem) => `  ${problemLine(problem)}`),
    ...(more > 0 ? [`  and ${more} more: ferry status ${name}`] : []),
  ];
}

/** How a remote that has a name is told another password. */
function signInAgain({ lastError, remote }: ApiPair): string {
  const [name = ''] = remote.split(':');
  const isNamed = !name.includes('/') && !remote.includes('://');
  return lastError?.code === 'REMOTE_UNAUTHORIZED' && isNamed
    ? `: ferry remote edit ${name} --password-file FILE`
    : '';
}

/** Where a drive is, and how it is shown. */
function placeNote(pair: ApiPair): string {
  const how = mountNote(pair);
  return how === null ? '' : `at ${pair.local}, ${how}`;
}

function lines(pair: ShownPair, nowMs: number, most: number): readonly (readonly string[])[] {
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
    ...problemNotes(pair, nowMs, most),
    (pair.pendingUploads ?? 0) > 0 ? `${count(pair.pendingUploads ?? 0, 'file')} to upload` : '',
    ...cacheNotes(pair.cache),
    pair.putAside === undefined ? '' : `written while not mounted, now in ${pair.putAside}`,
    placeNote(pair),
    pair.lastError === null ? '' : `last run failed: ${pair.lastError.message}${signInAgain(pair)}`,
  ].filter((note) => note !== '');
  const next = pair.nextRunAtMs === null ? '-' : formatTime(pair.nextRunAtMs, nowMs);
  const first = [pair.name, pair.inSync.replace('-', ' '), pair.direction, last, next];
  return [
    [...first, String(pair.recordedEntries)],
    ...notes.map((note) => [`  ${printable(note)}`]),
  ];
}

function printTable(context: Context, pairs: readonly ShownPair[], most: number): void {
  const now = Date.now();
  const header = ['PAIR', 'STATE', 'DIRECTION', 'LAST', 'NEXT', 'ENTRIES'];
  const all = pairs.map((pair) => lines(pair, now, most));
  const table = formatTable([header, ...all.map(([first]) => first ?? [])]).split('\n');
  // Notes stand under their pair and must not widen its columns.
  const text = [table[0] ?? ''];
  for (const [index, [, ...notes]] of all.entries())
    text.push(table[index + 1] ?? '', ...notes.map(([note]) => note ?? ''));
  context.terminal.text(text.join('\n'));
}

/** What the last run of a pair left; without a daemon, the first thousand. */
async function problemListOf(
  context: Context,
  client: ControlClient | null,
  { name, problems }: ApiPair,
): Promise<readonly Problem[]> {
  if (problems === 0) return [];
  if (client === null) return readLastRun(context.home, name)?.summary?.problems ?? [];
  return client.problems(name).catch(() => []); // Taken away in this moment: the count is all there is.
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
  const shown: ShownPair[] = [];
  for (const pair of chosen) {
    const canLook = flags.refresh === true && (client !== null || pair.kind === 'folder');
    const known = { ...pair, problemList: await problemListOf(context, client, pair) };
    try {
      shown.push(canLook ? await refreshed(context, config, client, pair) : known);
    } catch (caught) {
      const error = toFerryError(caught);
      complainAbout(context.terminal, error, pair.name);
      codes.push(exitCodeOfError(error));
      shown.push({ ...known, inSync: 'unknown' });
    }
  }
  const waiting = waitingDrives(config, context.home).map(({ bounds: _bounds, ...note }) => note);
  context.terminal.document({ daemon: client !== null, pairs: shown, waiting });
  if (chosen.length === 0) context.terminal.note('ferry: there is no pair yet: ferry pair add');
  else printTable(context, shown, args.length === 0 ? NAMED_PROBLEMS : Number.POSITIVE_INFINITY);
  if (client === null)
    context.terminal.note('ferry: the daemon is not running; this is what the last runs left');
  for (const { mountPoint, remote, pendingUploads } of waiting)
    context.terminal.note(
      `ferry: ${count(pendingUploads, 'file')} of ${mountPoint}, which the daemon does not show, not uploaded to ${remote} yet: it goes on when that is mounted there again`,
    );
  const crashes = crashWords(context.home, state, Date.now());
  if (crashes !== null) context.terminal.note(`ferry: ${crashes}`);
  return worstExitCode(codes);
}
