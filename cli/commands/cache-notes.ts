import type { ApiCache, ApiHydration } from '../../daemon/api.ts';
import { count, formatBytes } from '../format.ts';

/** Of so many files it is said how far they are. */
const NAMED = 3;

function percentOf({ bytesDone, bytesTotal }: ApiHydration): number {
  return bytesTotal === 0 ? 100 : Math.floor((bytesDone / bytesTotal) * 100);
}

/** Returns what `ferry status` says of what of a drive is on this device. */
export function cacheNotes(cache: ApiCache | undefined): readonly string[] {
  if (cache === undefined) return [];
  const { storedBytes, limitBytes, pinned, pinProblem, hydrating, hydratingFiles } = cache;
  const of = limitBytes === null ? '' : ` of ${formatBytes(limitBytes)}`;
  const pins = pinned === 0 ? '' : `, ${pinned} pinned`;
  const named = hydrating.slice(0, NAMED).map((one) => `${one.path} ${percentOf(one)}%`);
  const more = hydratingFiles > named.length ? ['…'] : [];
  return [
    storedBytes === 0 && limitBytes === null && pinned === 0
      ? ''
      : `${formatBytes(storedBytes)}${of} on this device${pins}`,
    hydratingFiles === 0
      ? ''
      : `fetching ${count(hydratingFiles, 'file')}: ${[...named, ...more].join(', ')}`,
    pinProblem === undefined ? '' : `not all that is pinned is here: ${pinProblem.message}`,
  ];
}
