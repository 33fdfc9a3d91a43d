import type { Direction, EntryKind, Side } from '../model/entry.ts';
import type { SyncPath } from '../model/path.ts';

/**
 * Stands for one content: equal tokens are equal content, different tokens different content. Null: the content
 * differs in version from the record and has not been looked at. (A symlink's token names its target; a
 * directory's is always the empty string.)
 */
export type ContentToken = string;

/** One recorded node: what both sides agreed on. Ids are positive; 0 is the root's. */
export interface BaseNode {
  readonly id: number;
  readonly parentId: number;
  readonly name: string;
  readonly kind: EntryKind;
  readonly content: ContentToken;
  readonly sizeBytes: number;
  /** The identity that each side gave the node when it was recorded. */
  readonly identity: { readonly local?: string; readonly remote?: string };
}

/** One node that a side was seen to hold. */
export interface SideNode {
  readonly path: SyncPath;
  readonly kind: EntryKind;
  readonly content: ContentToken | null;
  readonly sizeBytes: number;
  /** Time or mode differs from the record's; content does not decide this. False where nothing is recorded. */
  readonly metadataChanged: boolean;
  readonly identity?: string;
  /** A file whose content only the other side has: it cannot be sent there. */
  readonly isPlaceholder?: boolean;
  /** A directory that holds ignored entries; it can be moved but not removed. */
  readonly holdsIgnored?: boolean;
}

export interface SideTree {
  /** Every observed node by path, without the root; a node's directories are in it too. */
  readonly nodes: ReadonlyMap<SyncPath, SideNode>;
  /** Nothing is known at and below these paths: no operation on either side touches what is recorded there. */
  readonly frozen: ReadonlySet<SyncPath>;
  /** The side sees no difference between upper and lower case, or between forms of a letter. */
  readonly foldsNames?: boolean;
}

export interface Policy {
  /**
   * `propagate`: deletions travel. `keep`: nothing is ever removed on a destination because the source lost it.
   * `hold`: as `keep`, but the record stays, so that a later run decides (while a reset is incomplete).
   */
  readonly deletes: 'propagate' | 'keep' | 'hold';
  /** One-way only: makes the destination identical to the master. */
  readonly mirror: boolean;
  /** Reset: equal content is transferred again from the master where the plan would only adopt it. */
  readonly transferEqual: boolean;
  /** Names conflict copies: device that made the local version, and the local time as `YYYY-MM-DD HH-MM-SS`. */
  readonly device: string;
  readonly timestamp: string;
}

export interface ReconcileInput {
  readonly base: readonly BaseNode[];
  readonly local: SideTree;
  readonly remote: SideTree;
  readonly direction: Direction;
  readonly policy: Policy;
}

/** Why a node ends as it does: the change on each side and the rule that decided. */
export interface Reason {
  readonly local: Change;
  readonly remote: Change;
  readonly rule: string;
}

export type Change =
  | 'none'
  | 'new'
  | 'modified'
  | 'deleted'
  | 'moved'
  | 'moved-and-modified'
  | 'unknown';

/** How one node (a file, link or directory) ends on both sides. */
export interface PlannedNode {
  /** Unique in the plan. */
  readonly key: number;
  /** The record it continues; null for a node that has none yet. */
  readonly baseId: number | null;
  readonly kind: EntryKind;
  /** Where it is before and after the run on each side; null: not there. */
  readonly local: Placement;
  readonly remote: Placement;
  /** Which side receives the other's content (or link target); `none` when both have it or only one shall. */
  readonly content: 'to-local' | 'to-remote' | 'none';
  /** Which side receives the other's time and mode, where no content travels. */
  readonly metadata: 'to-local' | 'to-remote' | 'none';
  /** What becomes of the record: written with both sides' new state, left as it is, or removed. */
  readonly record: 'write' | 'keep' | 'drop';
  /** `adopt`: both sides are equal already, only the record is written. */
  readonly adopts: boolean;
  readonly reason: Reason;
  /** Set on the node of a conflict copy: what it is a copy of and which side made it. */
  readonly conflictOf?: { readonly path: SyncPath; readonly from: Side };
}

export interface Placement {
  readonly from: SyncPath | null;
  readonly to: SyncPath | null;
}

/**
 * One step on one side. Steps run in the order given; every path is the one valid at that moment, after all the
 * steps before it. A step whose node or directory failed earlier must be left out by whoever runs them.
 */
export type Operation =
  /** Puts a mover aside under a temporary name in the root. */
  | { readonly op: 'park'; readonly key: number; readonly from: SyncPath; readonly to: SyncPath }
  | {
      readonly op: 'remove';
      readonly key: number;
      readonly path: SyncPath;
      readonly kind: EntryKind;
    }
  | { readonly op: 'make-directory'; readonly key: number; readonly path: SyncPath }
  | { readonly op: 'move'; readonly key: number; readonly from: SyncPath; readonly to: SyncPath }
  /** Content from the other side, at the node's final place there; replaces a file or fills an absent name. */
  | { readonly op: 'write'; readonly key: number; readonly path: SyncPath }
  /** As `write`, for a link: takes the place of a link that is there. */
  | { readonly op: 'make-link'; readonly key: number; readonly path: SyncPath }
  | { readonly op: 'set-metadata'; readonly key: number; readonly path: SyncPath };

/** A node whose content must be known before the plan can be trusted; the caller looks and plans again. */
export interface Undecided {
  readonly side: Side;
  readonly path: SyncPath;
  /** What the other side is known or seen to hold at the same node, to spare a transfer that cannot matter. */
  readonly against: 'base' | 'other-side';
}

export interface PlanProblem {
  readonly side: Side;
  readonly path: SyncPath;
  readonly message: string;
}

/** What a run will do; made by `reconcile`, carried out by transfer. */
export interface Plan {
  readonly nodes: readonly PlannedNode[];
  readonly operations: {
    readonly local: readonly Operation[];
    readonly remote: readonly Operation[];
  };
  readonly undecided: readonly Undecided[];
  readonly problems: readonly PlanProblem[];
  readonly counts: PlanCounts;
}

export interface PlanCounts {
  /** Files, links and directories removed, net of moves. */
  readonly deletedLocal: number;
  readonly deletedRemote: number;
  /** Recorded files whose content is replaced. */
  readonly modifiedLocal: number;
  readonly modifiedRemote: number;
  readonly conflicts: number;
  /** One-way: entries only on the destination, and recorded ones that were changed or removed there. */
  readonly destinationOnly: number;
  readonly changedHere: number;
  readonly removedHere: number;
}
