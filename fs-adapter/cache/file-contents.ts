import { fdatasync, read as fsRead, fstatSync, write as fsWrite } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock, Logger } from '../../core/ports.ts';
import type { BackingFiles } from './backing-files.ts';
import { type FileNode, nsOfMs, versionOf } from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import type { Hydrations } from './hydrations.ts';
import type { DisplacedState, Handle, OpenFile } from './open-file.ts';
import { PosixError } from './posix-error.ts';

const readAt = promisify(fsRead);
const writeAt = promisify(fsWrite);
const syncData = promisify(fdatasync);

/** A file may be replaced by sync while its content is being fetched for a program; it is looked up again so often. */
const MAX_LOOKUPS = 5;

/** So long, and in such steps, is waited for the kernel to say that a closed file is not open any more. */
const SETTLE_MS = 100;
const SETTLE_STEP_MS = 5;

/** fuse-native carries handles in 31 bits, and cannot carry 0. */
const MAX_HANDLE = 0x7fff_ffff;

export interface ContentOptions {
  readonly table: DriveTable;
  readonly backing: BackingFiles;
  readonly hydrations: Hydrations;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a changed file was closed by its last writer. */
  readonly onChanged: (node: FileNode) => void;
}

/** The content of files: what programs have open, read, write and make durable. */
export class FileContents {
  readonly #options: ContentOptions;
  readonly #open = new Map<FileNode, OpenFile>();
  readonly #handles = new Map<number, Handle>();
  #lastHandle = 0;

  constructor(options: ContentOptions) {
    this.#options = options;
  }

  /** How many handles programs hold. */
  get openHandles(): number {
    return this.#handles.size;
  }

  /** Returns the file as programs have it open; undefined when none has. */
  openFile(node: FileNode): OpenFile | undefined {
    return this.#open.get(node);
  }

  /** Returns what programs that have the file open still see of it, where that is not the drive's version any more. */
  displaced(node: FileNode): DisplacedState | null {
    return this.#open.get(node)?.displaced ?? null;
  }

  /** Opens a file; its content is fetched when it is first needed, with `truncate` never. */
  async open(
    node: FileNode,
    request: { readonly write: boolean; readonly append: boolean; readonly truncate: boolean },
  ): Promise<number> {
    const handle = this.#attach(node, request.write, request.append);
    const { file } = this.#handle(handle);
    try {
      if (request.truncate) await this.#resize(file, 0);
      return handle;
    } catch (error) {
      this.release(handle);
      throw error;
    }
  }

  /** Opens a file that has just been made and is in the table as dirty and empty. */
  openNew(node: FileNode): number {
    const handle = this.#attach(node, true, false);
    this.#handle(handle).file.closed = 'never';
    return handle;
  }

