import type { Feed } from '../feed.ts';
import type { ContentHash, Entry, Side } from '../model/entry.ts';
import { FerryError, throwIfAborted } from '../model/errors.ts';
import { childPath, parentPath, ROOT, type SyncPath } from '../model/path.ts';
import type { Observation } from '../observation.ts';
import type { Replica } from '../ports.ts';
import type { KnownListing } from '../records/directory-table.ts';
import { entryFromRecord, type PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { sharedSignal } from '../transfer/shared-signal.ts';
import type { IsIgnored } from './ignore-rules.ts';
import { SideView } from './side-view.ts';
import { type Survey, surveyWhole } from './survey.ts';
import { saysChanges, surveyChanges, surveyHints } from './survey-part.ts';

/** Both sides as observed in one pass, as far as they differ from the records, or may. */
export interface PairView {
  readonly views: Readonly<Record<Side, SideView>>;
  /** Ids of the recorded directories that were looked into; their records are loaded. Parents come first. */
  readonly directories: ReadonlyMap<SyncPath, number>;
}

/** What is known of a side before it is observed, so that it need not be looked at as a whole. */
export interface SideHints {
  /** What its feed has told; of a feed that could not say what has changed everything has to be observed. */
  readonly feed?: Feed;
  /** Without a feed: only what may have changed; everything else is taken for as it was. */
  readonly paths?: ReadonlySet<SyncPath>;
}

export interface ObservePairOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly isIgnored: IsIgnored;
  /** Contents looked at before, by path and version. */
  readonly knownHash: (side: Side, path: SyncPath, version: string) => ContentHash | undefined;
  /** Every entry is wanted, whatever is known. */
  readonly wholly: boolean;
  readonly hints?: Readonly<Record<Side, SideHints>>;
  readonly signal: AbortSignal;
  readonly onSeen: (count: number) => void;
}

const SIDES = ['local', 'remote'] as const;

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
  const alwaysOpen = alwaysLookedInto(records);
  collectOpen({ records, surveys, alwaysOpen }, { path: ROOT, id: 0 }, found);
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

function surveySide(
  side: Side,
  alwaysOpen: ReadonlySet<SyncPath> | null,
  { replicas, records, isIgnored, signal, onSeen, hints }: ObservePairOptions,
): Promise<Survey> {
  const options = { side, replica: replicas[side], records, isIgnored, signal, onSeen };
  const { feed, paths } = hints?.[side] ?? {};
  if (alwaysOpen !== null && saysChanges(feed)) return surveyChanges(options, feed.changes);
  if (alwaysOpen !== null && paths !== undefined) return surveyHints(options, paths);
  return surveyWhole(options, alwaysOpen, feed !== undefined);
}

/**
 * Finds the recorded directories at and below one that are not as recorded on both sides, or that hold such; returns
 * whether there is any. Counts the entries of the others.
 */
function collectOpen(
  given: {
    readonly records: Records;
    readonly surveys: Readonly<Record<Side, Survey>>;
    readonly alwaysOpen: ReadonlySet<SyncPath>;
  },
  at: { readonly path: SyncPath; readonly id: number },
  found: Open,
): boolean {
  const { records, surveys, alwaysOpen } = given;
  let isOpen =
    alwaysOpen.has(at.path) || SIDES.some((side) => !surveys[side].asRecorded.has(at.path));
  for (const { id, name } of records.directoriesBelow(at.id)) {
    const path = childPath(at.path, name);
    if (collectOpen(given, { path, id }, found)) isOpen = true;
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
    // Nothing is known of the entries in directories that are not looked into.
    fingerprints: new Map(
      [...survey.fingerprints].filter(
        ([directory]) => open.open.has(directory) || !survey.asRecorded.has(directory),
      ),
    ),
    isFollowed: survey.isFollowed,
    quietEntries: open.quietEntries,
  });
  for (const directory of open.open.keys()) {
    const patches = survey.patches.get(directory);
    if (!patches && !survey.asRecorded.has(directory)) continue;
    view.add(entriesFromRecords(records, { directory, side, patches }));
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

function entriesFromRecords(
  records: Records,
  from: {
    readonly directory: SyncPath;
    readonly side: Side;
    readonly patches: ReadonlyMap<SyncPath, Entry | null> | undefined;
  },
): Observation[] {
  const { directory, side, patches = new Map<SyncPath, Entry | null>() } = from;
  const id = records.directoryId(directory);
  const entries: Entry[] = [];
  for (const record of id === undefined ? [] : records.childrenOf(id)) {
    const path = childPath(directory, record.name);
    if (!patches.has(path)) entries.push(entryFromRecord(record, side, path));
  }
  for (const entry of patches.values()) if (entry !== null) entries.push(entry);
  return entries.map((entry): Observation => ({ type: 'entry', entry }));
}
