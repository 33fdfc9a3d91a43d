import type { Entry } from './model/entry.ts';
import type { FerryError } from './model/errors.ts';
import type { SyncPath } from './model/path.ts';

/** One thing seen by `observe`, or why it could not be seen. */
export type Observation =
  | { readonly type: 'entry'; readonly entry: Entry }
  /** Nothing is inferred about `path` and all below it in this run. */
  | { readonly type: 'problem'; readonly path: SyncPath; readonly error: FerryError };

export interface ObserveOptions {
  readonly signal?: AbortSignal;
  /**
   * Says whether a path is ignored; an ignored directory is not entered. Ignored entries are not yielded, but
   * reported by `onIgnored`, so that a directory holding one is never removed.
   */
  readonly isIgnored?: (path: SyncPath, isDirectory: boolean) => boolean;
  readonly onIgnored?: (path: SyncPath) => void;
  /** For replicas that can tell one state of a directory's listing from another; others do without. */
  readonly listings?: KnownListings;
  /** Only a part is wanted; replicas that observe no parts yield the whole tree all the same. */
  readonly part?: ObservedPart;
}

/** The directories that have to be listed; of all others the caller knows what is in them. */
export interface ObservedPart {
  /** None is below another one, unless a known one is between them. One that is not there any more is a problem. */
  readonly directories: readonly SyncPath[];
  /** Tells whether a directory that is met in a listing is not entered. */
  isKnown(directory: SyncPath): boolean;
}

/**
 * What the caller knows of directories' listings. A listing's fingerprint stands for everything that `observe` would
 * say of what is directly in the directory; equal ones say the same.
 */
export interface KnownListings {
  /**
   * Returns the fingerprint of the listing whose entries the caller knows; undefined: none. If the directory's listing
   * still has it, nothing directly in it is yielded, and the directories in it are entered all the same.
   */
  known(directory: SyncPath): string | undefined;
  /** Hears of a complete listing, at any time before the observation ends. */
  listed(directory: SyncPath, fingerprint: string): void;
}
