import type { FerryError } from '../core/model/errors.ts';
import type { Terminal } from './terminal.ts';

/** Prints an error as `ferry: about what: what failed and what to do`, or as one JSON object with --json. */
export function complainAbout(terminal: Terminal, error: FerryError, subject?: string): void {
  const { code, message, path } = error;
  terminal.document({
    error: { code, message, ...(path === undefined ? {} : { path }) },
    ...(subject === undefined ? {} : { pair: subject }),
  });
  const about = [subject, path !== undefined && !message.includes(path) ? path : undefined];
  terminal.complain([...about.filter((part) => part !== undefined), message].join(': '));
}