  async read(handle: number, target: Uint8Array, offset: number): Promise<number> {
    const { file } = this.#handle(handle);
    const fd = await this.#content(file);
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await readAt(fd, target, done, target.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(handle: number, source: Uint8Array, offset: number): Promise<number> {
    const { file, write, append } = this.#handle(handle);
    if (!write) throw new PosixError('EBADF', 'the file is not open for writing');
    const fd = await this.#content(file);
    await this.#begin(file);
    const { node } = file;
    const start = append ? node.sizeBytes : offset;
    // Claimed before the write, so that two appends at once do not get the same place.
    if (append) node.sizeBytes = start + source.length;
    let done = 0;
    try {
      while (done < source.length)
        done += (await writeAt(fd, source, done, source.length - done, start + done)).bytesWritten;
      node.sizeBytes = Math.max(node.sizeBytes, start + done);
    } catch (error) {
      // What a full disk cut short counts as far as it came.
      node.sizeBytes = fstatSync(fd).size;
      throw error;
    } finally {
      this.#written(file);
    }
    return done;
  }

  async truncate(target: FileNode | number, sizeBytes: number): Promise<void> {
    if (typeof target === 'number') {
      const { file, write } = this.#handle(target);
      if (!write) throw new PosixError('EINVAL', 'the file is not open for writing');
      return this.#resize(file, sizeBytes);
    }
    const handle = this.#attach(target, true, false);
    try {
      await this.#resize(this.#handle(handle).file, sizeBytes);
      await this.sync(handle);
    } finally {
      this.release(handle);
    }
  }

  /** Makes what was written durable: first the bytes, then the record that says so. */
  async sync(handle: number): Promise<void> {
    const { file } = this.#handle(handle);
    const { table } = this.#options;
    if (file.unsynced && file.fd !== null) {
      file.unsynced = false;
      try {
        await Promise.all([syncData(file.fd), this.#options.backing.syncNames()]);
        this.#stamp(file, file.fd);
      } catch (error) {
        file.unsynced = true;
        throw error;
      }
      await table.journal.flush();
    } else if (file.closed !== undefined) {
      await table.journal.flush();
    }
  }

  release(handle: number): void {
    const { file, write } = this.#handle(handle);
    this.#handles.delete(handle);
    file.handles -= 1;
    if (write) file.writers -= 1;
    const { node } = file;
    const wasChanged = file.closed !== undefined;
    if (file.writers === 0 && wasChanged) {
      file.closed = undefined;
      file.begun = null;
      this.#options.table.changed(node);
      if (this.#options.table.holds(node)) this.#options.onChanged(node);
    }
    if (file.handles === 0) this.#close(file);
  }

  /**
   * Waits a moment for files that look closed: the kernel answers `close` first and tells of the last one later, so
   * that a sync right after a save would find the file still open.
   */
  async settle(): Promise<void> {
    for (let waitedMs = 0; waitedMs < SETTLE_MS && this.#isClosing(); waitedMs += SETTLE_STEP_MS)
      await this.#options.clock.sleep(SETTLE_STEP_MS);
  }

  /** Must be called after a file was taken out of the tree. */
  detached(node: FileNode): void {
    if (!this.#open.has(node)) this.#dropBacking(node);
  }

  /**
   * Lets go of the content of a file that sync gives another version; who reads the old one keeps it. The caller
   * has made sure that nobody is writing.
   */
  displace(node: FileNode): void {
    const file = this.#open.get(node);
    if (file !== undefined && file.fd !== null && file.displaced === null)
      file.displaced = { sizeBytes: node.sizeBytes, mtimeNs: node.mtimeNs };
    this.#dropBacking(node);
  }

  #isClosing(): boolean {
    for (const { writers, closed, unsynced } of this.#open.values())
      if (writers > 0 && closed !== undefined && !unsynced) return true;
    return false;
  }

  #attach(node: FileNode, write: boolean, append: boolean): number {
    let file = this.#open.get(node);
    if (file?.displaced && write) {
      file.stale = true;
      this.#open.delete(node);
      file = undefined;
    }
    if (file === undefined) {
      file = {
        node,
        handles: 0,
        writers: 0,
        fd: null,
        closed: undefined,
        displaced: null,
        stale: false,
        unsynced: false,
        begun: null,
      };
      this.#open.set(node, file);
    }
    file.handles += 1;
    if (write) file.writers += 1;
    do this.#lastHandle = (this.#lastHandle % MAX_HANDLE) + 1;
    while (this.#handles.has(this.#lastHandle));
    this.#handles.set(this.#lastHandle, { file, write, append });
    return this.#lastHandle;
  }

  #handle(handle: number): Handle {
    const found = this.#handles.get(handle);
    if (found === undefined) throw new PosixError('EBADF', 'the handle is not open');
    return found;
  }

  /** Returns the descriptor of the content, which is fetched if it is not here. */
  async #content(file: OpenFile): Promise<number> {
    for (let lookups = 0; lookups < MAX_LOOKUPS; lookups += 1) {
      if (file.stale) break;
      if (file.fd !== null) return file.fd;
      const { node } = file;
      if (node.backing === null) await this.#options.hydrations.fill(node);
      // Nothing is awaited between the look and the opening, so that both see the same content.
      if (file.fd === null && node.backing !== null && !file.stale)
        file.fd = this.#options.backing.open(node.backing);
    }
    throw new PosixError('ESTALE', 'another version of the file has come from the other side');
  }

  async #resize(file: OpenFile, sizeBytes: number): Promise<void> {
    const { node } = file;
    if (sizeBytes > 0 || node.backing !== null) await this.#content(file);
    await this.#begin(file);
    if (file.fd === null) this.#openEmpty(file);
    if (file.fd !== null) this.#options.backing.truncate(file.fd, sizeBytes);
    node.sizeBytes = sizeBytes;
    this.#written(file);
  }

  /** Gives a placeholder that is cut to nothing a new, empty backing file. */
  #openEmpty(file: OpenFile): void {
    const { table, backing } = this.#options;
    if (file.node.backing !== null) {
      file.fd = backing.open(file.node.backing);
      return;
    }
    const id = table.journal.nextId();
    file.fd = backing.create(id);
    file.node.backing = id;
  }

  /** Notes in the journal that the file is dirty, before a byte of it changes. */
  #begin(file: OpenFile): Promise<void> {
    if (file.begun !== null) return file.begun;
    const { node } = file;
    const { table } = this.#options;
    if (file.closed === undefined)
      file.closed = {
        version: versionOf(node),
        sizeBytes: node.sizeBytes,
        mtimeNs: node.mtimeNs,
      };
    const wasDirty = node.state === 'dirty';
    if (node.state === 'placeholder') this.#openEmpty(file);
    node.state = 'dirty';
    node.hash = null;
    node.counter += 1;
    table.changed(node);
    if (wasDirty) return Promise.resolve();
    file.begun = table.journal.flush().catch((error: unknown) => {
      file.begun = null;
      throw error;
    });
    return file.begun;
  }

  #written(file: OpenFile): void {
    const { node } = file;
    const nowMs = this.#options.clock.now();
    node.counter += 1;
    node.mtimeNs = nsOfMs(nowMs);
    node.ctimeNs = node.mtimeNs;
    // An upload that ended meanwhile was of what the file held before.
    node.state = 'dirty';
    node.hash = null;
    file.unsynced = true;
    this.#options.table.changed(node);
  }

  /** Notes the backing file's own time, by which a change that the journal missed is found after a crash. */
  #stamp(file: OpenFile, fd: number): void {
    file.node.stampNs = this.#options.backing.stampOf(fd);
    this.#options.table.changed(file.node);
  }

  #close(file: OpenFile): void {
    const { backing, table, logger } = this.#options;
    const { fd } = file;
    file.fd = null;
    if (fd !== null && file.unsynced) {
      // Pages of a mapped file arrive after the last close, when nobody is left to wait for them.
      this.#stamp(file, fd);
      syncData(fd)
        .catch((error) => logger.error('a backing file cannot be synced', { error: String(error) }))
        .finally(() => backing.close(fd));
    } else if (fd !== null) backing.close(fd);
    if (this.#open.get(file.node) === file) this.#open.delete(file.node);
    if (!table.holds(file.node) && !this.#open.has(file.node)) this.#dropBacking(file.node);
  }

  #dropBacking(node: FileNode): void {
    if (node.backing !== null) this.#options.backing.remove(node.backing);
    node.backing = null;
    node.stampNs = null;
  }
}
