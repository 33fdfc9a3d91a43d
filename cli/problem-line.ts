import { isNotice, type Problem } from '../core/model/problem.ts';

/** Returns a problem as a line: what became of the entry, where, and why. */
export function problemLine({ path, side, message, ...rest }: Problem): string {
  const tag = isNotice({ path, side, message, ...rest }) ? 'left alone' : 'not synced';
  const start = `${path}: `;
  const reason = message.startsWith(start) ? message.slice(start.length) : message;
  return `${tag}: ${path} (${side}): ${reason}${rest.retry === 'never' ? '' : ' (tried again later)'}`;
}
