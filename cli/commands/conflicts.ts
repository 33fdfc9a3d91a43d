import type { Conflict } from '../../core/model/problem.ts';
import { type Context, configOf, daemonOf, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTime, printable } from '../format.ts';
import { accessPair, type PairAccess } from '../pair-access.ts';

type Keep = 'local' | 'remote' | 'both';

function isKeep(text: string | undefined): text is Keep {
  return text === 'local' || text === 'remote' || text === 'both';
}

/** `[N] list`, `[N] keep local|remote|both PATH` and bare `[N]`. */
function parse(args: readonly string[]) {
  const verbAt = args[0] === 'list' || args[0] === 'keep' ? 0 : 1;
  const pair = verbAt === 1 ? args[0] : undefined;
  const [verb = 'list', ...rest] = args.slice(verbAt);
  if (verb === 'list' && rest.length === 0) return { pair, keep: undefined };
  const [keep, path] = rest;
  if (verb === 'keep' && isKeep(keep) && path !== undefined && rest.length === 2)
    return { pair, keep, path };
  throw usage('say ferry conflicts [N] list, or ferry conflicts [N] keep local|remote|both PATH');
}

async function eachPair(
  context: Context,
  only: string | undefined,
  work: (name: string, access: PairAccess) => Promise<void>,
): Promise<void> {
  const config = await configOf(context);
  const client = await daemonOf(context);
  const drives = client === null ? [] : [...config.drives.keys()];
  const names = only === undefined ? [...config.pairs.keys(), ...drives] : [only];
  for (const name of names) {
    const access = await accessPair(context, config, client, name);
    try {
      await work(name, access);
    } finally {
      await access.close();
    }
  }
}

async function list(context: Context, only: string | undefined): Promise<number> {
  const found: (Conflict & { readonly pair: string })[] = [];
  await eachPair(context, only, async (pair, access) => {
    for (const conflict of await access.conflicts()) found.push({ pair, ...conflict });
  });
  context.terminal.document(found);
  for (const { pair, path, copyPath, copyFrom, detectedAtMs } of found)
    context.terminal.text(
      `${pair}: ${printable(path)}\n  the ${copyFrom} version is kept as ${printable(copyPath)} (${formatTime(detectedAtMs, Date.now())})`,
    );
  if (found.length === 0) context.terminal.note('ferry: no conflicts');
  else
    context.terminal.note(
      'ferry: settle each with ferry conflicts keep local|remote|both PATH, then ferry sync',
    );
  return EXIT.ok;
}

/** `ferry conflicts [N] [list | keep local|remote|both PATH]`. */
export async function run(context: Context, args: readonly string[]): Promise<number> {
  const { pair: only, keep, path } = parse(args);
  if (keep === undefined) return list(context, only);
  const settled: string[] = [];
  await eachPair(context, only, async (pair, access) => {
    const known = await access.conflicts();
    if (!known.some((each) => each.path === path || each.copyPath === path)) return;
    await access.resolveConflict(path, keep);
    settled.push(pair);
  });
  if (settled.length === 0)
    throw usage(`${path}: no conflict is known there: ferry conflicts list`);
  context.terminal.text(`${printable(path)}: kept ${keep}; ferry sync carries it over`);
  context.terminal.document({ path, kept: keep, pairs: settled });
  return EXIT.ok;
}
