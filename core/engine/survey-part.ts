import type { Feed, FeedChange } from '../feed.ts';
import type { Entry } from '../model/entry.ts';
import {
  childPath,
  isPrivateName,
  nameOf,
  parentPath,
  ROOT,
  type SyncPath,
} from '../model/path.ts';
import type { KnownListing } from '../records/directory-table.ts';
import type { PairRecord } from '../records/record.ts';
import { emptySurvey, type Survey, type SurveyOptions, surveyWhole } from './survey.ts';

/** In place of a fingerprint: the side has told what is in the directory, and nobody has listed it. */
export const AS_TOLD = 'as told';
const MANY_DIRECTORIES = 64;

/**
 * Observes a side of which it is known what has changed: a directory of which nothing was said and whose listing is
 * known is as recorded; one in which single entries changed is the records with these entries; all others are listed.
 * @throws FerryError when the root cannot be listed, RECORD_CORRUPT
 */
export async function surveyChanges(
  options: SurveyOptions,
  changes: readonly FeedChange[],
): Promise<Survey> {
  const part = new PartialSurvey(options, true);
  await part.take(changes);
  return part.finish();
}

/** Observes those parts of a side in which something may have changed; everything else counts as it is known. */
export async function surveyHints(
  options: SurveyOptions,
  hints: ReadonlySet<SyncPath>,
): Promise<Survey> {
  const part = new PartialSurvey(options, false);
  for (const path of hints) part.hint(path);
  return part.finish();
}

class PartialSurvey {
  readonly #options: SurveyOptions;
  readonly #survey: Survey;
  /** Recorded directories that have to be listed although their listing is known. */
  readonly #listed = new Set<SyncPath>();
  /** Nothing is known at and below these any more; what is there is met in the listing of the directory above. */
  readonly #dropped = new Set<SyncPath>();
  /** Directories of which the feed has told everything that is directly in them. */
  readonly #told = new Map<SyncPath, readonly Entry[]>();
  /** Directories that were seen in listings and among single changes. */
  readonly #seen = new Set<SyncPath>();

  constructor(options: SurveyOptions, isFollowed: boolean) {
    this.#options = options;
    this.#survey = emptySurvey(isFollowed);
  }

  hint(path: SyncPath): void {
    this.#takeUnclear(path);
  }

