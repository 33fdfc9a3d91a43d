import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { ProbeResult } from './probe-result.ts';

/** Tells whether what is at `path` shows up in listings. */
export function isListable(probe: Pick<ProbeResult, 'listsDotNames'>, path: SyncPath): boolean {
  return probe.listsDotNames || !path.split('/').some((name) => name.startsWith('.'));
}

/**
 * Refuses to put something where listings do not show it: the next run would take it for deleted.
 * @throws NAME_NOT_ALLOWED
 */
export function expectListable(probe: Pick<ProbeResult, 'listsDotNames'>, path: SyncPath): void {
  if (isListable(probe, path)) return;
  throw new FerryError(
    'NAME_NOT_ALLOWED',
    `${path}: this server leaves names that begin with a dot out of its listings, so it is not put there`,
    { path },
  );
}
