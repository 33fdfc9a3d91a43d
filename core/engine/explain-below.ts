import type { Entry, Side } from '../model/entry.ts';
import { isAtOrBelow, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { type EntryState, type Judged, judge, lookOf, type Obeys } from './entry-state.ts';
import type { IsIgnored } from './ignore-rules.ts';
import { type KnownProblem, problemFor, wordsOf } from './known-problems.ts';

/** More are counted only. */
const MAX_NOTABLE = 50;

/** The entries in a directory, by what they are to the pair. */
export interface Below {
  readonly counts: Readonly<Partial<Record<EntryState, number>>>;
  /** Those that are not simply in sync or ignored, the first of them by path. */
  readonly notable: readonly (Judged & { readonly path: SyncPath })[];
}

export interface ExplainBelowOptions {
  readonly records: Records;
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly settings: Obeys;
  readonly isIgnored: IsIgnored;
  readonly problems: readonly KnownProblem[];
  readonly signal: AbortSignal;
}

/** Looks at everything below a directory on both sides. A side that cannot be listed is left out of the judgement. */
export async function explainBelow(
  directory: SyncPath,
  options: ExplainBelowOptions,
): Promise<Below> {
  const { records, settings, problems } = options;
  const local = await entriesBelow('local', directory, options);
  const remote = await entriesBelow('remote', directory, options);
  const recorded = new Map<SyncPath, PairRecord>();
  for await (const [path, record] of records.below(directory)) recorded.set(path, record);
  const conflicted = new Set(records.conflicts().flatMap(({ path, copyPath }) => [path, copyPath]));
  const judgeAt = (path: SyncPath): Judged => {
    const problem = problemFor(problems, path);
    if (problem)
      return problem.path === path
        ? { state: 'problem', text: wordsOf(problem) }
        : { state: 'frozen', text: `left alone because of ${problem.path}` };
    if (conflicted.has(path)) return { state: 'conflict', text: 'changed on both sides' };
    const record = recorded.get(path);
    const looks = {
      local: lookOf(local.entries && (local.entries.get(path) ?? null), record, 'local'),
      remote: lookOf(remote.entries && (remote.entries.get(path) ?? null), record, 'remote'),
    };
    return judge(looks, record !== undefined, settings);
  };
  const paths = new Set<SyncPath>([
    ...recorded.keys(),
    ...(local.entries?.keys() ?? []),
    ...(remote.entries?.keys() ?? []),
    // What cannot be an entry (a pipe, a name that is too long) is in no listing.
    ...problems.flatMap(({ path }) =>
      path !== directory && isAtOrBelow(path, directory) ? [path] : [],
    ),
  ]);
  // A name that cannot be synced is left out of the listing, too, but with a reason to tell.
  const ignored = new Set(
    [...local.ignored, ...remote.ignored].filter((path) => !problemFor(problems, path)),
  );
  for (const path of ignored) paths.delete(path);
  const counts: Partial<Record<EntryState, number>> = {};
  const notable: (Judged & { readonly path: SyncPath })[] = [];
  if (ignored.size > 0) counts.ignored = ignored.size;
  for (const path of [...paths].sort()) {
    const judged = judgeAt(path);
    counts[judged.state] = (counts[judged.state] ?? 0) + 1;
    if (judged.state !== 'in-sync' && notable.length < MAX_NOTABLE)
      notable.push({ path, ...judged });
  }
  return { counts, notable };
}

interface SeenBelow {
  /** Undefined: the side could not be listed. */
  readonly entries: ReadonlyMap<SyncPath, Entry> | undefined;
  readonly ignored: ReadonlySet<SyncPath>;
}

async function entriesBelow(
  side: Side,
  directory: SyncPath,
  { replicas, isIgnored, signal }: ExplainBelowOptions,
): Promise<SeenBelow> {
  const entries = new Map<SyncPath, Entry>();
  const ignored = new Set<SyncPath>();
  const onIgnored = (path: SyncPath): void => {
    if (isAtOrBelow(path, directory)) ignored.add(path);
  };
  // What leads there must be entered, and nothing beside it.
  const isElsewhere = (path: string): boolean =>
    !isAtOrBelow(path as SyncPath, directory) && !isAtOrBelow(directory, path as SyncPath);
  try {
    const batches = replicas[side].observe({
      signal,
      isIgnored: (path, isDirectory) => isElsewhere(path) || isIgnored(path, isDirectory),
      onIgnored,
    });
    for await (const batch of batches)
      for (const observation of batch) {
        if (observation.type === 'problem') continue;
        const { entry } = observation;
        if (entry.path !== directory && isAtOrBelow(entry.path, directory))
          entries.set(entry.path, entry);
      }
    return { entries, ignored };
  } catch {
    return { entries: undefined, ignored }; // said of the directory itself: it could not be asked
  }
}