  async take(changes: readonly FeedChange[]): Promise<void> {
    const told = changes.filter((change) => change.type === 'listing');
    for (const { directory, entries } of told)
      if (!this.#isHidden(directory)) this.#told.set(directory, entries);
    await this.#loadRecordsOf(changes);
    for (const change of changes) this.#take(change);
    for (const [directory, entries] of this.#told) this.#takeListing(directory, entries);
  }

  async finish(): Promise<Survey> {
    if (this.#isMostlyUnknown())
      return surveyWhole(this.#options, new Set(), this.#survey.isFollowed);
    await this.#list(this.#directoriesToList());
    // Of a directory that was listed, the listing says more than single changes did.
    for (const directory of this.#survey.patches.keys())
      if (!this.#isKnown(directory)) this.#survey.patches.delete(directory);
    this.#noteSeen();
    for (const directory of [...this.#told.keys()].sort()) this.#showTold(directory);
    this.#noteKnown();
    return this.#survey;
  }

  /** Records are needed to tell a side's own changes, which come back, from those of others. */
  async #loadRecordsOf(changes: readonly FeedChange[]): Promise<void> {
    const { records } = this.#options;
    const directories = new Set<SyncPath>();
    for (const change of changes) {
      const path =
        change.type === 'entry' ? change.entry.path : 'path' in change ? change.path : null;
      if (path !== null) directories.add(parentPath(path));
      if (change.type === 'moved') directories.add(parentPath(change.from));
      if (change.type === 'listing') directories.add(change.directory);
    }
    const ids = [...directories].flatMap((path) => records.directoryId(path) ?? []);
    await records.load(ids);
  }

  #take(change: FeedChange): void {
    const { type } = change;
    if (type === 'moved') this.#takeMove(change.from, change.path, change.identity);
    else if (type === 'entry') this.#takeEntry(change.entry);
    else if (type === 'gone') this.#takeGone(change.path);
    else if (type === 'unclear') this.#takeUnclear(change.directory);
    else if (type === 'problem') this.#takeProblem(change);
  }

  #takeUnclear(directory: SyncPath): void {
    if (directory === ROOT) this.#dropped.add(ROOT);
    else this.#doubt(directory);
  }

  #takeProblem(problem: FeedChange & { readonly type: 'problem' }): void {
    if (this.#isHidden(problem.path)) return;
    this.#survey.observations.push(problem);
    this.#dropped.add(problem.path);
    this.#setPatch(problem.path, null);
  }

  /** A move by a run's own hand is recorded already, at both ends; what else happened there is told by itself. */
  #takeMove(from: SyncPath, path: SyncPath, identity: string | undefined): void {
    if (!this.#isHidden(path) && !this.#isRecordedAs(path, identity)) this.#doubt(path);
    // What else is recorded there came later, by a way of which the feed speaks elsewhere.
    const record = this.#recordAt(from);
    if (record === undefined || this.#isHidden(from)) return;
    const recorded = record[this.#options.side].identity;
    const isAnother = identity !== undefined && recorded !== undefined && recorded !== identity;
    if (!isAnother) this.#doubt(from);
  }

  #takeEntry(entry: Entry): void {
    const { path } = entry;
    if (path === ROOT || this.#isHidden(path)) return;
    if (this.#isIgnored(entry)) return;
    if (entry.kind !== 'directory') this.#forgetBelow(path);
    else if (!this.#isRecordedAs(path, entry.identity) && !this.#told.has(path)) this.#doubt(path);
    this.#patch(path, entry);
  }

  #takeGone(path: SyncPath): void {
    if (path === ROOT || this.#isHidden(path)) return;
    const directory = parentPath(path);
    // It may have been the last ignored entry there.
    if (this.#knownListing(directory)?.holdsIgnored) this.#lookInto(directory);
    this.#forgetBelow(path);
    this.#patch(path, null);
  }

  #takeListing(directory: SyncPath, entries: readonly Entry[]): void {
    const { records } = this.#options;
    for (const entry of entries)
      if (entry.kind !== 'directory') this.#forgetBelow(entry.path);
      else if (!this.#isRecordedAs(entry.path, entry.identity) && !this.#told.has(entry.path))
        if (!this.#isHidden(entry.path)) this.#doubt(entry.path);
    const summary = records.directoryAt(directory);
    if (!summary) return;
    const names = new Set(entries.map(({ path }) => nameOf(path)));
    for (const { name } of records.directoriesBelow(summary.id))
      if (!names.has(name)) this.#dropped.add(childPath(directory, name));
  }

  /** Lets the directory above be listed, and everything at and below the path be looked at anew. */
  #doubt(path: SyncPath): void {
    this.#dropped.add(path);
    this.#lookInto(parentPath(path));
  }

  /** Marks the directory to be listed, and those that lead to it from the nearest one that is recorded. */
  #lookInto(directory: SyncPath): void {
    for (let at = directory; ; at = parentPath(at)) {
      this.#listed.add(at);
      if (at === ROOT || this.#options.records.directoryAt(at) !== undefined) return;
    }
  }

  #forgetBelow(path: SyncPath): void {
    if (this.#options.records.directoryAt(path) !== undefined) this.#dropped.add(path);
  }

  #patch(path: SyncPath, entry: Entry | null): void {
    const directory = parentPath(path);
    if (this.#told.has(directory)) return;
    if (this.#options.records.directoryAt(directory) === undefined) {
      this.#lookInto(directory);
      return;
    }
    const isRecorded =
      entry === null ? this.#recordAt(path) === undefined : this.#isAsRecorded(entry);
    if (!isRecorded) this.#setPatch(path, entry);
  }

  #setPatch(path: SyncPath, entry: Entry | null): void {
    const directory = parentPath(path);
    const patches = this.#survey.patches.get(directory);
    if (patches) patches.set(path, entry);
    else this.#survey.patches.set(directory, new Map([[path, entry]]));
  }

  /** Notes an entry that is left out; its directory is listed to see what else may be so there. */
  #isIgnored({ path, kind }: Entry): boolean {
    if (!this.#options.isIgnored(path, kind === 'directory')) return false;
    if (!this.#knownListing(parentPath(path))?.holdsIgnored) this.#lookInto(parentPath(path));
    return true;
  }

  /** Tells whether a path is Ferry's own, or in a directory that is ignored. */
  #isHidden(path: SyncPath): boolean {
    for (let at = path; at !== ROOT; at = parentPath(at)) {
      if (isPrivateName(nameOf(at))) return true;
      if (at !== path && this.#options.isIgnored(at, true)) return true;
    }
    return false;
  }

  #recordAt(path: SyncPath): PairRecord | undefined {
    const { records } = this.#options;
    const id = records.directoryId(parentPath(path));
    return id === undefined || !records.isLoaded(id) ? undefined : records.at(path);
  }

  #isRecordedAs(path: SyncPath, identity: string | undefined): boolean {
    const record = this.#recordAt(path);
    return (
      record?.kind === 'directory' &&
      identity !== undefined &&
      record[this.#options.side].identity === identity
    );
  }

  #isAsRecorded(entry: Entry): boolean {
    const record = this.#recordAt(entry.path);
    const recorded = record?.[this.#options.side];
    return (
      record?.kind === entry.kind &&
      recorded?.version === entry.version &&
      recorded.identity === entry.identity
    );
  }

  #knownListing(directory: SyncPath): KnownListing | null {
    const { records, side } = this.#options;
    return records.directoryAt(directory)?.known[side] ?? null;
  }

  #isDropped(path: SyncPath): boolean {
    if (this.#dropped.size === 0) return false;
    for (let at = path; ; at = parentPath(at)) {
      if (this.#dropped.has(at)) return true;
      if (at === ROOT) return false;
    }
  }

  #isKnown(directory: SyncPath): boolean {
    if (this.#listed.has(directory) || this.#isDropped(directory)) return false;
    return this.#told.has(directory) || this.#knownListing(directory) !== null;
  }

  /** One look at everything costs less than many directories one by one. */
  #isMostlyUnknown(): boolean {
    let [all, unknown] = [0, 0];
    for (const [path] of this.#options.records.allDirectories()) {
      all++;
      if (!this.#isKnown(path)) unknown++;
    }
    return unknown > MANY_DIRECTORIES && unknown * 8 > all;
  }

  /** Returns the recorded directories of which it is not known what is in them, without those that others lead to. */
  #directoriesToList(): readonly SyncPath[] {
    const { records } = this.#options;
    const found: SyncPath[] = [];
    for (const [path] of records.allDirectories()) {
      if (this.#isKnown(path)) continue;
      const isMet = path !== ROOT && (this.#isDropped(path) || !this.#isKnown(parentPath(path)));
      if (!isMet) found.push(path);
    }
    return found;
  }

  /** Takes note of the directories that are there, as far as they were seen. */
  #noteSeen(): void {
    const { observations, patches } = this.#survey;
    for (const one of observations)
      if (one.type === 'entry' && one.entry.kind === 'directory') this.#seen.add(one.entry.path);
    for (const patch of patches.values())
      for (const [path, entry] of patch) if (entry?.kind === 'directory') this.#seen.add(path);
  }

  /** Tells whether a directory is still there, by what was seen of the one above it. */
  #isThere(directory: SyncPath): boolean {
    if (directory === ROOT || this.#seen.has(directory)) return true;
    const above = parentPath(directory);
    const isAboveAsRecorded = this.#isKnown(above) && !this.#told.has(above);
    if (!isAboveAsRecorded || this.#survey.patches.get(above)?.get(directory) === null)
      return false;
    return this.#options.records.directoryAt(directory) !== undefined && this.#isThere(above);
  }

  #showTold(directory: SyncPath): void {
    if (!this.#isKnown(directory) || !this.#isThere(directory)) return;
    const { onSeen, isIgnored } = this.#options;
    const { observations, fingerprints, ignored } = this.#survey;
    const entries = this.#told.get(directory) ?? [];
    for (const entry of entries) {
      const { path, kind } = entry;
      if (isPrivateName(nameOf(path))) continue;
      if (isIgnored(path, kind === 'directory')) ignored.push(path);
      else observations.push({ type: 'entry', entry });
      if (kind === 'directory') this.#seen.add(path);
    }
    fingerprints.set(directory, AS_TOLD);
    onSeen(entries.length);
  }

  async #list(directories: readonly SyncPath[]): Promise<void> {
    if (directories.length === 0) return;
    const { replica, signal, isIgnored, onSeen } = this.#options;
    const { observations, fingerprints, ignored } = this.#survey;
    const batches = replica.observe({
      signal,
      isIgnored,
      onIgnored: (path) => ignored.push(path),
      listings: {
        known: () => undefined,
        listed: (directory, fingerprint) => fingerprints.set(directory, fingerprint),
      },
      part: { directories, isKnown: (directory) => this.#isKnown(directory) },
    });
    for await (const batch of batches) {
      for (const observation of batch) observations.push(observation);
      onSeen(batch.length);
    }
  }

  #noteKnown(): void {
    const { records, onSeen } = this.#options;
    const { asRecorded, fingerprints, patches } = this.#survey;
    for (const [path, { entries }] of records.allDirectories()) {
      const listing = this.#knownListing(path);
      if (listing === null || !this.#isKnown(path) || this.#told.has(path)) continue;
      if (!this.#isThere(path)) continue;
      onSeen(entries);
      fingerprints.set(path, patches.has(path) ? AS_TOLD : listing.fingerprint);
      if (!patches.has(path)) asRecorded.add(path);
    }
  }
}

/** Tells whether a feed says what has changed. */
export function saysChanges(
  feed: Feed | undefined,
): feed is Feed & { changes: readonly FeedChange[] } {
  return feed !== undefined && feed.changes !== null;
}
