import type { Entry, Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';
import type { KnownListings, Observation } from '../observation.ts';
import type { Replica } from '../ports.ts';
import type { Records } from '../records/records.ts';
import type { IsIgnored } from './ignore-rules.ts';

/** What one side said, before the records are there that it is compared with. */
export interface Survey {
  readonly observations: Observation[];
  readonly ignored: SyncPath[];
  /** Fingerprints of complete listings, or what stands for one where the side was not listed. */
  readonly fingerprints: Map<SyncPath, string>;
  /** Directories of which it is known that they are what is recorded; their entries were not yielded. */
  readonly asRecorded: Set<SyncPath>;
  /** What is otherwise than recorded, or may be, in directories that are as recorded apart from that; null: nothing is there. */
  readonly patches: Map<SyncPath, Map<SyncPath, Entry | null>>;
  /** The side has a change feed: what is known of its listings is as of the cursor in the records. */
  readonly isFollowed: boolean;
}

export interface SurveyOptions {
  readonly side: Side;
  readonly replica: Replica;
  readonly records: Records;
  readonly isIgnored: IsIgnored;
  readonly signal: AbortSignal;
  readonly onSeen: (count: number) => void;
}

/** Returns a survey in which nothing was said yet. */
export function emptySurvey(isFollowed: boolean): Survey {
  return {
    observations: [],
    ignored: [],
    fingerprints: new Map(),
    asRecorded: new Set(),
    patches: new Map(),
    isFollowed,
  };
}

/** Observes the whole of a side; directories in `alwaysOpen` with everything that is in them (null: all directories). */
export async function surveyWhole(
  { side, replica, records, isIgnored, signal, onSeen }: SurveyOptions,
  alwaysOpen: ReadonlySet<SyncPath> | null,
  isFollowed: boolean,
): Promise<Survey> {
  const survey = emptySurvey(isFollowed);
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
  const onIgnored = (path: SyncPath): unknown => survey.ignored.push(path);
  for await (const batch of replica.observe({ signal, isIgnored, onIgnored, listings })) {
    for (const observation of batch) survey.observations.push(observation);
    onSeen(batch.length);
  }
  return survey;
}
