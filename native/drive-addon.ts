import { loadBuilt } from './load-built.ts';

/** What happened in a drive, as fuse/addon.cc numbers it. */
export const DRIVE_EVENT = { changed: 0, pinned: 1, missing: 2, ended: 3 } as const;

/** `detail`: the process that asks, of what is missing; the errno, of what has ended. */
export type DriveListener = (
  event: number,
  id: number,
  offset: number,
  length: number,
  detail: number,
  isForWrite: boolean,
) => void;

/** What is to be stored, and whom to tell. */
export interface DrainedChanges {
  /** Packed rows, one behind another; of entries that are gone, rows that say so. */
  readonly rows: Buffer;
  /** The log up to this file is of no use once the rows are stored; 0: nothing was logged. */
  readonly log: number;
  readonly count: number;
  readonly digest: number;
  readonly nextId: number;
  /** Files with changes that the other side is not known to have. */
  readonly dirty: number;
  /** Where programs changed something; '' for everywhere. */
  readonly paths: readonly Buffer[];
}

export interface NativeDriveStats {
  readonly entries: number;
  readonly dirty: number;
  readonly storedBytes: number;
  readonly openHandles: number;
  /** Files that programs have closed, and the kernel not yet. */
  readonly closing: number;
  /** Of all of the process that is not JavaScript's. */
  readonly memoryBytes: number;
  readonly operations: number;
  /** Calls that wait for content. */
  readonly fetching: number;
  /** 0: the kernel reads hydrated files by itself; an errno: why not; -1: no file was opened yet. */
  readonly passthrough: number;
}

/** New content of a file: size, version on the other side, hash, time and mode where known, and what is here of it. */
export type IncomingContent = readonly [
  sizeBytes: number,
  source: string,
  hash: Buffer | null,
  mtimeNs: bigint | null,
  mode: number | null,
  backing: number,
  stampNs: bigint,
];

/**
 * A drive in the addon's memory (fuse/addon.cc). Entries come as their packed row and, behind it, 64 bytes of what only
 * the running drive knows. A negative number is an errno. A counter below zero stands for a directory.
 */
export interface NativeDrive {
  open(): number;
  /** Makes room for that many entries. */
  reserve(entries: number): void;
  /** Null: these are no rows. */
  seed(rows: Buffer): {
    readonly count: number;
    readonly digest: number;
    readonly highest: number;
  } | null;
  link(): number;
  settle(nextId: number): number;
  mount(
    mountPoint: string,
    source: string,
    allowsOthers: boolean,
    passesThrough: boolean,
  ): Promise<number>;
  detached(): Promise<number>;
  /** Ends a mount that was unmounted lazily for the programs that still use it. */
  leave(): Promise<number>;
  find(path: string): Buffer | null;
  entry(id: number): Buffer | null;
  children(id: number): Buffer;
  pathOf(id: number): Buffer | null;
  stored(): Buffer;
  pinned(): Buffer;
  insert(
    directoryId: number,
    kind: number,
    name: string,
    target: string,
    ...content: IncomingContent
  ): Buffer | number;
  replace(id: number, counter: number, ...content: IncomingContent): Buffer | number;
  remove(id: number, counter: number): number;
  move(id: number, counter: number, directoryId: number, name: string): Buffer | number;
  setMetadata(
    id: number,
    counter: number,
    mtimeNs: bigint | null,
    mode: number | null,
  ): Buffer | number;
  noteCounterpart(id: number, counter: number, source: string): void;
  noteHash(id: number, counter: number, hash: Buffer): void;
  disown(id: number, counter: number): boolean;
  /** 0: none, 1: uploading, 2: conflict. */
  setMark(id: number, mark: number): void;
  setPinned(id: number, isPinned: boolean): void;
  fillTarget(id: number): Buffer | number;
  /** Offsets and lengths in turn. */
  missing(id: number, offset: number, length: number): Float64Array;
  filled(id: number, generation: number, offset: number, length: number): number;
  failed(id: number, offset: number, length: number, errno: number): void;
  /** Says that a request for content is over: what waits for it goes on, or asks again if it is not here. */
  settled(id: number, offset: number, length: number): void;
  completed(id: number, generation: number, stampNs: bigint): number;
  discard(id: number, generation: number): void;
  dehydrate(id: number): number;
  newBacking(): number;
  setRoom(totalBytes: number, freeBytes: number, writableBytes: number): void;
  drain(): DrainedChanges;
  /** The rows up to that file of the log are stored. */
  drained(log: number): void;
  /** Makes the content of these entries durable, except what a program is writing just now: its rows come again. */
  syncContent(ids: Float64Array): Promise<number>;
  syncLog(): Promise<number>;
  /** Removes content that was given up. */
  sweep(): Promise<number>;
  stats(): NativeDriveStats;
  /** Lets changes by sync be seen by programs that watch directories. */
  makeEvents(yes: boolean): void;
  close(): void;
}

interface DriveAddon {
  readonly revision: number;
  readonly NativeDrive: new (
    stateDirectory: string,
    isReadOnly: boolean,
    allowsLinks: boolean,
    deadlineMs: number,
    listener: DriveListener,
  ) => NativeDrive;
}

/** The revision of fuse/addon.cc that this file describes. */
const REVISION = 7;

/** Returns the addon that speaks the kernel's FUSE protocol; null when it was not built from these sources. */
export function loadDriveAddon(): DriveAddon['NativeDrive'] | null {
  const addon = loadBuilt<DriveAddon>('ferry_fuse');
  return addon !== null && addon.revision === REVISION ? addon.NativeDrive : null;
}
