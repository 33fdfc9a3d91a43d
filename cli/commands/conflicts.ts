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

interface Text {
  readonly name: string;
  readonly text?: string | undefined;
}

function diffOf(before: Text, after: Text): readonly string[] {
  if (before.text === undefined || after.text === undefined) return [];
  const lines = unifiedDiff(before.text, after.text);
  return lines.length === 0 ? [] : [`--- ${before.name}`, `+++ ${after.name}`, ...lines];
}

/** Returns the differences of the two versions, and what each side had changed where the base is still kept. */
function diffsOf({ conflict, local, remote, base }: ConflictView) {
  const own = { name: `local: ${local.path}`, text: local.text };
  const other = { name: `remote: ${remote.path}`, text: remote.text };
  const before = { name: `before: ${conflict.path} (${base?.version})`, text: base?.text };
  return {
    diff: diffOf(own, other),
    localChanges: diffOf(before, own),
    remoteChanges: diffOf(before, other),
  };
}

function printDiffs(context: Context, view: ConflictView): void {
  const { terminal } = context;
  const { local, remote } = view;
  const { diff, localChanges, remoteChanges } = diffsOf(view);
  for (const lines of [diff, localChanges, remoteChanges])
    if (lines.length > 0) terminal.text(lines.map(printable).join('\n'));
  if (diff.length > 0 || !local.isThere || !remote.isThere || local.kind !== 'file') return;
  terminal.note(
    local.hash !== undefined && local.hash === remote.hash
      ? 'ferry: both are equal by now; the next run ends the conflict'
      : 'ferry: not compared line by line: one is no text, or longer than 256 KiB',
  );
}

function printView(context: Context, pair: string, view: ConflictView): void {
  const { terminal } = context;
  const { conflict, local, remote, base: keptBase } = view;
  const now = Date.now();
  const bare = <T extends { readonly text?: string }>({ text: _text, ...version }: T) => version;
  const { trail: _trail, ...known } = conflict;
  terminal.document({
    ...{ pair, ...known, local: bare(local), remote: bare(remote) },
    ...(keptBase === undefined ? {} : { keptBase: bare(keptBase) }),
    ...diffsOf(view),
  });
  const why = conflict.reason;
  const since = formatTime(conflict.detectedAtMs, now);
  const run = conflict.run === undefined ? '' : ` (run ${conflict.run})`;
  terminal.text(
    terminal.bold(`${pair}: ${printable(conflict.path)}, in conflict since ${since}${run}`),
  );
  if (why) terminal.text(`local: ${why.local}, remote: ${why.remote}; ${why.rule}`);
  terminal.text(formatTable([rowOf('local', local, now), rowOf('remote', remote, now)]));
  const { base } = conflict;
  if (base) {
    const kept =
      keptBase === undefined
        ? ', not kept any more'
        : `, kept in the ${keptBase.side} version store (${keptBase.version})`;
    const hash = base.hash?.slice(0, 12) ?? 'content not known';
    terminal.text(`before: ${formatBytes(base.sizeBytes)}, ${hash}${kept}`);
  }
  printDiffs(context, view);
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
  { conflict, keep, side, dropped, keptOn, renamed, error }: ConflictOutcome,
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
      : `${printable(dropped)} ${would}removed on the ${side} side (${keptOn === undefined ? 'not kept: neither side has a version store' : `kept in .ferry/versions on the ${keptOn} side`})`,
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
      `ferry: ${count(outcomes.length - failed, 'conflict')} settled; the next run carries over what the other side shall have`,
    );
  return failed > 0 ? EXIT.error : EXIT.ok;
}
