import type { FileNode } from './drive-node.ts';
import type { ClosedFile } from './drive-tree.ts';
import type { OpenBacking } from './open-backing.ts';

/** One file that programs have open; all its handles share the content. */
export interface OpenFile {
  readonly node: FileNode;
  handles: number;
  writers: number;
  /** Null until the content is first needed. */
  content: OpenBacking | null;
  /** What the engine is shown while the file is open and changed; null: the file as it is. */
  closed: ClosedFile | null;
  /** The journal says that the file is dirty, since it was last closed or taken up by sync. */
  isBegun: boolean;
  /** Its readers have an older content than those who open it now, which the kernel cannot keep apart: ESTALE. */
  isStale: boolean;
  /** Written to since it was last made durable. */
  isUnsynced: boolean;
}

export interface Handle {
  readonly file: OpenFile;
  readonly write: boolean;
  readonly append: boolean;
}
