import type { AttributeCondition } from '../cache/kept-attributes.ts';

/** What `stat` shows of one entry. Times in milliseconds since 1970 with a fraction. */
export interface Attributes {
  readonly inode: number;
  readonly kind: 'file' | 'directory' | 'symlink' | 'special';
  /** The bits of S_IFMT. */
  readonly format: number;
  /** Permission bits, 07777. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Bytes of it that are on this machine: 0 for a placeholder. */
  readonly storedBytes: number;
  readonly links: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export interface SpaceOnDrive {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface OpenRequest {
  readonly write: boolean;
  readonly append: boolean;
  readonly truncate: boolean;
}

type Answer<T> = T | Promise<T>;

/**
 * What a mounted drive answers to programs. Paths are relative to the drive, `/`-separated, '' is its root.
 * Everything may throw PosixError, FerryError or an error of node:fs; a backend turns them into errno.
 */
export interface MountedFiles {
  attributes(path: string): Attributes;
  names(path: string): readonly string[];
  readLink(path: string): string;
  open(path: string, request: OpenRequest): Answer<number>;
  /** Makes a file and opens it for reading and writing. */
  create(path: string, mode: number): Answer<number>;
  /** Fills `target` and returns how many bytes there were. */
  read(handle: number, target: Uint8Array, offset: number): Promise<number>;
  /** Writes all of `source`; it is not kept after the call. */
  write(handle: number, source: Uint8Array, offset: number): Promise<number>;
  /** Changes a file's size, through the handle where there is one. */
  truncate(target: string | number, sizeBytes: number): Promise<void>;
  /** Returns when all changes made until now outlive this process. */
  journal(): void;
  /** Resolves when what was written through the handle, and its place in the tree, are durable. */
  sync(handle: number): Promise<void>;
  /** Resolves when the tree is durable. */
  syncTree(): Promise<void>;
  release(handle: number): void;
  /** Makes a regular file without opening it. */
  makeFile(path: string, mode: number): void;
  makeDirectory(path: string, mode: number): void;
  makeLink(path: string, target: string): void;
  removeFile(path: string): void;
  removeDirectory(path: string): void;
  rename(from: string, to: string): void;
  setMode(path: string, mode: number): void;
  setModified(path: string, mtimeNs: bigint): void;
  space(): Promise<SpaceOnDrive>;
  extendedAttributes(path: string): readonly string[];
  /** Null when the file has none of that name. */
  extendedAttribute(path: string, name: string): Uint8Array | null;
  setExtendedAttribute(path: string, name: string, value: Buffer, when: AttributeCondition): void;
  removeExtendedAttribute(path: string, name: string): void;
  /** True while an operation waits for the other side; it has its own deadline then. */
  isFetching(): boolean;
}

/** What a way of showing a drive can and cannot do; shown by `ferry doctor` and `ferry status`. */
export interface MountCapabilities {
  /** Reads of content that is here do not pass through this process. */
  readonly passthrough: boolean;
  /** A directory is listed together with what `stat` says of its entries. */
  readonly readdirplus: boolean;
  /** The kernel keeps names and attributes for long, and is told what sync changes. */
  readonly invalidates: boolean;
  /** Changes made by sync raise events in file managers. */
  readonly notifies: boolean;
  /** Content comes when it is opened; false: all of it is on this device. */
  readonly placeholders: boolean;
  /** A read brings the part that it needs, not the whole file. */
  readonly partialFetch: boolean;
  /** Finest time that programs can set and see. */
  readonly timePrecisionNs: bigint;
  /** A change of the modification time alone (`touch -m`, `tar x`) arrives. */
  readonly setsModifiedAlone: boolean;
  /** Access times are kept beside modification times. */
  readonly accessTimes: boolean;
  /** renameat2 with NOREPLACE and EXCHANGE. */
  readonly renameFlags: boolean;
  /** Names that are not UTF-8, or differ in their normal form only, can be used. */
  readonly rawNames: boolean;
  /** Fifos, sockets and devices can be made; they stay on this device. */
  readonly specials: boolean;
  /** Holes take no room, and are found by SEEK_HOLE. */
  readonly holes: boolean;
  /** Room can be allocated and given back within a file (fallocate). */
  readonly preallocates: boolean;
  /** A file can have several names (link). */
  readonly hardLinks: boolean;
  /** Files can belong to somebody else than who shows the drive. */
  readonly owners: boolean;
  /** A blocked call can be interrupted. */
  readonly interruptible: boolean;
  /** Children of this process inherit the mount's device: if this process dies before them, the mount hangs. */
  readonly leaksDeviceToChildren: boolean;
}

export interface MountRequest {
  /** Absolute; an empty directory that nothing is mounted on. */
  readonly mountPoint: string;
  /** Shown as the device in the list of mounts; letters, digits and `.:_-` only. */
  readonly source: string;
  readonly readOnly: boolean;
  /** Other users of this machine may use it, each as the mode bits say. */
  readonly allowOthers: boolean;
  readonly files: MountedFiles;
}

/** A drive that is shown. */
export interface Mounted {
  /** Calls answered since it was mounted. */
  readonly operations: number;
  /** Called when the kernel has let go of the mount, so that what belongs to it is given back. */
  detached(): Promise<void>;
}

/**
 * One way to show the drive's files as a mounted file system. Unmounting is the same for all of them and is not in
 * here: the kernel is asked to (mount-point.ts), and the backend is told afterwards.
 */
export interface MountBackend {
  readonly name: string;
  readonly capabilities: MountCapabilities;
  /** @throws MOUNT_UNAVAILABLE, MOUNT_BUSY */
  mount(request: MountRequest): Promise<Mounted>;
}
