import type { Clock } from '../../core/ports.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Resource } from './resource.ts';

/** Younger than this by the server's own clock, which names whole seconds: its second may not be over. */
const YOUNG_MS = 2_000;
/** Any second that has begun is over after this. */
const SETTLING_MS = 1_100;

/**
 * Returns how long to wait until the resource's version names one state only. On a server whose versions are whole
 * seconds and a size, a file that was written a moment ago may be written again and look the same.
 */
export function unsettledMs(
  resource: Resource,
  serverTimeMs: number | null,
  probe: Pick<ProbeResult, 'versions'>,
  clock: Clock,
): number {
  if (probe.versions === 'exact' || resource.isCollection) return 0;
  if (resource.lastModifiedMs === null) return 0;
  const ageMs = (serverTimeMs ?? clock.now()) - resource.lastModifiedMs;
  // A time from the future is not the time of a write that could happen again now.
  return ageMs > -YOUNG_MS && ageMs < YOUNG_MS ? SETTLING_MS : 0;
}
