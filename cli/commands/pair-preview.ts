import type { PreviewedSettings } from '../../core/engine/pair-engine.ts';
import type { PairConfig } from '../../daemon/config.ts';
import { type Context, configOf, daemonOf } from '../context.ts';
import { exitCodeOfSummary } from '../exit-codes.ts';
import { count } from '../format.ts';
import { accessPair } from '../pair-access.ts';
import { createProgress } from '../progress.ts';
import { printSummary } from '../summary.ts';

function previewed({ direction, deletes, mirror, ignore }: PairConfig): PreviewedSettings {
  return { direction, deletes, mirror, ignore };
}

/** `ferry pair edit N … --dry-run`: what the next run would do with the new settings; nothing is changed. */
export async function previewEdit(
  context: Context,
  name: string,
  pair: PairConfig,
): Promise<number> {
  const { terminal, signal } = context;
  const [config, client] = [await configOf(context), await daemonOf(context)];
  const access = await accessPair(context, config, client, name, { dryRun: true });
  const progress = createProgress(terminal, name);
  try {
    const request = { dryRun: true, settings: previewed(pair), signal };
    const summary = await access.run('sync', request, (at) => progress.update(at));
    progress.end();
    printSummary(terminal, summary, true);
    const { deletedLocal, deletedRemote, actions } = summary;
    const forgotten = actions.filter(({ action }) => action === 'forget').length;
    const what = [
      count(deletedLocal + deletedRemote, 'entry would be deleted', 'entries would be deleted'),
      ...(forgotten > 0
        ? [count(forgotten, 'entry would no longer be synced', 'entries would no longer be synced')]
        : []),
    ];
    terminal.note(`ferry: with these settings ${what.join(', ')}; they were not saved`);
    return exitCodeOfSummary(summary);
  } finally {
    progress.end();
    await access.close();
  }
}

/** Says that a change decides about more than when runs happen. */
export function sayWhatIsNew(
  context: Context,
  name: string,
  before: PairConfig,
  after: PairConfig,
): void {
  if (JSON.stringify(previewed(before)) === JSON.stringify(previewed(after))) return;
  context.terminal.note(
    `ferry: the next run obeys this; ferry sync ${name} --dry-run shows what it will do${
      before.direction === after.direction
        ? ''
        : ' (the first run in a new direction takes nothing for deleted)'
    }`,
  );
}
