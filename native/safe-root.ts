import type { ContentHasher, ContentOptions, FileRange } from './content.ts';

/** What `lstat` says, with the fields that identify a state; times in ns since 1970. */
export interface NodeStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly dev: bigint;
  readonly ino: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** 0n where the file system keeps none. */
  readonly birthtimeNs: bigint;
  /** Permission bits, masked with 07777. */
  readonly mode: number;
  readonly links: number;
}

export interface DirectoryItem {
  /** Decoded as UTF-8; null when the bytes are not UTF-8 (then the item cannot be opened through this interface). */
  readonly name: string | null;
  /** The name's bytes as latin1, for messages. */
  readonly rawName: string;
  /** Null when the item vanished or could not be looked at; `errno` says why. */
  readonly stat: NodeStat | null;
  readonly errno?: string;
}

/** A directory to be surveyed. */
export interface SurveyRequest {
  readonly path: string;
  /** A fingerprint that it had: if it has it still, only the directories in it are returned. */
  readonly known?: string;
}

/** Names that a survey leaves out of fingerprints; a directory with a name that begins with `prefix` is never known. */
export interface PrivateNames {
  readonly folder: string;
  readonly prefix: string;
}

export interface SurveyOptions {
  readonly hidden?: PrivateNames;
  /** Of everything else only the fingerprint is wanted. */
  readonly onlyDirectories?: boolean;
}

/** One directory of a survey, or the errno name that kept it from being listed completely. */
export type DirectoryListing =
  | {
      readonly path: string;
      /** Everything that tells one state of the listing from another, in 128 bits; only equal to ones of the same backend. */
      readonly fingerprint: string;
      /** The fingerprint is the known one; then, too, `items` are only the directories. */
      readonly isKnown: boolean;
      readonly items: readonly DirectoryItem[];
    }
  | { readonly path: string; readonly errno: string };

/** A whole file, and what it was before its first and after its last byte were read. */
export interface SmallFile {
  readonly before: NodeStat;
  readonly after: NodeStat;
  /** Null when it was not read: no regular file, or larger than was asked for. */
  readonly content: Uint8Array | null;
}

/** The hash of a file's whole content, and what the file was before its first and after its last byte were read. */
export interface HashedFile {
  readonly before: NodeStat;
  readonly after: NodeStat;
  /** BLAKE3-256 as 64 lower-case hexadecimal digits. */
  readonly hash: string;
}

/** A file cut into content-defined chunks; chunker.hh says where the cuts are. */
export interface ChunkedFile extends HashedFile {
  /** 16 bytes for each chunk, in order: its length (4 bytes, big-endian) and the first 12 bytes of its BLAKE3. */
  readonly chunks: Uint8Array;
}

/** One file of a group that is created. */
export interface NewFile {
  readonly path: string;
  /** Must stay as it is until the group is done. */
  readonly content: Uint8Array;
  /** Whatever the umask is. */
  readonly mode: number;
  readonly mtimeNs?: bigint;
}

/** One file of a group that is read, if it is a regular one of at most `maxBytes`. */
export interface ReadRequest {
  readonly path: string;
  readonly maxBytes: number;
}

export interface RenameRequest {
  readonly from: string;
  readonly to: string;
}

export interface NewDirectory {
  readonly path: string;
  /** Less the umask. */
  readonly mode: number;
}

/** Why one of a group failed: an errno name. */
export interface Failure {
  readonly errno: string;
}

/** `replace` may overwrite; `no-replace` fails with EEXIST; `exchange` swaps two existing names. */
export type RenameMode = 'replace' | 'no-replace' | 'exchange';

/**
 * Operations confined to one directory. Paths are relative, joined by `/`, with no empty, `.` or `..` segment;
 * '' is the root itself. No symbolic link is ever followed, not in the middle and not at the end, also when
 * another process swaps directories for links meanwhile (openat2 RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS, or one
 * O_NOFOLLOW directory descriptor at each level). All methods reject with NodeJS.ErrnoException whose `code` is the errno name;
 * an escape attempt is ELOOP, EXDEV or ENOTDIR. File descriptors are plain numbers, for node:fs; the caller closes them.
 */
