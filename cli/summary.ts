import type { RunSummary } from '../core/engine/pair-engine.ts';
import type { PlannedAction } from '../core/engine/planned-actions.ts';
import { count, formatBytes, formatDuration, printable } from './format.ts';
import { problemLine } from './problem-line.ts';
import type { Terminal } from './terminal.ts';

/** Problems beyond these are counted; `ferry status PAIR` and `ferry sync --json` have the whole list. */
const SHOWN_PROBLEMS = 20;

/** Returns what a run did, or would do, in one line. */
export function summaryLine(summary: RunSummary): string {
  const { uploaded, downloaded, moved, deletedLocal, deletedRemote, adopted } = summary;
  const forgotten = summary.actions.filter(({ action }) => action === 'forget').length;
  const parts = [
    uploaded > 0 ? `${uploaded} up` : '',
    downloaded > 0 ? `${downloaded} down` : '',
    moved > 0 ? `${moved} moved` : '',
    deletedLocal > 0 ? `${deletedLocal} deleted locally` : '',
    deletedRemote > 0 ? `${deletedRemote} deleted remotely` : '',
    adopted > 0 ? `${adopted} already equal` : '',
    forgotten > 0 ? `${forgotten} no longer recorded` : '',
    summary.conflicts.length > 0 ? count(summary.conflicts.length, 'conflict') : '',
    summary.problems.length > 0 ? count(summary.problems.length, 'problem') : '',
  ].filter((part) => part !== '');
  const what = parts.length === 0 ? 'nothing to do' : parts.join(', ');
  const bytes = summary.bytesSent + summary.bytesReceived;
  const size = bytes > 0 ? `, ${formatBytes(bytes)}` : '';
  const would = summary.dryRun ? ' (dry run: nothing was changed)' : '';
  return `${summary.pair}: ${what}${size}, ${formatDuration(summary.durationMs)}${would}`;
}

/** Returns one planned action as a line. */
export function actionLine({ action, path, from, reason }: PlannedAction): string {
  const what = from === undefined ? path : `${from} -> ${path}`;
  return `${action.padEnd(22)} ${printable(what)}  (${reason})`;
}

/** Says where all problems of a run are listed; a pair without a name, and a dry run, leave no list behind. */
function listOf({ pair, dryRun }: RunSummary): string {
  return dryRun || /[\s/]/.test(pair) ? 'ferry sync --json lists them' : `ferry status ${pair}`;
}

/** Prints how a run ended: the line, then what needs somebody's attention. */
export function printSummary(terminal: Terminal, summary: RunSummary, withActions: boolean): void {
  const { actions, ...rest } = summary;
  const conflicts = summary.conflicts.map(({ trail: _trail, ...conflict }) => conflict);
  terminal.document({ ...rest, conflicts, ...(withActions ? { actions } : {}) });
  if (withActions) for (const action of actions) terminal.text(actionLine(action));
  if (!terminal.quiet) terminal.text(summaryLine(summary));
  for (const conflict of summary.conflicts)
    terminal.complain(
      summary.dryRun
        ? `conflict: ${conflict.path}: the other version would be kept as ${conflict.copyPath}`
        : `conflict: ${conflict.path}: the other version is kept as ${conflict.copyPath}: ferry conflicts`,
    );
  const shown = summary.problems.slice(0, SHOWN_PROBLEMS);
  for (const problem of shown) terminal.complain(problemLine(problem));
  if (summary.problems.length > shown.length)
    terminal.complain(
      `and ${summary.problems.length - shown.length} more problems: ${listOf(summary)}`,
    );
}
