import type { LoggedRun } from '../../core/records/run-log.ts';
import type { Config } from '../../daemon/config.ts';
import { countChanges, printChanges } from '../change-report.ts';
import { type Context, configOf, confirm, daemonOf, usage } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { count, formatTable, formatTime } from '../format.ts';
import { accessPair, type PairAccess } from '../pair-access.ts';
import { pairPathsOf } from '../pair-path.ts';

export interface UndoFlags {
  readonly list?: boolean;
  readonly additions?: boolean;
  readonly dryRun?: boolean;
}

interface Meant {
  readonly pair: string;
  readonly run?: number;
}

/** `[PAIR] [RUN]`; without PAIR it is the only one, or the one that the current folder is in. */
function parse(context: Context, config: Config, words: readonly string[]): Meant {
  const names = [...config.pairs.keys(), ...config.drives.keys()];
  const [first, second] = words;
  const hasPair = first !== undefined && names.includes(first);
  const runText = hasPair ? second : first;
  if (words.length > (hasPair ? 2 : 1)) throw usage('say ferry undo [PAIR] [RUN]');
  if (runText !== undefined && !/^[1-9]\d{0,9}$/.test(runText))
    throw usage(`there is no pair named ${runText}, and no run: ferry undo --list`);
  const run = runText === undefined ? {} : { run: Number(runText) };
  if (hasPair) return { pair: first, ...run };
  const here = pairPathsOf(context, config, '.')[0]?.pair;
  const pair = here ?? (names.length === 1 ? names[0] : undefined);
  if (pair === undefined)
    throw usage(
      names.length === 0
        ? 'there is no pair yet: add one with ferry pair add'
        : `say which pair: ${names.join(', ')}`,
    );
  return { pair, ...run };
}

const OPERATIONS: Readonly<Record<string, (n: number) => string>> = {
  'write-local': (n) => `${n} downloaded`,
  'write-remote': (n) => `${n} uploaded`,
  'make-link-local': (n) => `${count(n, 'link')} made here`,
  'make-link-remote': (n) => `${count(n, 'link')} made there`,
  'remove-local': (n) => `${n} deleted here`,
  'remove-remote': (n) => `${n} deleted there`,
  'move-local': (n) => `${n} moved here`,
  'move-remote': (n) => `${n} moved there`,
  'make-directory-local': (n) => `${count(n, 'directory', 'directories')} made here`,
  'make-directory-remote': (n) => `${count(n, 'directory', 'directories')} made there`,
};

function whatItDid({ counts, done, failed, kind }: LoggedRun): string {
  const parts = Object.entries(OPERATIONS).flatMap(([operation, say]) => {
    const n = counts[operation] ?? 0;
    if (n === 0) return [];
    const isRestored = operation === 'write-local' && (kind === 'restore' || kind === 'undo');
    return [isRestored ? `${n} restored` : say(n)];
  });
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.length > 0 ? parts.join(', ') : count(done, 'time or mode', 'times or modes');
}

async function list(context: Context, pair: string, access: PairAccess): Promise<number> {
  const { terminal } = context;
  const runs = await access.history.runs();
  terminal.document(runs.map((run) => ({ pair, ...run })));
  const now = Date.now();
  terminal.text(
    formatTable(
      runs.map((run) => [
        `run ${run.run}`,
        formatTime(run.startedAtMs, now),
        run.undoOf === undefined ? run.kind : `undo of run ${run.undoOf}`,
        whatItDid(run),
        run.endedAtMs === null ? 'was cut off' : (run.error?.message ?? ''),
      ]),
    ),
  );
  if (runs.length === 0) terminal.note(`ferry: no run of ${pair} is known that did anything`);
  return EXIT.ok;
}

async function takeBack(
  context: Context,
  { pair, run }: Meant,
  access: PairAccess,
  { additions = false, dryRun = false }: UndoFlags,
): Promise<number> {
  const { signal, terminal } = context;
  const request = { ...(run === undefined ? {} : { run }), additions, signal };
  const told = await access.history.undo({ ...request, dryRun: true });
  const isNothing = told.steps.length === 0;
  if (dryRun || isNothing) {
    terminal.document({ pair, ...told });
    printChanges(terminal, told);
    terminal.note(
      isNothing
        ? `ferry: run ${told.undoOf} did nothing that can be taken back here`
        : `ferry: would be ${countChanges(told)}`,
    );
    return told.refused.length > 0 ? EXIT.error : EXIT.ok;
  }
  if (!context.yes) {
    printChanges(terminal, told);
    const question = `Take back run ${told.undoOf} of ${pair} (${countChanges(told)})?`;
    if (!(await confirm(context, question))) return EXIT.error;
  }
  // The very run that was shown, whatever has run since.
  const report = await access.history.undo({ ...request, run: told.undoOf ?? 0 });
  terminal.document({ pair, ...report });
  if (context.yes) printChanges(terminal, report);
  terminal.note(
    `ferry: run ${report.undoOf} is taken back: ${countChanges(report)} (run ${report.run}); ferry sync ${pair} carries it over, ferry undo ${pair} ${report.run} takes it back`,
  );
  return report.refused.length > 0 ? EXIT.error : EXIT.ok;
}

/** `ferry undo [PAIR] [RUN]`: says what it would do, asks, and does it. */
export async function run(
  context: Context,
  args: readonly string[],
  flags: UndoFlags,
): Promise<number> {
  const config = await configOf(context);
  const meant = parse(context, config, args);
  const access = await accessPair(context, config, await daemonOf(context), meant.pair);
  try {
    return flags.list
      ? await list(context, meant.pair, access)
      : await takeBack(context, meant, access, flags);
  } finally {
    await access.close();
  }
}
