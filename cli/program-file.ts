import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the file to give to Node for another process of this program: the bundle, where this one is it. */
export function programFile(): string {
  const [, started = ''] = process.argv;
  // Installed programs are started through a link.
  const file = started === '' ? '' : realpathSync(started);
  const isBundle = basename(file) === 'main.js' && basename(dirname(file)) === 'bundle';
  return isBundle ? file : fileURLToPath(new URL('./main.js', import.meta.url));
}
