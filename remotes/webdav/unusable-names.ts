import { FerryError } from '../../core/model/errors.ts';
import { childPath, type SyncPath } from '../../core/model/path.ts';
import type { RequestContext } from './http-errors.ts';

const SHOWN_CHARS = 120;

/**
 * Returns the problem for an address in a listing that names nothing below the folder that was asked for, or that no
 * path can be made of. It gets a path of its own in that folder, made up to be shown; nothing is ever asked for there.
 */
export function unusable(
  asked: SyncPath,
  href: string,
  context: RequestContext,
): { readonly path: SyncPath; readonly error: FerryError } {
  const shown = href
    .slice(0, SHOWN_CHARS)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, '\ufffd')
    .normalize('NFC');
  const path = childPath(asked, `‹${shown.replaceAll('/', '∕')}›`);
  const host = new URL(context.url).host;
  const error = new FerryError(
    'NAME_NOT_ALLOWED',
    `${path}: ${host} lists ${JSON.stringify(shown)} in ${asked === '' ? 'the root' : asked}, which is no name that can be used there; it is left alone`,
    { path },
  );
  return { path, error };
}
