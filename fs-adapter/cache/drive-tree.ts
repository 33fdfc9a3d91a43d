import type { Observable } from 'rxjs';
import type { ContentHash, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { NodeState } from './drive-row.ts';

/** A file as it was when it was last closed; `never`: it was made by a program that has not closed it yet. */
export type ClosedFile =
  | {
      readonly counter: number;
      readonly sizeBytes: number;
      readonly mtimeNs: bigint;
    }
  | 'never';

interface DriveEntryBase {
  /** Stable for ever, never reused; the inode number that programs see. */
  readonly id: number;
  /** Null for the root, and for what was taken out of the tree while programs use it. */
  readonly parentId: number | null;
  /** As it is stored; U+FFFD stands for bytes that are not UTF-8. */
  readonly name: string;
  /** The name is UTF-8, so that the other side could have it. */
  readonly isNameValid: boolean;
  /** Permission bits, 07777. */
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** What the engine follows moves by. */
  readonly identity: number;
  /** Grows with each change of content, time or mode. */
  readonly counter: number;
  /** Kept on this device, with all that is below it. Only what was pinned itself, not what inherits it. */
  readonly isPinned: boolean;
  /** Sync has put it at this place, or has taken it up from here; false for what a program made or moved since. */
  readonly isPlaced: boolean;
}

export interface DriveFile extends DriveEntryBase {
  readonly kind: 'file';
  readonly sizeBytes: number;
  /** A `placeholder` may have parts of its content here (`storedBytes` > 0). */
  readonly state: NodeState;
  /** The other side's version that missing content is fetched from; null: never been there. */
  readonly source: Version | null;
  readonly hash: ContentHash | null;
  /** Number of the backing file; null: none of the content is here, or it is empty. */
  readonly backing: number | null;
  /** How much of the content is on this device. */
  readonly storedBytes: number;
  /** Handles that programs hold, and how many of them can write. */
  readonly handles: number;
  readonly writers: number;
  /** What the engine is shown while a program changes the file; null: the file as it is. */
  readonly closed: ClosedFile | null;
  /** When a program last opened it in this process; 0: never. */
  readonly usedAtMs: number;
}

export interface DriveDirectory extends DriveEntryBase {
  readonly kind: 'directory';
}

export interface DriveLink extends DriveEntryBase {
  readonly kind: 'symlink';
  readonly target: string;
}

/** A fifo, socket or device that a program made: shown, kept, and never synced. */
export interface DriveSpecial extends DriveEntryBase {
  readonly kind: 'special';
}

/** One entry, as it was when it was looked at; it does not change any more. */
export type DriveEntry = DriveFile | DriveDirectory | DriveLink | DriveSpecial;

/** Content that the engine has brought already: the number of a durable backing file, and its own mtime. */
export interface StagedContent {
  readonly backing: number;
  readonly stampNs: bigint;
}

/** A file's new content, as the engine knows it. */
export interface NewContent {
  readonly sizeBytes: number;
  readonly source: Version;
  readonly hash: ContentHash | null;
  readonly mtimeNs?: bigint;
  readonly mode?: number;
  /** Null: it stays a placeholder. */
  readonly staged: StagedContent | null;
}

export type NewEntry =
  | ({ readonly kind: 'file'; readonly name: string } & NewContent)
  | { readonly kind: 'directory'; readonly name: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly name: string; readonly target: string };

export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** What is to be fetched for a placeholder. */
export interface FillTarget {
  readonly id: number;
  /** Another one as soon as the content that is wanted is another: what was fetched for an older one is refused. */
  readonly generation: number;
  readonly source: Version | null;
  readonly sizeBytes: number;
  readonly hash: ContentHash | null;
  /** Absolute path of the backing file, as long as the content; whoever fetches writes into it. */
  readonly backingPath: string;
}

/** What sync knows of a file, and the tree does not. */
export type FileMark = 'uploading' | 'conflict';

/** Why content stays on this device. */
export type KeptBecause = 'dirty' | 'open' | 'pinned';

/** A program waits for content that is not here. */
export interface ContentRequest extends Extent {
  readonly id: number;
  /** Process that asks; 0: not known. */
  readonly pid: number;
  /** A program is about to change the file: what it keeps of it must outlive a power cut, and all of it is proven. */
  readonly isForWrite: boolean;
}

/**
 * The drive's tree and the content that is on this device: the truth while the drive is open. Programs change it
 * through a mount, the engine through the methods below, each of which checks and acts in one step, shows at once in
 * the mount, and is journalled. Two kinds: in the addon's memory, served by its threads (native-tree.ts), and in
 * JavaScript's, for fuse-native (script-tree.ts). All methods are synchronous and quick; none waits for a disk's flush.
 */
export interface DriveTree {
  /** Stays the same for ever, unless the records were found damaged: then nothing may be inferred as deleted. */
  readonly identity: string;
  readonly entries: number;
  /** Bytes of content on this device. */
  readonly storedBytes: number;
  readonly openHandles: number;
  /** Files with changes that the other side is not known to have; the present number first. */
  readonly pending$: Observable<number>;
  readonly pending: number;
  /** Paths at or below which programs changed something. */
  readonly changes$: Observable<SyncPath>;
  /** Entries whose pin a program has set or taken away. */
  readonly pins$: Observable<number>;

  /** Finds an entry by its NFC path, '' is the root; whatever normal form its names are stored in. */
  find(path: SyncPath): DriveEntry | null;
  /** Null: no such entry, not even an open one. */
  entry(id: number): DriveEntry | null;
  /** In the order in which they were put there. */
  children(directoryId: number): readonly DriveEntry[];
  /** Returns the NFC path of an entry in the tree; null when it is not in the tree, or a name on the way is not UTF-8. */
  pathOf(id: number): SyncPath | null;

  /** @throws CHANGED when the name is taken or the directory gone */
  insert(directoryId: number, entry: NewEntry): DriveEntry;
  /**
   * Gives a file another content. A file that programs read is replaced by a new entry of the same identity and they
   * go on with the old one; otherwise the id stays.
   * @throws CHANGED when its counter is not `expected`, LOCAL_BUSY when it is open for writing
   */
  replace(id: number, expected: number, content: NewContent): DriveFile;
  /** @throws CHANGED, LOCAL_BUSY, NOT_EMPTY */
  remove(id: number, expected: number | 'directory'): void;
  /** @throws CHANGED (also when the new name is taken), LOCAL_BUSY */
  move(id: number, expected: number | 'directory', directoryId: number, name: string): DriveEntry;
  /** @throws CHANGED, LOCAL_BUSY */
  setMetadata(
    id: number,
    expected: number,
    metadata: { readonly mtimeNs?: bigint; readonly mode?: number },
  ): DriveFile;
  /** Notes that the other side has, as `source`, what the file was at `counter`; ignored when it has changed since. */
  noteCounterpart(id: number, counter: number, source: Version): void;
  /** Notes the hash of the content that the file has at `counter`; ignored when it has changed since. */
  noteHash(id: number, counter: number, hash: ContentHash): void;
  /**
   * Lets a file be one that the other side never had: dirty, without a source, of a new identity. A program has renamed
   * it to keep what it is about to replace: what it writes at the old place continues the file, and this one's content
   * is nowhere else soon. False, and nothing happens: its counter is not `expected`, or not all of its content is here.
   */
  disown(id: number, expected: number): boolean;
  /** Sets what the state attribute says beyond what the tree knows by itself; it is forgotten when the tree is closed. */
  setMark(id: number, mark: FileMark | null): void;
  setPinned(id: number, isPinned: boolean): void;
  /** Yields the entries that were pinned themselves. */
  pinned(): Iterable<DriveEntry>;

  /** Begins, or goes on, to fill a placeholder; null: all of its content is here. */
  fillTarget(id: number): FillTarget | null;
  /** Returns what is not here of a part of a placeholder, widened to whole blocks of FILL_BLOCK_BYTES. */
  missing(id: number, part: Extent): readonly Extent[];
  /** Says that a part was written into the backing file; false: it is not wanted any more. */
  filled(id: number, generation: number, part: Extent): boolean;
  /** Says that all of the content is here, durable and right; false: it is not wanted any more. */
  completed(id: number, generation: number, stampNs: bigint): boolean;
  /** Gives up what was filled, also while programs read it, as it turned out wrong; ignored when it is not wanted any more. */
  discard(id: number, generation: number): void;
  /**
   * Gives content back that the other side has; null when it is gone, or was not here. What is not placed is kept as
   * `dirty`: the other side does not have it here yet, and may have it no more where it was.
   */
  dehydrate(id: number): KeptBecause | null;
  /** Yields the files that have content here. */
  stored(): Iterable<DriveFile>;
  /** Returns a number for a new backing file, and its absolute path. */
  newBacking(): { readonly backing: number; readonly path: string };
  backingPath(backing: number): string;
  /** Sets what `df` shows and what writes may use, until it is set again. */
  setRoom(room: DriveRoom): void;
  /** Links the content into the kept versions. */
  keepVersion(backing: number, path: SyncPath): Promise<string>;

  /** Waits a moment for files that look closed to programs, but not yet to the drive. */
  settle(): Promise<void>;
  /** Resolves when all changes made until now outlive a power cut. @throws LOCAL_NO_SPACE, RECORD_CORRUPT */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Content is fetched in blocks of so many bytes. */
export const FILL_BLOCK_BYTES = 64 * 1024;

/** Brings content that programs wait for; rejects with what they are told. */
export type NeedContent = (request: ContentRequest) => Promise<void>;

/** What bounds the room of a drive; asked for by the tree, set by what looks after the cache. */
export interface DriveRoom {
  /** Total and free bytes that `df` shows. */
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** A write that would need more than this beyond what was stored when it was set fails with ENOSPC. */
  readonly writableBytes: number;
}
