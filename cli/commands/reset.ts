import { type Context, configOf, confirm, daemonOf } from '../context.ts';
import { EXIT, exitCodeOfSummary } from '../exit-codes.ts';
import { count, formatBytes } from '../format.ts';
import { accessPair } from '../pair-access.ts';
import { createProgress } from '../progress.ts';
import { printSummary } from '../summary.ts';

/** `ferry reset N`: says what will move, asks, then transfers everything again. Nothing is deleted. */
export async function run(context: Context, args: readonly string[]): Promise<number> {
  const [name = ''] = args;
  const { terminal, signal } = context;
  const config = await configOf(context);
  const access = await accessPair(context, config, await daemonOf(context), name);
  try {
    const preview = await access.previewReset();
    terminal.document({ event: 'preview', pair: name, ...preview });
    terminal.note(
      `${name}: a reset transfers ${count(preview.files, 'file')} (${formatBytes(preview.bytes)}) again, and ${count(preview.comesBack, 'deleted file')} will come back; nothing is deleted`,
    );
    if (!(await confirm(context, `Reset ${name}?`))) return EXIT.error;
    const progress = createProgress(terminal, name);
    try {
      const summary = await access.run('reset', { yes: context.yes, signal }, (at) =>
        progress.update(at),
      );
      progress.end();
      printSummary(terminal, summary, false);
      return exitCodeOfSummary(summary);
    } finally {
      progress.end();
    }
  } finally {
    await access.close();
  }
}
