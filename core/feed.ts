import type { Entry } from './model/entry.ts';
import type { FerryError } from './model/errors.ts';
import type { SyncPath } from './model/path.ts';

/** A point in the sequence of a side's changes; opaque, and of a meaning only to the side that gave it. */
export type Cursor = string & { readonly __brand: 'Cursor' };

/** One thing that a side says about what has changed; it speaks of the present state, not of what happened. */
export type FeedChange =
  /** It is there, new or changed; of a directory nothing is said about what is in it. */
  | { readonly type: 'entry'; readonly entry: Entry }
  /** All that is directly in the directory. */
  | {
      readonly type: 'listing';
      readonly directory: SyncPath;
      readonly entries: readonly Entry[];
    }
  /** Nothing is there, nor below it. */
  | { readonly type: 'gone'; readonly path: SyncPath }
  /** The directory, with all that was in it, went from one path to another; these come before all others, in their order. */
  | {
      readonly type: 'moved';
      readonly from: SyncPath;
      readonly path: SyncPath;
      readonly identity?: string;
    }
  /** Something changed at and below the directory, and it cannot be said what: it has to be listed. */
  | { readonly type: 'unclear'; readonly directory: SyncPath }
  /** It could not be looked at. */
  | { readonly type: 'problem'; readonly path: SyncPath; readonly error: FerryError };

/**
 * Where the sequence of a side's changes is, and what has changed since a cursor. Everything that happened before this
 * answer was asked for is at or before its cursor or in its changes; what happens later is after it.
 */
export interface Feed {
  readonly cursor: Cursor;
  /** Another one when the sequence has begun anew, as after a backup was restored. */
  readonly epoch: string;
  /** Null: there was no cursor, or it cannot be followed; nothing is known of what has changed. */
  readonly changes: readonly FeedChange[] | null;
}
