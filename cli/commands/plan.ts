import type { HeldPlan } from '../../core/engine/held-plan.ts';
import type { ApiHeldPlan } from '../../daemon/api.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { EXIT, exitCodeOfSummary } from '../exit-codes.ts';
import { count, formatTime, printable } from '../format.ts';
import { accessPair, type PairAccess } from '../pair-access.ts';
import { createProgress } from '../progress.ts';
import { actionLine, printSummary } from '../summary.ts';

/** More actions are shown with --json only. */
const SHOWN_ACTIONS = 200;

/** Returns what guards count of a held plan: `44 deletions`. */
export function heldCounts({
  deletions,
  replacements,
  conflicts,
}: Pick<ApiHeldPlan, 'deletions' | 'replacements' | 'conflicts'>): string {
  const parts = [
    deletions > 0 ? count(deletions, 'deletion') : '',
    replacements > 0 ? count(replacements, 'replaced file') : '',
    conflicts > 0 ? count(conflicts, 'conflict') : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'nothing that is counted' : parts.join(', ');
}

/** Calls `work` with each pair, or the one that is named, that has a held plan. */
async function eachHeld(
  context: Context,
  only: readonly string[],
  work: (name: string, plan: HeldPlan, access: PairAccess) => Promise<void>,
): Promise<number> {
  const config = await configOf(context);
  const client = await daemonOf(context);
  const drives = client === null ? [] : [...config.drives.keys()];
  let found = 0;
  for (const name of only.length > 0 ? only : [...config.pairs.keys(), ...drives]) {
    const access = await accessPair(context, config, client, name, { dryRun: true });
    try {
      const plan = await access.heldPlan();
      if (plan === null) continue;
      found += 1;
      await work(name, plan, access);
    } finally {
      await access.close();
    }
  }
  if (found === 0) context.terminal.note('ferry: no plan is held');
  return found;
}

function printPlan(context: Context, name: string, plan: HeldPlan): void {
  const { terminal } = context;
  const { counts, actions, actionCount, heldAtMs, message } = plan;
  const what = heldCounts({
    deletions: counts.deletedLocal + counts.deletedRemote,
    replacements: counts.modifiedLocal + counts.modifiedRemote,
    conflicts: counts.conflicts,
  });
  terminal.text(terminal.bold(`${name}: held since ${formatTime(heldAtMs, Date.now())}: ${what}`));
  terminal.text(printable(message.split(/ Nothing (?:more )?was changed\./, 1)[0] ?? ''));
  const byPath = actions.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const action of byPath.slice(0, SHOWN_ACTIONS)) terminal.text(actionLine(action));
  const more = actionCount - Math.min(actions.length, SHOWN_ACTIONS);
  if (more > 0)
    terminal.text(`and ${more} more${actions.length > SHOWN_ACTIONS ? ': --json' : ''}`);
}

/** `ferry plan show [PAIR...]`. */
export async function show(context: Context, args: readonly string[]): Promise<number> {
  const documents: unknown[] = [];
  await eachHeld(context, args, async (pair, plan) => {
    const { involved: _involved, effect: _effect, ...shown } = plan;
    documents.push({ pair, ...shown });
    printPlan(context, pair, plan);
  });
  context.terminal.document(documents);
  if (documents.length > 0)
    context.terminal.note(
      'ferry: ferry plan release does exactly this, once; plan drop forgets it',
    );
  return EXIT.ok;
}

/** Returns the pair that is meant: the one that is named, or the only one with a held plan. */
async function theOne(context: Context, args: readonly string[]): Promise<string | null> {
  const [named] = args;
  if (named !== undefined) return named;
  const names: string[] = [];
  await eachHeld(context, [], async (name) => {
    names.push(name);
  });
  if (names.length > 1) throw usage(`several plans are held, name one: ${names.join(', ')}`);
  return names[0] ?? null;
}

/** `ferry plan release [PAIR]`: carries the held plan out, if it is still what a run would do. */
export async function release(context: Context, args: readonly string[]): Promise<number> {
  const name = await theOne(context, args);
  if (name === null) return EXIT.ok;
  const { terminal, signal } = context;
  const access = await accessPair(context, await configOf(context), await daemonOf(context), name);
  const progress = createProgress(terminal, name);
  try {
    const summary = await access.run('sync', { release: true, signal }, (at) =>
      progress.update(at),
    );
    progress.end();
    printSummary(terminal, summary, false);
    return exitCodeOfSummary(summary);
  } finally {
    progress.end();
    await access.close();
  }
}

/** `ferry plan drop [PAIR]`. */
export async function drop(context: Context, args: readonly string[]): Promise<number> {
  const name = await theOne(context, args);
  if (name === null) return EXIT.ok;
  const access = await accessPair(context, await configOf(context), await daemonOf(context), name);
  try {
    const dropped = await access.dropHeldPlan();
    context.terminal.text(
      dropped
        ? `${name}: the held plan is forgotten; the next run looks again`
        : `${name}: no plan is held`,
    );
    context.terminal.document({ pair: name, dropped });
  } finally {
    await access.close();
  }
  return EXIT.ok;
}
