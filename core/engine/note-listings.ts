import { type Entry, otherSide, type Side } from '../model/entry.ts';
import { childPath, isAtOrBelow, nameOf, parentPath, type SyncPath } from '../model/path.ts';
import type { PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import type { OwnChanges, OwnChangesOfBoth } from './own-changes.ts';
import type { SideView } from './side-view.ts';
import { AS_TOLD } from './survey-part.ts';

export interface NoteListingsOptions {
  readonly records: Records;
  readonly views: Readonly<Record<Side, SideView>>;
  /** Recorded directories that were looked into. */
  readonly directories: Iterable<SyncPath>;
  readonly own: OwnChangesOfBoth;
}

/**
 * Stages which of the listings of this pass show exactly what is recorded by now: the next run need not look into a
 * directory whose listings are still those. What the run itself has changed is not as it was listed, and is looked at
 * once more; on a side with a change feed it is not, since the feed will tell of it. There, whatever was looked into and
 * is not exactly as recorded must not stay known: the feed will not speak of it again.
 */
export function noteListings(options: NoteListingsOptions): void {
  for (const side of ['local', 'remote'] as const) {
    noteSide(side, options);
    noteMoved(side, options);
  }
}

/**
 * A directory that a run has moved is what it was, under another path. Where the other side shows that nothing in it is
 * ignored there, it stays known: the feed tells what else happens in it.
 */
function noteMoved(side: Side, { records, views, own }: NoteListingsOptions): void {
  const [view, other] = [views[side], views[otherSide(side)]];
  if (!view.isFollowed) return;
  const moves = own[side].moves
    .filter(({ to }) => records.directoryAt(to) !== undefined)
    .filter((move) => own[side].isPlain(move));
  if (moves.length === 0) return;
  const entries = byDirectory(view.entries);
  for (const { from, to } of moves) {
    for (const { id, path } of directoriesAt(records, to)) {
      const before = `${from}${path.slice(to.length)}` as SyncPath;
      const isClear =
        view.fingerprints.has(before) &&
        !view.hasIgnoredIn(before) &&
        !isFrozen(view, before) &&
        !own[side].hasFailed(before) &&
        !own[side].hasFailed(path) &&
        other.fingerprints.has(path) &&
        !other.hasIgnoredIn(path) &&
        !isFrozen(other, path);
      if (!isClear || !records.isLoaded(id)) continue;
      const isExact = showsRecords({
        directory: before,
        entries: entries.get(before) ?? [],
        records: records.childrenOf(id),
        side,
        except: new Set([...own[side].in(path)].map((one) => childPath(before, nameOf(one)))),
      });
      if (isExact) records.setKnownListing(id, side, { fingerprint: AS_TOLD, holdsIgnored: false });
    }
  }
}

function isFrozen({ tree }: SideView, directory: SyncPath): boolean {
  for (const path of tree.frozen)
    if (isAtOrBelow(path, directory) || isAtOrBelow(directory, path)) return true;
  return false;
}

/** Yields the recorded directories at and below the path. */
function* directoriesAt(
  records: Records,
  path: SyncPath,
): Iterable<{ readonly id: number; readonly path: SyncPath }> {
  const summary = records.directoryAt(path);
  if (!summary) return;
  yield { id: summary.id, path };
  for (const { name } of records.directoriesBelow(summary.id))
    yield* directoriesAt(records, childPath(path, name));
}

function noteSide(side: Side, { records, views, directories, own }: NoteListingsOptions): void {
  const view = views[side];
  const entries = byDirectory(view.entries);
  const { frozen } = view.tree;
  const unclear = new Set([...frozen, ...[...frozen].map(parentPath)]);
  const changes = view.isFollowed ? own[side] : null;
  const judged = new Set(view.fingerprints.keys());
  if (changes) for (const path of [...directories, ...changes.made]) judged.add(path);
  for (const directory of judged) {
    const summary = records.directoryAt(directory);
    if (!summary || !records.isLoaded(summary.id)) continue;
    const fingerprint = fingerprintOf(directory, view, changes);
    const isExact =
      fingerprint !== null &&
      !unclear.has(directory) &&
      !changes?.isDoubtful(directory) &&
      showsRecords({
        directory,
        entries: entries.get(directory) ?? [],
        records: records.childrenOf(summary.id),
        side,
        except: changes?.in(directory) ?? new Set(),
      });
    const holdsIgnored = view.hasIgnoredIn(directory);
    records.setKnownListing(summary.id, side, isExact ? { fingerprint, holdsIgnored } : null);
  }
}

/** Returns what names the state of a directory as it is by now; null when it was not observed. */
function fingerprintOf(
  directory: SyncPath,
  view: SideView,
  changes: OwnChanges | null,
): string | null {
  const fingerprint = view.fingerprints.get(directory);
  if (changes === null) return fingerprint ?? null;
  if (fingerprint !== undefined && changes.in(directory).size === 0) return fingerprint;
  return fingerprint !== undefined || changes.hasMade(directory) ? AS_TOLD : null;
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

interface Shown {
  readonly directory: SyncPath;
  readonly entries: readonly Entry[];
  readonly records: readonly PairRecord[];
  readonly side: Side;
  /** Paths of which something else will tell. */
  readonly except: ReadonlySet<SyncPath>;
}

function showsRecords({ directory, entries, records, side, except }: Shown): boolean {
  const byPath = new Map<SyncPath, PairRecord>();
  for (const record of records) {
    const path = childPath(directory, record.name);
    if (!except.has(path)) byPath.set(path, record);
  }
  const others = except.size === 0 ? entries : entries.filter(({ path }) => !except.has(path));
  if (others.length !== byPath.size) return false;
  return others.every((entry) => {
    const record = byPath.get(entry.path);
    return (
      record !== undefined &&
      record.kind === entry.kind &&
      record[side].version === entry.version &&
      record[side].identity === entry.identity
    );
  });
}
