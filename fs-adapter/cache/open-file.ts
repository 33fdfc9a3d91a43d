import type { Version } from '../../core/model/entry.ts';
import type { FileNode } from './drive-node.ts';

/** A file as it was when it was last closed. */
export interface ClosedState {
  readonly version: Version;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

/** What a file looked like before sync gave it another version while programs were reading it. */
export interface DisplacedState {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

/** One file that programs have open; all its handles share the content, so that no two versions are ever mixed. */
export interface OpenFile {
  readonly node: FileNode;
  handles: number;
  writers: number;
  /** Descriptor of the backing file; null until the content is first needed. */
  fd: number | null;
  /**
   * What the engine is shown while the file is open and changed: the state before, or `never` for a file that was
   * made by a program that has not closed it yet. Undefined: not changed since it was last closed.
   */
  closed: ClosedState | 'never' | undefined;
  /** Set when the readers go on reading a version that is no longer the drive's. */
  displaced: DisplacedState | null;
  /** Set when a newer version was opened: readers of the old one get ESTALE, as the kernel caches pages by file. */
  stale: boolean;
  /** Written to since it was last made durable. */
  unsynced: boolean;
  /** Resolves when the journal says that the file is dirty; the first byte is written after that. */
  begun: Promise<void> | null;
}

export interface Handle {
  readonly file: OpenFile;
  readonly write: boolean;
  readonly append: boolean;
}
