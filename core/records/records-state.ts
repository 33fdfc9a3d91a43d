import type { Cursor } from '../feed.ts';
import type { Direction, Side } from '../model/entry.ts';
import { FerryError } from '../model/errors.ts';
import { DigestSum, type RecordsDigest } from './digest.ts';

/** Version of the layout in the store; a newer one is refused, never migrated down. */
export const SCHEMA_VERSION = 2;

/** How far a side's change feed was followed: the known listings of that side are as of this cursor. */
export interface FollowedFeed {
  readonly cursor: Cursor;
  readonly epoch: string;
  /** When the side was last looked at without the feed, in ms since 1970. */
  readonly wholeAtMs: number;
  /** The feed began anew, and what is missing since is not taken for deleted until somebody says so. */
  readonly doubtsDeletions?: true;
}

/** What is kept about the pair as a whole. */
export interface RecordsState {
  readonly schema: number;
  readonly nextId: number;
  /** Grows with every commit. */
  readonly sequence: number;
  /** Counts resets. */
  readonly generation: number;
  /** A reset has begun and not everything is transferred yet: nothing is ever deleted meanwhile. */
  readonly resetting: boolean;
  /** What the pair did when the records were last written; absent in records of earlier versions. */
  readonly direction?: Direction;
  readonly feeds?: Partial<Record<Side, FollowedFeed>>;
  /** Sum of the numbers of the commits in which the rows of directories were written last: none of them is lost. */
  readonly stamps?: number;
  /** Names the rules by which the known listings of directories were judged. */
  readonly listingRules?: string;
  /** Identities of the two roots that the records were made with. */
  readonly roots: { readonly local: string | null; readonly remote: string | null };
  /** Over the records of all directories. */
  readonly digest: RecordsDigest;
  /** Number of recorded directories. */
  readonly directories: number;
}

/** What is set by others than the records themselves. */
export type StateChange = Partial<
  Pick<RecordsState, 'roots' | 'resetting' | 'generation' | 'direction' | 'listingRules' | 'feeds'>
>;

/** The state of a store in which nothing was written yet. */
export const EMPTY_STATE: RecordsState = {
  schema: SCHEMA_VERSION,
  nextId: 1,
  sequence: 0,
  generation: 0,
  resetting: false,
  roots: { local: null, remote: null },
  digest: new DigestSum().digest,
  directories: 0,
};

/** Returns the state in a row. @throws RECORD_CORRUPT, RECORD_SCHEMA_NEWER */
export function parseState(text: string): RecordsState {
  let state: RecordsState;
  try {
    state = JSON.parse(text);
  } catch (error) {
    throw new FerryError('RECORD_CORRUPT', 'the state of the sync records is unreadable', {
      cause: error,
    });
  }
  if (state.schema > SCHEMA_VERSION)
    throw new FerryError(
      'RECORD_SCHEMA_NEWER',
      `the sync records have layout ${state.schema}, this ferry knows ${SCHEMA_VERSION}: use the newer ferry, or reset the pair`,
    );
  return state;
}