export interface SafeRoot {
  readonly backend: 'native' | 'javascript';
  readonly absolutePath: string;
  /** What times are cut to when they are set: 1n, or 1000n without the addon (node:fs takes them as doubles). */
  readonly timePrecisionNs: bigint;
  /** Opens a file; `flags` as in fs.constants; O_NOFOLLOW, O_CLOEXEC and O_NONBLOCK are always added. */
  open(path: string, flags: number, mode?: number): Promise<number>;
  /**
   * Makes files with all their contents, modes and times, and returns what each is then. EEXIST where a name is taken;
   * of a file that failed nothing is left. As in all methods for groups, the whole group is one task of the thread pool,
   * its directories are opened once, and one that fails does not stop the others: answers are in the order given.
   */
  createFiles(files: readonly NewFile[]): Promise<readonly (NodeStat | Failure)[]>;
  /** Reads small files; the contents are views of one buffer, which lives as long as any of them. */
  readFiles(requests: readonly ReadRequest[]): Promise<readonly (SmallFile | Failure)[]>;
  /** Renames to names that are free (else EEXIST), and returns what has each new name afterwards. */
  renameFiles(pairs: readonly RenameRequest[]): Promise<readonly (NodeStat | Failure)[]>;
  /** Makes directories, parents before what is in them, and returns what each is then; EEXIST where a name is taken. */
  makeDirectories(items: readonly NewDirectory[]): Promise<readonly (NodeStat | Failure)[]>;
  /** Hashes a regular file of any size in the thread pool; EISDIR or EINVAL for anything else. */
  hashFile(path: string, options?: ContentOptions): Promise<HashedFile>;
  /** Cuts a regular file into chunks, and hashes each and the whole. @throws RangeError for an average below 256 */
  chunkFile(path: string, averageBytes: number, options?: ContentOptions): Promise<ChunkedFile>;
  /**
   * Copies bytes between open files, inside the kernel where it can; with a hasher of this root, which takes them in, by
   * reading and writing. Returns how many there were: fewer only at the end of the source.
   */
  copyRange(
    source: FileRange,
    target: FileRange,
    length: number,
    hasher?: ContentHasher,
  ): Promise<number>;
  /** Asks the kernel to begin to write these bytes to the disk, so that a later fsync is short; nothing where it cannot. */
  startWriteback(range: FileRange, length: number): Promise<void>;
  createHasher(): ContentHasher;
  /** lstat; null when nothing is there (ENOENT and ENOTDIR). */
  stat(path: string): Promise<NodeStat | null>;
  statDescriptor(fd: number): Promise<NodeStat>;
  /** All items but `.` and `..`, in byte order of their names. */
  list(path: string): Promise<readonly DirectoryItem[]>;
  /** Lists several directories in one task of the thread pool; one that cannot be listed does not fail the others. */
  survey(
    requests: readonly SurveyRequest[],
    options?: SurveyOptions,
  ): Promise<readonly DirectoryListing[]>;
  makeDirectory(path: string, mode?: number): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  rename(from: string, to: string, mode: RenameMode): Promise<void>;
  /** Gives the file or link `from` a second name; EEXIST when `to` is taken. */
  hardLink(from: string, to: string): Promise<void>;
  makeLink(path: string, target: string): Promise<void>;
  readLink(path: string): Promise<string>;
  /** Sets the modification time (access time too); `timePrecisionNs` says how exactly. */
  setTimes(path: string, mtimeNs: bigint): Promise<void>;
  setTimesOfDescriptor(fd: number, mtimeNs: bigint): Promise<void>;
  /** ELOOP for a symbolic link. */
  setMode(path: string, mode: number): Promise<void>;
  /** Makes everything written to the root's file system durable; ENOSYS where that cannot be asked for. */
  syncFileSystem(): Promise<void>;
  /** Makes the directory's own entries durable. */
  syncDirectory(path: string): Promise<void>;
  /** Free and total bytes, and free inodes, of the file system. */
  space(): Promise<{ freeBytes: number; totalBytes: number; freeInodes: number }>;
  close(): Promise<void>;
}
