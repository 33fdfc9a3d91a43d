import { childPath, nameOf, parentPath, type SyncPath } from '../model/path.ts';

/**
 * Returns where an entry is recorded that is still parked, as `parked`, when another entry is recorded under its own
 * name by now.
 */
export function asideRecord(from: SyncPath, parked: SyncPath): SyncPath {
  return childPath(parentPath(from), nameOf(parked));
}
