import { loadBuilt } from './load-built.ts';

/** A hasher of the addon, in its own memory. */
export interface NativeHasher {
  readonly __brand: 'NativeHasher';
}

/** The functions of addon.cc and content-calls.cc: a negative number is an errno. Paths must have been parsed. */
export interface Addon {
  readonly revision: number;
  probe(): number;
  open(root: number, path: string, flags: number, mode: number): Promise<number>;
  /** The groups of group-files.hh; paths are joined by NUL. */
  createFiles(
    root: number,
    paths: string,
    contents: readonly Uint8Array[],
    modes: Uint32Array,
    times: BigInt64Array,
  ): Promise<ArrayBuffer>;
  readFiles(
    root: number,
    paths: string,
    maxBytes: Float64Array,
  ): Promise<readonly [words: ArrayBuffer, contents: Buffer]>;
  renameFiles(root: number, paths: string, pairs: number): Promise<ArrayBuffer>;
  makeDirectories(root: number, paths: string, modes: Uint32Array): Promise<ArrayBuffer>;
  stat(root: number, path: string): Promise<number | ArrayBuffer>;
  statDescriptor(fd: number): Promise<number | ArrayBuffer>;
  /** `known` holds two words for each path; the private names are left out of fingerprints. */
  survey(
    root: number,
    paths: readonly string[],
    known: BigUint64Array,
    privateFolder: string,
    privatePrefix: string,
    onlyDirectories: boolean,
  ): Promise<number | ArrayBuffer>;
  makeDirectory(root: number, path: string, mode: number): Promise<number>;
  unlink(root: number, path: string, isDirectory: boolean): Promise<number>;
  makeLink(root: number, path: string, target: string): Promise<number>;
  readLink(root: number, path: string): Promise<number | Buffer>;
  rename(root: number, from: string, to: string, flags: number): Promise<number>;
  hardLink(root: number, from: string, to: string): Promise<number>;
  setTimes(root: number, path: string, mtimeNs: bigint): Promise<number>;
  setTimesOfDescriptor(fd: number, mtimeNs: bigint): Promise<number>;
  setMode(root: number, path: string, mode: number): Promise<number>;
  syncFileSystem(root: number): Promise<number>;
  syncDirectory(root: number, path: string): Promise<number>;
  space(root: number): Promise<number | ArrayBuffer>;
  /** A task ends when its `cancel` flag is set. */
  hashFile(root: number, path: string, cancel: Uint8Array): Promise<number | ArrayBuffer>;
  chunkFile(
    root: number,
    path: string,
    averageBytes: number,
    cancel: Uint8Array,
  ): Promise<number | readonly [words: ArrayBuffer, chunks: Buffer]>;
  copyRange(
    source: number,
    sourceOffset: number,
    target: number,
    targetOffset: number,
    length: number,
    hasher: NativeHasher | undefined,
  ): Promise<number>;
  startWriteback(fd: number, offset: number, length: number): Promise<number>;
  /** 32 bytes for each; the contents must stay as they are until it has settled. */
  hashEach(contents: readonly Uint8Array[]): Promise<Buffer>;
  newHasher(): NativeHasher;
  updateHasher(hasher: NativeHasher, bytes: Uint8Array): Promise<number>;
  updateHasherNow(hasher: NativeHasher, bytes: Uint8Array): void;
  finishHasher(hasher: NativeHasher): Buffer;
  /** Returns an inotify descriptor, for node:fs to close. */
  watchOpen(): number;
  /** Watches directories; one word for each: its watch, or a negative errno. */
  watchAdd(inotify: number, root: number, paths: readonly string[]): Promise<number | ArrayBuffer>;
  watchRemove(inotify: number, watches: Int32Array): void;
  /** Returns what is queued at this moment, as in inotify(7), at most 8 MiB of it; 0: nothing is. */
  watchRead(inotify: number): number | Buffer;
  /** Calls back while there is anything to read, without keeping the process alive; returns what ends that. */
  watchPoll(inotify: number, onReadable: () => void): number | (() => void);
}

/** The revision of addon.cc that this file describes; an older build may still lie in build/. */
const REVISION = 7;

/** What was found when it was asked for first: it does not change while the process lives. */
let found: Addon | null | undefined;

/** Returns the addon, or null when it was not built from these sources, or the kernel (or a container's filter) refuses openat2. */
export function loadAddon(): Addon | null {
  if (found === undefined) found = findAddon();
  return found;
}

function findAddon(): Addon | null {
  const addon = loadBuilt<Addon>('ferry_native');
  return addon !== null && addon.revision === REVISION && addon.probe() === 0 ? addon : null;
}
