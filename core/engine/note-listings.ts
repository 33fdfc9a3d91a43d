import type { Entry, Side } from '../model/entry.ts';
import { childPath, parentPath, type SyncPath } from '../model/path.ts';
import type { PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import type { SideView } from './side-view.ts';

/**
 * Stages which of the listings of this pass show exactly what is recorded by now: the next run need not look into a
 * directory whose listings are still those. What the run itself has changed is not as it was listed, and is looked at
 * once more.
 */
export function noteListings(records: Records, views: Readonly<Record<Side, SideView>>): void {
  for (const side of ['local', 'remote'] as const) {
    const view = views[side];
    const entries = byDirectory(view.entries);
    const { frozen } = view.tree;
    const unclear = new Set([...frozen, ...[...frozen].map(parentPath)]);
    for (const [directory, fingerprint] of view.fingerprints) {
      const summary = records.directoryAt(directory);
      if (!summary || !records.isLoaded(summary.id)) continue;
      const isExact =
        !unclear.has(directory) &&
        showsRecords(directory, entries.get(directory) ?? [], records.childrenOf(summary.id), side);
      const holdsIgnored = view.hasIgnoredIn(directory);
      records.setKnownListing(summary.id, side, isExact ? { fingerprint, holdsIgnored } : null);
    }
  }
}

function byDirectory(entries: ReadonlyMap<SyncPath, Entry>): Map<SyncPath, Entry[]> {
  const found = new Map<SyncPath, Entry[]>();
  for (const entry of entries.values()) {
    const directory = parentPath(entry.path);
    const siblings = found.get(directory);
    if (siblings) siblings.push(entry);
    else found.set(directory, [entry]);
  }
  return found;
}

function showsRecords(
  directory: SyncPath,
  entries: readonly Entry[],
  records: readonly PairRecord[],
  side: Side,
): boolean {
  if (entries.length !== records.length) return false;
  const byPath = new Map(records.map((record) => [childPath(directory, record.name), record]));
  return entries.every((entry) => {
    const record = byPath.get(entry.path);
    return (
      record !== undefined &&
      record.kind === entry.kind &&
      record[side].version === entry.version &&
      record[side].identity === entry.identity
    );
  });
}
