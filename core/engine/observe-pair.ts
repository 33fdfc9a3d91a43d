import type { ContentHash, Side } from '../model/entry.ts';
import { FerryError, throwIfAborted } from '../model/errors.ts';
import { childPath, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { KnownListings, Observation, Replica } from '../ports.ts';
import type { KnownListing } from '../records/directory-table.ts';
import { entryFromRecord, type PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { sharedSignal } from '../transfer/shared-signal.ts';
import type { IsIgnored } from './ignore-rules.ts';
import { SideView } from './side-view.ts';

/** Both sides as observed in one pass, as far as they differ from the records, or may. */
export interface PairView {
  readonly views: Readonly<Record<Side, SideView>>;
  /** Ids of the recorded directories that were looked into; their records are loaded. Parents come first. */
  readonly directories: ReadonlyMap<SyncPath, number>;
}

export interface ObservePairOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly isIgnored: IsIgnored;
  /** Contents looked at before, by path and version. */
  readonly knownHash: (side: Side, path: SyncPath, version: string) => ContentHash | undefined;
  /** Every entry is wanted, whatever is known. */
  readonly wholly: boolean;
  readonly signal: AbortSignal;
  readonly onSeen: (count: number) => void;
}

const SIDES = ['local', 'remote'] as const;

/** What one side said, before the records are there that it is compared with. */
interface Survey {
  readonly observations: Observation[];
  readonly ignored: SyncPath[];
  /** Fingerprints of complete listings. */
  readonly fingerprints: Map<SyncPath, string>;
  /** Directories whose listing is the one that shows what is recorded; their entries were not yielded. */
  readonly asRecorded: Set<SyncPath>;
}

/**
 * Observes both sides and compares them with the records, directory by directory: where both listings are the ones that
 * were known to show what is recorded, nothing is kept in memory and no record is read. All other directories, and those
 * above them, are looked into with everything that is in them.
 * @throws FerryError when a root cannot be listed, RECORD_CORRUPT
 */
export async function observePair(options: ObservePairOptions): Promise<PairView> {
  const surveys = await surveyBoth(options);
  const { records } = options;
  const found = { open: new Map<SyncPath, number>(), quietEntries: 0 };
  collectOpen(records, surveys, { path: ROOT, id: 0 }, found);
  await records.load(found.open.values());
  const open: Open = { ...found, open: new Map([...found.open].reverse()) };
  const recordsByPath = recordsIn(records, open.open);
  const view = (side: Side): SideView =>
    viewOf(side, surveys[side], { open, recordsByPath }, options);
  return { views: { local: view('local'), remote: view('remote') }, directories: open.open };
}

/** Directories that are looked into, and the number of recorded entries in all others. */
interface Open {
  readonly open: Map<SyncPath, number>;
  quietEntries: number;
}

/** Returns directories into which a run must look although nothing in them has changed. */
function alwaysLookedInto(records: Records): ReadonlySet<SyncPath> {
  // Of a conflict it must be seen whether both of its versions are still there.
  return new Set(
    records.conflicts().flatMap(({ path, copyPath }) => [parentPath(path), parentPath(copyPath)]),
  );
}

async function surveyBoth(options: ObservePairOptions): Promise<Record<Side, Survey>> {
  const alwaysOpen = options.wholly ? null : alwaysLookedInto(options.records);
  const failed = new AbortController();
  const signal = sharedSignal(options.signal, failed.signal);
  const surveys = SIDES.map((side) => surveySide(side, alwaysOpen, { ...options, signal }));
  const failures: unknown[] = [];
  const stopping = (error: unknown): void => {
    failures.push(error);
    failed.abort();
  };
  // Both have ended before this one does, also when one fails: the next run must find nobody at work.
  await Promise.allSettled(surveys.map((one) => one.catch(stopping)));
  throwIfAborted(options.signal);
  // The other one may have failed only because it was cancelled.
  if (failures.length > 0) throw failures[0];
  const [local, remote] = await Promise.all(surveys);
  return { local, remote } as Record<Side, Survey>;
}

async function surveySide(
  side: Side,
  alwaysOpen: ReadonlySet<SyncPath> | null,
  { replicas, records, isIgnored, signal, onSeen }: ObservePairOptions,
): Promise<Survey> {
  const survey: Survey = {
    observations: [],
    ignored: [],
    fingerprints: new Map(),
    asRecorded: new Set(),
  };
  const known = (directory: SyncPath): string | undefined =>
    alwaysOpen === null || alwaysOpen.has(directory)
      ? undefined
      : records.directoryAt(directory)?.known[side]?.fingerprint;
  const listings: KnownListings = {
    known,
    listed(directory, fingerprint) {
      survey.fingerprints.set(directory, fingerprint);
      if (known(directory) !== fingerprint) return;
      survey.asRecorded.add(directory);
      onSeen(records.directoryAt(directory)?.entries ?? 0);
    },
  };
  const batches = replicas[side].observe({
    signal,
    isIgnored,
    onIgnored: (path) => survey.ignored.push(path),
    listings,
  });
  for await (const batch of batches) {
    for (const observation of batch) survey.observations.push(observation);
    onSeen(batch.length);
  }
  return survey;
}

/**
 * Finds the recorded directories at and below one that are not as recorded on both sides, or that hold such; returns
 * whether there is any. Counts the entries of the others.
 */
function collectOpen(
  records: Records,
  surveys: Readonly<Record<Side, Survey>>,
  at: { readonly path: SyncPath; readonly id: number },
  found: Open,
): boolean {
  let isOpen = SIDES.some((side) => !surveys[side].asRecorded.has(at.path));
  for (const { id, name } of records.directoriesBelow(at.id)) {
    const path = childPath(at.path, name);
    if (collectOpen(records, surveys, { path, id }, found)) isOpen = true;
  }
  if (isOpen) found.open.set(at.path, at.id);
  else found.quietEntries += records.directoryAt(at.path)?.entries ?? 0;
  return isOpen;
}

function recordsIn(
  records: Records,
  open: ReadonlyMap<SyncPath, number>,
): ReadonlyMap<SyncPath, PairRecord> {
  const byPath = new Map<SyncPath, PairRecord>();
  for (const [directory, id] of open)
    for (const record of records.childrenOf(id))
      byPath.set(childPath(directory, record.name), record);
  return byPath;
}

function viewOf(
  side: Side,
  survey: Survey,
  { open, recordsByPath }: { open: Open; recordsByPath: ReadonlyMap<SyncPath, PairRecord> },
  { replicas, records, knownHash }: ObservePairOptions,
): SideView {
  const other = side === 'local' ? 'remote' : 'local';
  const view = new SideView({
    side,
    recordsByPath,
    ownCapabilities: replicas[side].capabilities,
    otherCapabilities: replicas[other].capabilities,
    knownHash: (path, version) => knownHash(side, path, version),
    // A reset compares bytes that were transferred, not hashes that were announced.
    ignoresAnnouncedHashes: records.state.resetting,
    fingerprints: survey.fingerprints,
    quietEntries: open.quietEntries,
  });
  for (const directory of open.open.keys()) {
    if (!survey.asRecorded.has(directory)) continue;
    view.add(entriesFromRecords(records, directory, side));
    const listing: KnownListing | null = records.directoryAt(directory)?.known[side] ?? null;
    if (listing?.holdsIgnored) view.noteIgnoredIn(directory);
  }
  view.add(survey.observations);
  for (const directory of leftOut(survey, open.open.keys()))
    view.freeze(
      directory,
      new FerryError(
        side === 'local' ? 'LOCAL_IO' : 'REMOTE_PROTOCOL',
        `${directory}: it was not listed, although it is in a listing; it is looked at again in the next run`,
        { path: directory },
      ),
    );
  for (const path of survey.ignored) view.noteIgnored(path);
  view.finish();
  return view;
}

/**
 * Returns the directories of which the side said nothing, although the listing above them is as recorded: they went away
 * in between, or the side has left them out. What was in them is not deleted for that.
 */
function leftOut(survey: Survey, directories: Iterable<SyncPath>): readonly SyncPath[] {
  const unheard = [...directories].filter(
    (path) =>
      path !== ROOT && !survey.fingerprints.has(path) && survey.asRecorded.has(parentPath(path)),
  );
  if (unheard.length === 0) return [];
  const heard = new Set<SyncPath>(survey.ignored.map(parentPath));
  for (const one of survey.observations)
    if (one.type === 'entry') heard.add(parentPath(one.entry.path));
    else heard.add(one.path).add(parentPath(one.path));
  return unheard.filter((path) => !heard.has(path));
}

function entriesFromRecords(records: Records, directory: SyncPath, side: Side): Observation[] {
  const id = records.directoryId(directory);
  if (id === undefined) return [];
  return records.childrenOf(id).map((record): Observation => {
    const path = childPath(directory, record.name);
    return { type: 'entry', entry: entryFromRecord(record, side, path) };
  });
}
