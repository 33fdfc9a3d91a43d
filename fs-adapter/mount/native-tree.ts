import { promises as fs } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import type { ContentHash, Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import {
  type DrainedChanges,
  type IncomingContent,
  loadDriveAddon,
  type NativeDrive,
  type NativeDriveStats,
} from '../../native/drive-addon.ts';
import { BackingFiles } from '../cache/backing-files.ts';
import { feedRows, type RowLoader } from '../cache/drive-load.ts';
import { logDirectory } from '../cache/drive-log.ts';
import type { DriveStore } from '../cache/drive-store.ts';
import type {
  DriveEntry,
  DriveFile,
  DriveRoom,
  DriveTree,
  Extent,
  FileMark,
  FillTarget,
  KeptBecause,
  NeedContent,
  NewContent,
  NewEntry,
} from '../cache/drive-tree.ts';
import { keepUnknownContents } from '../cache/unknown-contents.ts';
import { RowCarrier } from './carry-rows.ts';
import { findByNormalForm } from './find-by-normal-form.ts';
import { nativeEntriesIn, nativeEntryAt } from './native-entry.ts';
import { errnoName, errorOf } from './native-error.ts';
import { listenerOf, newSubjects, type Subjects, syncPathOf, tellOf } from './native-events.ts';
import type { ShowRequest } from './shown-tree.ts';

export interface NativeTreeOptions {
  /** Open; the tree closes it. */
  readonly store: DriveStore;
  readonly stateDirectory: string;
  readonly readOnly: boolean;
  readonly allowSymlinks: boolean;
  /** A call that waits for content fails when nothing comes for so long. */
  readonly deadlineMs: number;
  readonly need: NeedContent;
  readonly clock: Clock;
  readonly logger: Logger;
}

const KINDS = { directory: 0, file: 1, symlink: 2 } as const;
const MARKS: Readonly<Record<FileMark, number>> = { uploading: 1, conflict: 2 };
const DIRECTORY = -1;
const LINK_MODE = 0o777;
const PRIVATE_MODE = 0o700;
const SETTLE_MS = 1000;
const SETTLE_STEP_MS = 2;
const NO_STAMP = -1n;

/** A drive in the addon's memory: programs are answered by its threads, without JavaScript. */
export class NativeTree implements DriveTree {
  readonly identity: string;
  readonly pending$: Observable<number>;
  readonly changes$: Observable<SyncPath>;
  readonly pins$: Observable<number>;
  readonly #options: NativeTreeOptions;
  readonly #drive: NativeDrive;
  readonly #backing: BackingFiles;
  readonly #carrier: RowCarrier;
  readonly #subjects: Subjects;
  /** Closed files that were waited for in vain: mappings keep them open, and nobody waits for them again. */
  #keptOpen = 0;

  private constructor(options: NativeTreeOptions, drive: NativeDrive, rest: Loaded) {
    this.#options = options;
    this.#drive = drive;
    this.identity = rest.identity;
    this.#backing = new BackingFiles(options.stateDirectory);
    this.#carrier = rest.carrier;
    this.#subjects = rest.subjects;
    this.pending$ = rest.subjects.pending.asObservable();
    this.changes$ = rest.subjects.changes.asObservable();
    this.pins$ = rest.subjects.pins.asObservable();
  }

  /** Null where the addon was not built. @throws LOCAL_NO_SPACE, LOCAL_IO, RECORD_CORRUPT */
  static async open(options: NativeTreeOptions): Promise<NativeTree | null> {
    const Addon = loadDriveAddon();
    if (Addon === null) return null;
    const { stateDirectory, store, clock, logger, readOnly, allowSymlinks, deadlineMs } = options;
    for (const directory of [join(stateDirectory, 'cache'), logDirectory(stateDirectory)])
      await fs.mkdir(directory, { recursive: true, mode: PRIVATE_MODE });
    const subjects = newSubjects();
    const drive = new Addon(stateDirectory, readOnly, allowSymlinks, deadlineMs, (...event) =>
      listen(...event),
    );
    const opened = drive.open();
    if (opened < 0) throw errorOf(opened, stateDirectory);
    const onDrained = ({ paths, dirty }: DrainedChanges): void => tellOf(subjects, paths, dirty);
    const carrier = new RowCarrier({ drive, store, logger, onDrained });
    const listen = listenerOf(drive, carrier, subjects, options.need);
    drive.reserve((await store.check()).count);
    const { identity, check, lostRows } = await feedRows(store, loaderOf(drive), logger);
    const nowMs = clock.now();
    if (lostRows) await keepUnknownContents({ store, stateDirectory, nowMs, logger });
    const differing = drive.settle(check.nextId);
    if (differing > 0) logger.warn('content was found changed or gone', { files: differing });
    await new BackingFiles(stateDirectory).pruneVersions(nowMs);
    subjects.pending.next(drive.stats().dirty);
    return new NativeTree(options, drive, { identity, carrier, subjects });
  }

  get stats(): NativeDriveStats {
    return this.#drive.stats();
  }

  get entries(): number {
    return this.#drive.stats().entries;
  }

  get storedBytes(): number {
    return this.#drive.stats().storedBytes;
  }

  get openHandles(): number {
    return this.#drive.stats().openHandles;
  }

  get pending(): number {
    return this.#drive.stats().dirty;
  }

  /** Emits the errno, or 0, when the kernel has let go of the mount. */
  get ended$(): Observable<number> {
    return this.#subjects.ended.asObservable();
  }

  /** Shows the tree at an empty directory. @throws MOUNT_UNAVAILABLE */
  async mount(request: ShowRequest): Promise<void> {
    const { mountPoint, source, allowOthers, passthrough } = request;
    const result = await this.#drive.mount(mountPoint, source, allowOthers, passthrough);
    if (result === 0) return;
    const name = errnoName(-result);
    throw new FerryError(
      'MOUNT_UNAVAILABLE',
      `${mountPoint} cannot be mounted (${name}); ferry doctor says more`,
      { path: mountPoint },
    );
  }

  /** Waits until all that belongs to the mount is given back; the kernel must have been asked to unmount. */
  async detached(): Promise<void> {
    await this.#drive.detached();
  }

  /** Ends a mount that was unmounted lazily for the programs that still use it; `detached` resolves then. */
  async leave(): Promise<void> {
    await this.#drive.leave();
  }

  find(path: SyncPath): DriveEntry | null {
    const shown = this.#drive.find(path);
    if (shown !== null) return nativeEntryAt(shown).entry;
    return findByNormalForm(this, path);
  }

  entry(id: number): DriveEntry | null {
    const shown = this.#drive.entry(id);
    return shown === null ? null : nativeEntryAt(shown).entry;
  }

  children(directoryId: number): readonly DriveEntry[] {
    return [...nativeEntriesIn(this.#drive.children(directoryId))];
  }

  pathOf(id: number): SyncPath | null {
    const bytes = this.#drive.pathOf(id);
    return bytes === null ? null : syncPathOf(bytes);
  }

  insert(directoryId: number, entry: NewEntry): DriveEntry {
    const target = entry.kind === 'symlink' ? entry.target : '';
    const content =
      entry.kind === 'file'
        ? incoming(entry)
        : plain(entry.kind === 'directory' ? entry.mode : LINK_MODE);
    return this.#shown(
      this.#drive.insert(directoryId, KINDS[entry.kind], entry.name, target, ...content),
      entry.name,
    );
  }

  replace(id: number, expected: number, content: NewContent): DriveFile {
    return fileOf(this.#shown(this.#drive.replace(id, expected, ...incoming(content)), id));
  }

  remove(id: number, expected: number | 'directory'): void {
    const result = this.#drive.remove(id, counterOf(expected));
    if (result < 0) throw errorOf(result, this.#nameOf(id));
  }

  move(id: number, expected: number | 'directory', directoryId: number, name: string): DriveEntry {
    return this.#shown(this.#drive.move(id, counterOf(expected), directoryId, name), id);
  }

  setMetadata(
    id: number,
    expected: number,
    metadata: { readonly mtimeNs?: bigint; readonly mode?: number },
  ): DriveFile {
    const { mtimeNs = null, mode = null } = metadata;
    return fileOf(this.#shown(this.#drive.setMetadata(id, expected, mtimeNs, mode), id));
  }

  noteCounterpart(id: number, counter: number, source: Version): void {
    this.#drive.noteCounterpart(id, counter, source);
  }

  noteHash(id: number, counter: number, hash: ContentHash): void {
    this.#drive.noteHash(id, counter, Buffer.from(hash, 'hex'));
  }

  disown(id: number, expected: number): boolean {
    return this.#drive.disown(id, expected);
  }

  setMark(id: number, mark: FileMark | null): void {
    this.#drive.setMark(id, mark === null ? 0 : MARKS[mark]);
  }

  setPinned(id: number, isPinned: boolean): void {
    this.#drive.setPinned(id, isPinned);
  }

  pinned(): Iterable<DriveEntry> {
    return nativeEntriesIn(this.#drive.pinned());
  }

  fillTarget(id: number): FillTarget | null {
    const result = this.#drive.fillTarget(id);
    if (result === -constants.errno.ENOENT) return null;
    if (typeof result === 'number') throw errorOf(result, this.#nameOf(id));
    const { entry, generation } = nativeEntryAt(result);
    const { source, sizeBytes, hash, backing } = fileOf(entry);
    const backingPath = this.backingPath(backing ?? 0);
    return { id, generation, source, sizeBytes, hash, backingPath };
  }

  missing(id: number, { offset, length }: Extent): readonly Extent[] {
    const runs = this.#drive.missing(id, offset, length);
    const extents: Extent[] = [];
    for (let at = 0; at < runs.length; at += 2)
      extents.push({ offset: runs[at] ?? 0, length: runs[at + 1] ?? 0 });
    return extents;
  }

  filled(id: number, generation: number, { offset, length }: Extent): boolean {
    return this.#drive.filled(id, generation, offset, length) === 0;
  }

  completed(id: number, generation: number, stampNs: bigint): boolean {
    return this.#drive.completed(id, generation, stampNs) === 0;
  }

  discard(id: number, generation: number): void {
    this.#drive.discard(id, generation);
  }

  dehydrate(id: number): KeptBecause | null {
    const result = -this.#drive.dehydrate(id);
    if (result === constants.errno.EBUSY) return 'dirty';
    if (result === constants.errno.ETXTBSY) return 'open';
    return result === constants.errno.EPERM ? 'pinned' : null;
  }

  stored(): Iterable<DriveFile> {
    return filesIn(nativeEntriesIn(this.#drive.stored()));
  }

  newBacking(): { readonly backing: number; readonly path: string } {
    const backing = this.#drive.newBacking();
    return { backing, path: this.backingPath(backing) };
  }

  backingPath(backing: number): string {
    return join(this.#options.stateDirectory, 'cache', String(backing));
  }

  setRoom({ totalBytes, freeBytes, writableBytes }: DriveRoom): void {
    const most = Number.MAX_SAFE_INTEGER;
    this.#drive.setRoom(
      Math.min(totalBytes, most),
      Math.min(freeBytes, most),
      Math.min(writableBytes, most),
    );
  }

  keepVersion(backing: number, path: SyncPath): Promise<string> {
    return this.#backing.keepVersion(backing, path, this.#options.clock.now());
  }

  async settle(): Promise<void> {
    const { clock } = this.#options;
    for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += SETTLE_STEP_MS) {
      const { closing } = this.#drive.stats();
      this.#keptOpen = Math.min(this.#keptOpen, closing);
      if (closing === this.#keptOpen) return;
      await clock.sleep(SETTLE_STEP_MS);
    }
    this.#keptOpen = this.#drive.stats().closing;
  }

  async flush(): Promise<void> {
    const result = await this.#drive.syncLog();
    if (result < 0) throw errorOf(result, this.#options.stateDirectory);
  }

  async close(): Promise<void> {
    const { store } = this.#options;
    try {
      await this.#carrier.close();
    } finally {
      this.#drive.close();
      for (const subject of Object.values(this.#subjects)) subject.complete();
      await store.close();
    }
  }

  #shown(result: Buffer | number, about: number | string): DriveEntry {
    if (typeof result !== 'number') return nativeEntryAt(result).entry;
    throw errorOf(result, typeof about === 'string' ? about : this.#nameOf(about));
  }

  #nameOf(id: number): string {
    return this.pathOf(id) ?? `entry ${id}`;
  }
}

interface Loaded {
  readonly identity: string;
  readonly carrier: RowCarrier;
  readonly subjects: Subjects;
}

function loaderOf(drive: NativeDrive): RowLoader {
  return {
    add(packed) {
      const loaded = drive.seed(packed);
      if (loaded !== null) return loaded;
      throw new FerryError('RECORD_CORRUPT', "the drive's records hold what is no record");
    },
    link: () => drive.link(),
  };
}

function incoming(content: NewContent): IncomingContent {
  const { sizeBytes, source, hash, mtimeNs = null, mode = null, staged } = content;
  return [
    sizeBytes,
    source,
    hash === null ? null : Buffer.from(hash, 'hex'),
    mtimeNs,
    mode,
    staged?.backing ?? 0,
    staged?.stampNs ?? NO_STAMP,
  ];
}

function plain(mode: number): IncomingContent {
  return [0, '', null, null, mode, 0, NO_STAMP];
}

function counterOf(expected: number | 'directory'): number {
  return expected === 'directory' ? DIRECTORY : expected;
}

function* filesIn(entries: Iterable<DriveEntry>): Iterable<DriveFile> {
  for (const entry of entries) if (entry.kind === 'file') yield entry;
}

function fileOf(entry: DriveEntry): DriveFile {
  if (entry.kind === 'file') return entry;
  throw new FerryError('INTERNAL', `entry ${entry.id} of the drive is no file`);
}
