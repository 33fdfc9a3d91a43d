import type { Clock, Logger } from '../../core/ports.ts';
import type { DriveTree, NeedContent } from '../cache/drive-tree.ts';
import type { MountCapabilities, Mounted, MountedFiles } from './mount-backend.ts';

export interface TreeOptions {
  /** Absolute; belongs to this process alone while the tree is open. */
  readonly stateDirectory: string;
  readonly readOnly: boolean;
  readonly allowSymlinks: boolean;
  /** A program that waits for content hears of it when nothing comes for so long. */
  readonly stallMs: number;
  readonly need: NeedContent;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ShowRequest {
  /** Absolute; an empty directory that nothing is mounted on. */
  readonly mountPoint: string;
  /** Shown as the device in the list of mounts; letters, digits and `.:_-` only. */
  readonly source: string;
  /** Other users of this machine may use it, each as the mode bits say. */
  readonly allowOthers: boolean;
  /** The kernel may read files by itself whose content is here, where it can. */
  readonly passthrough: boolean;
}

/** A drive's tree, and the way it is shown. */
export interface ShownTree {
  readonly tree: DriveTree;
  readonly capabilities: MountCapabilities;
  /** Whether the kernel reads files by itself: 0, the errno that it refused with, or -1: not tried yet. Absent: never. */
  readonly passthrough?: number;
  /** What programs' calls are answered with, for backends and tests; null where JavaScript answers none. */
  readonly files: MountedFiles | null;
  /** @throws MOUNT_UNAVAILABLE, MOUNT_BUSY */
  show(request: ShowRequest): Promise<Mounted>;
}

export type KindName = 'native' | 'fuse-native';

/** One kind of tree, with the only way in which it can be shown. */
export interface TreeKind {
  readonly name: KindName;
  /** Says why it cannot be used here; null: it can. */
  reasonAgainst(): Promise<string | null>;
  /** @throws RECORD_LOCKED, RECORD_CORRUPT, RECORD_SCHEMA_NEWER, LOCAL_NO_SPACE */
  open(options: TreeOptions): Promise<ShownTree>;
}
