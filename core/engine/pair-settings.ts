import type { Direction } from '../model/entry.ts';

/** Everything about a pair that a run obeys. */
export interface PairSettings {
  readonly name: string;
  readonly direction: Direction;
  readonly deletes: 'propagate' | 'keep';
  readonly mirror: boolean;
  /** gitignore patterns, or `re:` and a regular expression over the path. */
  readonly ignore: readonly string[];
  /** The part of a side's recorded entries (0..1) that one run may delete without being asked. */
  readonly maxDeleteFraction: number;
  /** One-way: equal size and time are proof of equal content in an initial run. */
  readonly trustTimes: boolean;
  /** Names conflict copies. */
  readonly deviceName: string;
  /** A file that must be in the local root, with content that matches the pattern if there is one. */
  readonly guardFile?: { readonly path: string; readonly pattern?: string };
  /** Upper bound for each direction, in bytes per second; absent: none. */
  readonly bandwidthBytesPerS?: number;
}
