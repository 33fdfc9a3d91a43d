import type { Observable } from 'rxjs';
import type { ChunkList, ChunkOptions, KeptBeginning, Recipe } from './chunks.ts';
import type { Cursor, Feed } from './feed.ts';
import type { ContentHash, Entry, FileEntry, SymlinkEntry, Version } from './model/entry.ts';
import type { FerryError } from './model/errors.ts';
import type { SyncPath } from './model/path.ts';
import type { Observation, ObserveOptions } from './observation.ts';

/** Time, so that tests and the simulation can make it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms`, or rejects with `ABORTED` when the signal is raised. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Constant message plus fields; never a secret, never file content. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

/** What a replica can do. The engine uses the best safe way that both sides offer. */
export interface ReplicaCapabilities {
  /** Entries of files carry a `hash`. */
  readonly contentHashes: boolean;
  /** Entries carry an `identity` that survives a rename. */
  readonly identities: boolean;
  readonly symlinks: boolean;
  /** Permission bits are kept and reported. */
  readonly modes: boolean;
  /** Granularity of the times it keeps when asked to, in ns (1n, 1_000_000_000n, …); null: it cannot set them. */
  readonly mtimePrecisionNs: bigint | null;
  /** `atomic`: a write over another version than expected is impossible; `window`: only very unlikely. */
  readonly conditionalWrites: 'atomic' | 'window';
  /** A written file may stay a placeholder: `open` of a WriteItem is not called, the content comes later. */
  readonly placeholders: boolean;
  readonly caseSensitive: boolean;
  /** A path's name may have so many bytes of UTF-8. */
  readonly maxNameBytes: number;
}

/** Room on one side, for what is synced. */
export interface Space {
  readonly freeBytes: number;
  /** Null: not known. */
  readonly usedBytes: number | null;
}

/** What must be at a path for a mutation to go ahead; otherwise it fails with `CHANGED` and changes nothing. */
export type Expectation = Version | 'absent';

export interface ReadOptions {
  /** The read fails with `CHANGED` if the file is not this version, at the start or at the end. */
  readonly expected: Version;
  readonly range?: { readonly offset: number; readonly length: number };
  /** Where the source gives no parts, the reader has a use for the whole: `part` of the content says that it comes. */
  readonly acceptsWhole?: boolean;
  /** A program waits for it: a side that cannot be reached is an error at once. */
  readonly isUrgent?: boolean;
  readonly signal?: AbortSignal;
}

export interface Content {
  /** Size of the whole file, also when only a range is read. */
  readonly sizeBytes: number;
  /** What the stream yields, where that is not what was asked for. */
  readonly part?: { readonly offset: number; readonly length: number };
  /**
   * Ends with an error, never early: a cut body or a file that changed while it was read throws. A source that looks for
   * changes looks also when whoever reads has enough, and then ending the stream throws.
   */
  readonly stream: AsyncIterable<Uint8Array>;
}

/** A whole small file to be read in a group. */
export interface ReadRequest {
  readonly path: SyncPath;
  /** What it must be, before the first byte and after the last one. */
  readonly expected: Version;
  /** As it was observed. */
  readonly sizeBytes: number;
}

export type ReadResult =
  /** `hash`: of just these bytes, where the side has computed it already. */
  { readonly content: Uint8Array; readonly hash?: ContentHash } | { readonly error: FerryError };

export interface HashRequest {
  readonly path: SyncPath;
  readonly expected: Version;
  readonly sizeBytes: number;
}

/** Why an entry gives way, for a side that keeps what was displaced. */
export interface Displacement {
  readonly cause: 'replaced' | 'deleted' | 'mirror' | 'reset' | 'undo' | 'restore' | 'resolved';
  /** Number of the run in the run log. */
  readonly run: number;
  /** Its content never reached the other side: it is kept until it did. */
  readonly isOnlyCopy: boolean;
  /** Called with the name of the kept version in the version store. */
  readonly onKept?: (version: string) => void;
}

