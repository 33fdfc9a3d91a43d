import type { ConflictOutcome } from '../../core/engine/resolve-conflict.ts';
import type { ConflictView, ShownVersion } from '../../core/engine/show-conflict.ts';
import { isAtOrBelow, type SyncPath } from '../../core/model/path.ts';
import type { Conflict } from '../../core/model/problem.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { count, formatBytes, formatTable, formatTime, printable } from '../format.ts';
import { accessPair, type PairAccess } from '../pair-access.ts';
import { type PairPath, pairPathsOf } from '../pair-path.ts';
import { unifiedDiff } from '../unified-diff.ts';

type Keep = 'local' | 'remote' | 'both';
type Found = Conflict & { readonly pair: string };

export interface ConflictFlags {
  readonly pair?: string;
  readonly below?: string;
  readonly from?: 'local' | 'remote';
}

async function eachPair(
  context: Context,
  only: readonly string[],
  work: (name: string, access: PairAccess) => Promise<void>,
): Promise<void> {
  const config = await configOf(context);
  const client = await daemonOf(context);
  const drives = client === null ? [] : [...config.drives.keys()];
  const names = only.length === 0 ? [...config.pairs.keys(), ...drives] : only;
  for (const name of names) {
    const access = await accessPair(context, config, client, name);
    try {
      await work(name, access);
    } finally {
      await access.close();
    }
  }
}

function isAbout(conflict: Conflict, path: SyncPath): boolean {
  return isAtOrBelow(conflict.path, path) || isAtOrBelow(conflict.copyPath, path);
}

/** Returns the reading of a typed path under which a conflict is known. */
async function meant(
  context: Context,
  text: string,
  known: ReadonlyMap<string, readonly Conflict[]>,
  only: string | undefined,
): Promise<readonly PairPath[]> {
  const readings = pairPathsOf(context, await configOf(context), text, only);
  const found = readings.filter(({ pair, path }) =>
    known.get(pair)?.some((conflict) => isAbout(conflict, path)),
  );
  const [first] = found;
  if (first === undefined) throw usage(`${text}: no conflict is known there: ferry conflicts list`);
  // From the roots of several pairs the same path can be meant in each of them.
  return found.filter(({ path }) => path === first.path);
}

/** `ferry conflicts [PAIR...]`, also `ferry conflicts list`. */
export async function list(
  context: Context,
  args: readonly string[],
  flags: ConflictFlags,
): Promise<number> {
  const found: Found[] = [];
  await eachPair(context, args, async (pair, access) => {
    for (const conflict of await access.conflicts()) found.push({ ...conflict, pair });
  });
  const config = await configOf(context);
  const below = flags.below === undefined ? null : pairPathsOf(context, config, flags.below);
  const chosen = found.filter(
    (conflict) =>
      (flags.from === undefined || conflict.copyFrom === flags.from) &&
      (below === null ||
        below.some(({ pair, path }) => pair === conflict.pair && isAbout(conflict, path))),
  );
  context.terminal.document(chosen.map(({ trail: _trail, ...conflict }) => conflict));
  for (const { pair, path, copyPath, copyFrom, detectedAtMs } of chosen)
    context.terminal.text(
      `${pair}: ${printable(path)}\n  the ${copyFrom} version is kept as ${printable(copyPath)} (${formatTime(detectedAtMs, Date.now())})`,
    );
  if (chosen.length === 0)
    context.terminal.note(
      found.length === 0 ? 'ferry: no conflicts' : `ferry: none of the ${found.length} is meant`,
    );
  else
    context.terminal.note(
      'ferry: look with ferry conflicts show PATH, settle with ferry conflicts keep local|remote|both PATH, then ferry sync',
    );
  return EXIT.ok;
}

function rowOf(label: string, version: ShownVersion | undefined, nowMs: number): readonly string[] {
  if (version === undefined) return [label, 'nothing was synced before'];
  const { sizeBytes, mtimeMs, hash, kind, device, isThere, path, note } = version;
  if (!isThere) return [label, printable(path), note ?? 'is gone'];
  return [
    label,
    printable(path),
    kind === 'file' ? formatBytes(sizeBytes ?? 0) : (kind ?? ''),
    mtimeMs === undefined ? '-' : formatTime(mtimeMs, nowMs),
    hash?.slice(0, 12) ?? '-',
    device ?? '',
  ];
}

function diffOf({ local, remote }: ConflictView): readonly string[] {
  if (local.text === undefined || remote.text === undefined) return [];
  const lines = unifiedDiff(local.text, remote.text);
  return lines.length === 0
    ? []
    : [`--- local: ${local.path}`, `+++ remote: ${remote.path}`, ...lines];
}

