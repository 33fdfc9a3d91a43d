import type { SyncPath } from './path.ts';

/** Which end of a pair. */
export type Side = 'local' | 'remote';

/** Returns the other end. */
export function otherSide(side: Side): Side {
  return side === 'local' ? 'remote' : 'local';
}

/** What a pair does, in Aspera Drive's words; the named master's content goes to the other side. */
export type Direction = 'remote-to-local' | 'local-to-remote' | 'two-way';

export const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];

export type EntryKind = 'file' | 'directory' | 'symlink';

/**
 * Opaque name of one state of an entry on one side. Equal: unchanged. Different: look at the content before
 * calling it modified. (Folder: inode, size, times; WebDAV: the ETag, or what stands for it.)
 */
export type Version = string & { readonly __brand: 'Version' };

/** BLAKE3-256 of a file's whole content, 64 lower-case hex digits. */
export type ContentHash = string & { readonly __brand: 'ContentHash' };

interface EntryBase {
  readonly path: SyncPath;
  readonly version: Version;
  /** Stable over renames on this side (folder: inode and birth time; server: file id). Absent: unknown. */
  readonly identity?: string;
}

export interface FileEntry extends EntryBase {
  readonly kind: 'file';
  readonly sizeBytes: number;
  /** Nanoseconds since 1970; absent where the side does not say. */
  readonly mtimeNs?: bigint;
  /** Permission bits (07777 masked to 0777); absent where the side keeps none. */
  readonly mode?: number;
  readonly hash?: ContentHash;
  /** Its content is not here but on the other side only, as it was recorded: nobody on this side can have changed it. */
  readonly isPlaceholder?: boolean;
}

export interface DirectoryEntry extends EntryBase {
  readonly kind: 'directory';
  readonly mode?: number;
}

export interface SymlinkEntry extends EntryBase {
  readonly kind: 'symlink';
  /** As stored, unresolved. */
  readonly target: string;
}

/** One thing that a side was seen to hold. */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry;