/** One file to write: staged, verified, published in one step. */
export interface WriteItem {
  readonly path: SyncPath;
  readonly expected: Expectation;
  readonly sizeBytes: number;
  readonly mtimeNs?: bigint;
  readonly mode?: number;
  /** Known hash of the content; absent when only the source knows it after reading. */
  readonly hash?: ContentHash;
  /** The version on the side where the content is; a placeholder is filled from it later. */
  readonly sourceVersion: Version;
  /** What becomes of the file that it takes the place of. */
  readonly displacement?: Displacement;
  /**
   * Opens the content. The stream throws at its end when length or hash is not what was announced, so a
   * consumer that publishes only after the end never publishes a wrong one. Called at most once for each try.
   */
  open(signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** The hash of the content that was read last, which a receiver then need not compute again. */
  readonly hashRead?: () => ContentHash | undefined;
  /** As `open`, for a receiver that has the beginning already: yields what follows it, and verifies both together. */
  openAfter?(kept: KeptBeginning, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Returns how the content comes out of what is at the path now, the `expected` version; null when that spares too
   * little. A receiver that can do it asks, verifies the result's hash, and falls back to `open` when it is another.
   */
  recipe?(signal?: AbortSignal): Promise<Recipe | null>;
}

export type WriteResult =
  | { readonly item: WriteItem; readonly entry: FileEntry }
  | { readonly item: WriteItem; readonly error: FerryError };

export interface MutationOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends MutationOptions {
  /**
   * Reads several small items whole in one step, each verified as `open` does, and answers in their order. A receiver
   * that can write groups uses it instead of `open` for items of up to GROUP_FILE_BYTES, within the limits of a group;
   * others ignore it. Called at most once for each try of an item. Rejects only when going on is pointless.
   */
  readonly contents?: (
    items: readonly WriteItem[],
    signal?: AbortSignal,
  ) => Promise<readonly (Uint8Array | FerryError)[]>;
}

/** Limits of a group of whole small files: of its number, of each file's size and of all sizes together. */
export const GROUP_FILES = 1000;
export const GROUP_FILE_BYTES = 1024 * 1024;
export const GROUP_BYTES = 8 * 1024 * 1024;

export interface NewDirectory {
  readonly path: SyncPath;
  readonly mode?: number;
}

/** One entry to remove: what it must be, and why it gives way. */
export interface Removal {
  readonly path: SyncPath;
  readonly expected: Version | 'directory';
  readonly displacement?: Displacement;
}

export interface Metadata {
  readonly mtimeNs?: bigint;
  readonly mode?: number;
}

/** A version that a side displaced and keeps. */
export interface StoredVersion {
  readonly path: SyncPath;
  /** Names it among the versions of its path. */
  readonly id: string;
  readonly kind: 'file' | 'symlink';
  /** When the run began that displaced it, in ms since 1970. */
  readonly keptAtMs: number;
  readonly sizeBytes: number;
  readonly mtimeNs?: bigint;
  /** Of a symlink. */
  readonly target?: string;
  /** Why it gave way, and in which run of the log; null: not known any more. */
  readonly cause: Displacement['cause'] | null;
  readonly run: number | null;
  /** The other side never had its content: it stays until it did. */
  readonly isOnlyCopy: boolean;
}

export interface PruneOptions {
  readonly signal?: AbortSignal;
  /** Returns those of the only copies whose content has reached the other side by now. */
  readonly reached: (versions: readonly StoredVersion[]) => Promise<ReadonlySet<StoredVersion>>;
}

export interface PruneResult {
  readonly versions: number;
  readonly bytes: number;
}

/** What a side keeps of what was displaced on it. */
export interface VersionShelf {
  /** Yields the versions of `path`, and of what was below it, run by run, the latest first. */
  list(
    path: SyncPath,
    options?: { readonly signal?: AbortSignal },
  ): AsyncIterable<readonly StoredVersion[]>;
  /** Returns one version of `path` itself; null when it is not kept any more. */
  find(path: SyncPath, id: string): Promise<StoredVersion | null>;
  /** Opens the content of a version. @throws LOCAL_NOT_FOUND when it is not kept any more */
  read(version: StoredVersion, options?: { readonly signal?: AbortSignal }): Promise<Content>;
  /**
   * Takes in, durably, what gives way on a side that keeps nothing itself, and returns the version's id. Absent: only
   * what was on this side is kept.
   */
  keep?(item: WriteItem): Promise<string>;
  /** Removes what is past its time or has no room any more; called after a run, and quick when little was displaced. */
  prune(options: PruneOptions): Promise<PruneResult>;
}

/** Says which tree this is, so that another one at the same place is noticed before anything is inferred. */
export interface RootIdentity {
  /** Stable name of the tree: marker and file system of a folder, epoch or root id of a server; null: none known. */
  readonly id: string | null;
  /** Of a replica with a change feed that was asked for what has changed. */
  readonly feed?: Feed;
}

/** What `identify` shall do beside looking at the root. */
export interface IdentifyOptions {
  /** Makes a missing root and marker first. */
  readonly create?: boolean;
  /** Asks, in the same request where that can be, what has changed since; null: only for a cursor. */
  readonly since?: Cursor | null;
  readonly signal?: AbortSignal;
}

/**
 * One side of a pair. All methods reject with FerryError only. Methods may be called concurrently for different
 * paths, except that one `observe` runs at a time and not beside mutations of the same run.
 */
export interface Replica {
  readonly capabilities: ReplicaCapabilities;

  /** Absent: the side keeps nothing of what is replaced or removed. */
  readonly versions?: VersionShelf;

  /** `observe` can be limited to a part; hints are then worth an observation of what they name. */
  readonly observesParts?: boolean;

  /**
   * Keeps to itself what programs hold under temporary names, and knows such a file from one that is meant to be synced:
   * the built-in patterns by which the engine would leave names out on both sides do not count then.
   */
  readonly hidesTemporaryNames?: boolean;

  /** Hints that something changed at or below a path; never complete, never the truth. Does not error. */
  readonly changes$: Observable<SyncPath>;

  /**
   * Checks that the root is there and returns its identity.
   * @throws LOCAL_ROOT_MISSING, REMOTE_UNREACHABLE, REMOTE_UNAUTHORIZED, REMOTE_NOT_FOUND, REMOTE_PROTOCOL
   */
  identify(options?: IdentifyOptions): Promise<RootIdentity>;

  /**
   * Yields the whole tree in batches, each directory before what it holds, the root itself left out. Sweeps
   * temporary names that an interrupted run left. A subtree that cannot be listed is one problem. Where only a part is
   * wanted, `listings` hears of each directory that was listed completely.
   */
  observe(options?: ObserveOptions): AsyncIterable<readonly Observation[]>;

  /** Observes one path again; null when nothing is there. */
  stat(path: SyncPath, options?: MutationOptions): Promise<Entry | null>;

  read(path: SyncPath, options: ReadOptions): Promise<Content>;

  /** Contents of this side travel through a network, and it can tell chunks: it pays to compute what need not travel. */
  readonly isDistant?: boolean;

  /** Cuts a file into chunks. Absent, or null: the side cannot. @throws CHANGED */
  chunksOf?(path: SyncPath, options: ChunkOptions): Promise<ChunkList | null>;

  /**
   * Writes files, several at a time, and yields groups of results in any order; a yielded result is durable.
   * One failing item never stops the others. Parent directories must exist.
   */
  writeMany(
    items: AsyncIterable<WriteItem> | Iterable<WriteItem>,
    options?: WriteOptions,
  ): AsyncIterable<readonly WriteResult[]>;

  /** Makes one directory in an existing one. Adopts an existing directory; `CHANGED` when something else is there. */
  makeDirectory(
    path: SyncPath,
    options?: MutationOptions & { readonly mode?: number },
  ): Promise<Entry>;

  /** Makes a symbolic link at an absent path. @throws KIND_NOT_SUPPORTED, CHANGED */
  makeLink(path: SyncPath, target: string, options?: MutationOptions): Promise<SymlinkEntry>;

  /** Renames a file, link or whole directory to an absent path. @throws CHANGED when `from` or `to` is not as expected */
  move(
    from: SyncPath,
    to: SyncPath,
    options: MutationOptions & { readonly expected: Version | 'directory' },
  ): Promise<Entry>;

  /**
   * Removes a file or link of that version, or an empty directory (`'directory'`). A folder keeps removed files
   * in its version store. @throws CHANGED, NOT_EMPTY
   */
  remove(
    path: SyncPath,
    options: MutationOptions & {
      readonly expected: Version | 'directory';
      readonly displacement?: Displacement;
    },
  ): Promise<void>;

  /** Sets time and mode of a file of that version, as far as the side can keep them. @throws CHANGED */
  setMetadata(
    path: SyncPath,
    metadata: Metadata,
    options: MutationOptions & { readonly expected: Version },
  ): Promise<Entry>;

  /**
   * Groups, where a side does many small things better in one step than in many. Each does what its single counterpart
   * does for every item, answers in the order given, and says for itself what failed: a failing item never stops the
   * others. It rejects only when going on is pointless for all of them. The caller keeps within the limits of a group.
   */
  readMany?(
    requests: readonly ReadRequest[],
    options?: MutationOptions,
  ): Promise<readonly ReadResult[]>;

  /** Hashes files where they are, without a transfer; one of any size may be a group by itself. */
  hashMany?(
    requests: readonly HashRequest[],
    options?: MutationOptions & { readonly onBytes?: (count: number) => void },
  ): Promise<readonly (ContentHash | FerryError)[]>;

  /** Parents come before what is in them. */
  makeDirectories?(
    items: readonly NewDirectory[],
    options?: MutationOptions,
  ): Promise<readonly (Entry | FerryError)[]>;

  /** What is in a directory comes before it. */
  removeMany?(
    items: readonly Removal[],
    options?: MutationOptions,
  ): Promise<readonly (null | FerryError)[]>;

  /**
   * Tells this side which version of the other side its file `ownVersion` is the same as; called when a record of
   * both is written (after an upload, or when equal files are adopted). A drive needs it to know that a file is
   * uploaded, and what to fetch it from once its content was given up. Ignored when the file has changed since.
   */
  noteCounterpart?(path: SyncPath, ownVersion: Version, otherVersion: Version): Promise<void>;

  /** Asks how much room this side has; null: it does not say. Absent: it never does. @throws REMOTE_* */
  space?(options?: MutationOptions): Promise<Space | null>;

  /** Makes all finished mutations durable; records may be committed after it. */
  flush(): Promise<void>;

  close(): Promise<void>;
}