function printView(context: Context, pair: string, view: ConflictView): void {
  const { terminal } = context;
  const { conflict, local, remote } = view;
  const now = Date.now();
  const diff = diffOf(view);
  const bare = ({ text: _text, ...version }: ShownVersion) => version;
  const { trail: _trail, ...known } = conflict;
  terminal.document({ pair, ...known, local: bare(local), remote: bare(remote), diff });
  const why = conflict.reason;
  terminal.text(
    terminal.bold(
      `${pair}: ${printable(conflict.path)}, in conflict since ${formatTime(conflict.detectedAtMs, now)}`,
    ),
  );
  if (why) terminal.text(`local: ${why.local}, remote: ${why.remote}; ${why.rule}`);
  terminal.text(formatTable([rowOf('local', local, now), rowOf('remote', remote, now)]));
  const { base } = conflict;
  if (base)
    terminal.text(
      `before that: ${formatBytes(base.sizeBytes)}, ${base.hash?.slice(0, 12) ?? 'content not known'}`,
    );
  if (diff.length > 0) terminal.text(diff.map(printable).join('\n'));
  else if (local.isThere && remote.isThere && local.kind === 'file')
    terminal.note('ferry: not compared line by line: one is no text, or longer than 256 KiB');
}

/** `ferry conflicts show PATH`: both versions side by side. */
export async function show(
  context: Context,
  args: readonly string[],
  flags: ConflictFlags,
): Promise<number> {
  const [text = ''] = args;
  const known = await knownConflicts(context, flags.pair);
  for (const { pair, path } of await meant(context, text, known, flags.pair)) {
    const conflicts = known.get(pair)?.filter((conflict) => isAbout(conflict, path)) ?? [];
    await eachPair(context, [pair], async (_name, access) => {
      for (const conflict of conflicts)
        printView(context, pair, await access.showConflict(conflict.copyPath));
    });
  }
  return EXIT.ok;
}

async function knownConflicts(
  context: Context,
  only: string | undefined,
): Promise<ReadonlyMap<string, readonly Conflict[]>> {
  const known = new Map<string, readonly Conflict[]>();
  await eachPair(context, only === undefined ? [] : [only], async (pair, access) => {
    known.set(pair, await access.conflicts());
  });
  return known;
}

function sayWhatWasDone(
  context: Context,
  pair: string,
  { conflict, keep, side, dropped, renamed, error }: ConflictOutcome,
  dryRun: boolean,
): void {
  const { terminal } = context;
  const name = printable(conflict.path);
  if (error) {
    terminal.complain(`${pair}: ${conflict.path}: not settled: ${error.message}`);
    return;
  }
  const would = dryRun ? 'would be ' : '';
  const what = [
    dropped === undefined
      ? ''
      : `${printable(dropped)} ${would}removed on the ${side} side${side === 'local' ? ' (kept in .ferry/versions)' : ''}`,
    renamed === undefined ? '' : `${printable(renamed.from)} ${would}renamed to ${name}`,
  ].filter((part) => part !== '');
  const done =
    keep === 'both'
      ? 'both files stay as they are'
      : what.length === 0
        ? 'nothing was left to do'
        : what.join(', ');
  terminal.text(`${name}: ${dryRun ? 'would keep' : 'kept'} ${keep}: ${done}`);
}

function isKeep(text: string | undefined): text is Keep {
  return text === 'local' || text === 'remote' || text === 'both';
}

/** `ferry conflicts keep local|remote|both PATH...|--all`. */
export async function keep(
  context: Context,
  args: readonly string[],
  flags: ConflictFlags & { readonly all?: boolean; readonly dryRun?: boolean },
): Promise<number> {
  const [version, ...texts] = args;
  if (!isKeep(version) || texts.length > 0 === (flags.all === true))
    throw usage('say ferry conflicts keep local|remote|both PATH..., or --all');
  const dryRun = flags.dryRun === true;
  const known = await knownConflicts(context, flags.pair);
  const chosen = new Map<string, SyncPath[] | 'all'>();
  if (flags.all) for (const pair of known.keys()) chosen.set(pair, 'all');
  for (const text of texts)
    for (const { pair, path } of await meant(context, text, known, flags.pair)) {
      const paths = chosen.get(pair) ?? [];
      if (paths !== 'all') chosen.set(pair, [...paths, path]);
    }
  const outcomes: (ConflictOutcome & { readonly pair: string })[] = [];
  for (const [pair, paths] of chosen) {
    if (known.get(pair)?.length === 0) continue;
    await eachPair(context, [pair], async (_name, access) => {
      const choice = { keep: version, paths, dryRun };
      for (const outcome of await access.resolveConflicts(choice)) {
        outcomes.push({ ...outcome, pair });
        sayWhatWasDone(context, pair, outcome, dryRun);
      }
    });
  }
  context.terminal.document(
    outcomes.map(({ conflict: { path, copyPath }, ...done }) => ({ path, copyPath, ...done })),
  );
  const failed = outcomes.filter(({ error }) => error !== undefined).length;
  if (outcomes.length === 0) context.terminal.note('ferry: no conflicts');
  else if (!dryRun && failed < outcomes.length)
    context.terminal.note(
      `ferry: ${count(outcomes.length - failed, 'conflict')} settled; ferry sync carries it over`,
    );
  return failed > 0 ? EXIT.error : EXIT.ok;
}
