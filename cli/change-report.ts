import type { ChangeReport, ChangeStep } from '../core/engine/local-changes.ts';
import { count, formatBytes, printable } from './format.ts';
import type { Terminal } from './terminal.ts';

/** More steps are shown with --json only. */
const SHOWN_STEPS = 200;

function lineOf({ action, from, path, side, sizeBytes, version }: ChangeStep): string {
  const name = printable(path);
  switch (action) {
    case 'restore':
      return `restore  ${name}  (${formatBytes(sizeBytes ?? 0)}, ${side === 'remote' ? "of the remote's " : ''}${version})`;
    case 'move':
      return `move     ${printable(from ?? '')} → ${name}`;
    case 'remove':
      return `remove   ${name}  (kept in .ferry/versions)`;
    case 'make-directory':
      return `make     ${name}/`;
  }
}

/** Prints what a restore or an undo did or would do, and what it left as it is. */
export function printChanges(terminal: Terminal, { refused, steps }: ChangeReport): void {
  for (const step of steps.slice(0, SHOWN_STEPS)) terminal.text(lineOf(step));
  if (steps.length > SHOWN_STEPS) terminal.text(`and ${steps.length - SHOWN_STEPS} more: --json`);
  for (const { path, reason } of refused.slice(0, SHOWN_STEPS))
    terminal.complain(path === '' ? reason : `${path}: left as it is: ${reason}`);
  if (refused.length > SHOWN_STEPS)
    terminal.complain(`and ${refused.length - SHOWN_STEPS} more are left as they are: --json`);
}

/** Returns what was done in a few words. */
export function countChanges({ steps }: ChangeReport): string {
  const of = (action: ChangeStep['action']) =>
    steps.filter((step) => step.action === action).length;
  const parts = [
    [of('restore'), 'restored'],
    [of('move'), 'moved'],
    [of('remove'), 'removed'],
  ] as const;
  const said = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  if (said.length > 0) return said.join(', ');
  const made = of('make-directory');
  return made > 0 ? `${count(made, 'directory', 'directories')} made` : 'nothing';
}
