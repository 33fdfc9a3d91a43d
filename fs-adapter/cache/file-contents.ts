import { fstatSync } from 'node:fs';
import { FerryError } from '../../core/model/errors.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { BackingFiles } from './backing-files.ts';
import { type FileNode, nsOfMs } from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import type { Extent, NeedContent } from './drive-tree.ts';
import { FileHandles } from './file-handles.ts';
import { OpenBacking } from './open-backing.ts';
import type { OpenFile } from './open-file.ts';
import { PosixError } from './posix-error.ts';

/** A file may be replaced by sync while its content is being fetched for a program; it is looked up again so often. */
const MAX_LOOKUPS = 5;

/** So long, and in such steps, is waited for the kernel to say that a closed file is not open any more. */
const SETTLE_MS = 100;
const SETTLE_STEP_MS = 5;

export interface ContentOptions {
  readonly table: DriveTable;
  readonly backing: BackingFiles;
  readonly need: NeedContent;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a changed file was closed by its last writer. */
  readonly onChanged: (node: FileNode) => void;
}

/** The content of files: what programs have open, read, write and make durable. */
export class FileContents {
  readonly #options: ContentOptions;
  readonly #handles = new FileHandles();
  /** Contents of closed files that are being made durable. */
  readonly #syncing = new Set<Promise<void>>();
  #waiting = 0;
  /** The drive's content may not grow beyond it. */
  #maxStoredBytes = Number.POSITIVE_INFINITY;

  constructor(options: ContentOptions) {
    this.#options = options;
    options.table.journal.beforeStoring = () => this.settleClosed();
  }

  /** How many handles programs hold. */
  get openHandles(): number {
    return this.#handles.count;
  }

  /** How many calls of programs wait for content that is not here. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Returns the file as programs have it open; undefined when none has. */
  openFile(id: number): OpenFile | undefined {
    return this.#handles.openFile(id);
  }

  /** Lets writes use so much more than what is stored now. */
  limitGrowth(writableBytes: number): void {
    this.#maxStoredBytes = this.#options.table.storedBytes + Math.max(0, writableBytes);
  }

  /** Opens a file; its content is fetched when it is first needed, with `truncate` never. */
  async open(
    node: FileNode,
    request: { readonly write: boolean; readonly append: boolean; readonly truncate: boolean },
  ): Promise<number> {
    const handle = this.#attach(node, request.write, request.append);
    const { file } = this.#handles.get(handle);
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
    this.#handles.get(handle).file.closed = 'never';
    return handle;
  }

  async read(handle: number, target: Uint8Array, offset: number): Promise<number> {
    const { file } = this.#handles.get(handle);
    const { node } = file;
    for (let lookups = 0; lookups < MAX_LOOKUPS && !file.isStale; lookups += 1) {
      const length = Math.min(target.length, node.sizeBytes - offset);
      if (length <= 0) return 0;
      if (this.#lacks(node, { offset, length })) {
        await this.#need(node, { offset, length }, false);
        continue;
      }
      const content = this.#content(file);
      return content === null ? 0 : content.read(target.subarray(0, length), offset);
    }
    throw outdated();
  }

  async write(handle: number, source: Uint8Array, offset: number): Promise<number> {
    const { file, write, append } = this.#handles.get(handle);
    if (!write) throw new PosixError('EBADF', 'the file is not open for writing');
    await this.#fetchBefore(file, file.node.sizeBytes);
    const { node } = file;
    const start = append ? node.sizeBytes : offset;
    this.#mustFit(start + source.length - node.sizeBytes);
    const content = this.#begin(file);
    // Claimed before the write, so that two appends at once do not get the same place.
    if (append) node.sizeBytes = start + source.length;
    try {
      await content.write(source, start);
      node.sizeBytes = Math.max(node.sizeBytes, start + source.length);
    } catch (error) {
      // What a full disk cut short counts as far as it came.
      node.sizeBytes = fstatSync(content.fd).size;
      throw error;
    } finally {
      this.#written(file);
    }
    this.#options.table.journal.commit();
    return source.length;
  }

  async truncate(target: FileNode | number, sizeBytes: number): Promise<void> {
    if (typeof target === 'number') {
      const { file, write } = this.#handles.get(target);
      if (!write) throw new PosixError('EINVAL', 'the file is not open for writing');
      return this.#resize(file, sizeBytes);
    }
    const handle = this.#attach(target, true, false);
    try {
      await this.#resize(this.#handles.get(handle).file, sizeBytes);
    } finally {
      this.release(handle);
    }
  }

  /** Makes what was written durable: first the bytes, then the rows that say so. */
  async sync(handle: number): Promise<void> {
    const { file } = this.#handles.get(handle);
    const { table, backing } = this.#options;
    if (file.isUnsynced && file.content !== null) {
      file.isUnsynced = false;
      try {
        await Promise.all([file.content.sync(), backing.syncNames()]);
        this.#stamp(file.node, file.content);
      } catch (error) {
        file.isUnsynced = true;
        throw error;
      }
    }
    await this.settleClosed();
    await table.journal.flush();
  }

  release(handle: number): void {
    const { file } = this.#handles.release(handle);
    const { node } = file;
    if (file.writers === 0 && file.closed !== null) {
      file.closed = null;
      file.isBegun = false;
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

  /** Resolves when what closed files hold is durable: the rows that say so must not be before. */
  async settleClosed(): Promise<void> {
    await Promise.all(this.#syncing);
  }

  /** Must be called after a file was taken out of the tree. */
  detached(node: FileNode): void {
    if (this.openFile(node.id) === undefined) this.drop(node);
  }

  /** Gives up a file's content; those who have the file open get what takes its place. */
  drop(node: FileNode): void {
    const file = this.openFile(node.id);
    file?.content?.close();
    if (file !== undefined) file.content = null;
    if (node.backing !== null) this.#options.backing.remove(node.backing);
    node.backing = null;
    node.stampNs = null;
    node.map = null;
    node.present = null;
    node.generation += 1;
  }

  /** Lets those who have the file open find out that there is another version of it. */
  expire(node: FileNode): void {
    const file = this.openFile(node.id);
    if (file !== undefined) file.isStale = true;
  }

  #isClosing(): boolean {
    for (const { writers, closed, isUnsynced } of this.#handles.files)
      if (writers > 0 && closed !== null && !isUnsynced) return true;
    return false;
  }

  #attach(node: FileNode, write: boolean, append: boolean): number {
    node.usedAtMs = this.#options.clock.now();
    return this.#handles.attach(node, write, append);
  }

  #lacks(node: FileNode, part: Extent): boolean {
    if (node.state !== 'placeholder' || part.length === 0) return false;
    return node.present === null || node.present.missing(part).length > 0;
  }

  async #need(node: FileNode, part: Extent, isForWrite: boolean): Promise<void> {
    this.#waiting += 1;
    try {
      await this.#options.need({ id: node.id, pid: 0, ...part, isForWrite });
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Returns the descriptor of what is here; null where there is nothing. */
  #content(file: OpenFile): OpenBacking | null {
    const { node } = file;
    if (file.content === null && node.backing !== null)
      file.content = new OpenBacking(this.#options.backing.open(node.backing));
    return file.content;
  }

  /** Brings the first bytes of a placeholder that is about to be changed, and lets go of the others. */
  async #fetchBefore(file: OpenFile, keptBytes: number): Promise<void> {
    const { node } = file;
    for (let lookups = 0; lookups < MAX_LOOKUPS && !file.isStale; lookups += 1) {
      if (node.state !== 'placeholder') return;
      const part = { offset: 0, length: Math.min(keptBytes, node.sizeBytes) };
      if (part.length > 0) await this.#need(node, part, true);
      if (node.state !== 'placeholder') return;
      if (this.#lacks(node, part)) continue;
      if (await this.#takeOver(file, part.length)) return;
    }
    throw outdated();
  }

  /**
   * Gives a placeholder that is to be changed a backing file of its own with its beginning: into the other one
   * something may still be on its way. False: the placeholder has become another one meanwhile.
   */
  async #takeOver(file: OpenFile, keptBytes: number): Promise<boolean> {
    const { table, backing } = this.#options;
    const { node } = file;
    const { generation } = node;
    const id = table.journal.nextId();
    const own = new OpenBacking(backing.create(id));
    try {
      if (keptBytes > 0) await this.#content(file)?.copyTo(own, keptBytes);
    } catch (error) {
      own.close();
      backing.remove(id);
      throw error;
    }
    if (node.state !== 'placeholder' || node.generation !== generation) {
      own.close();
      backing.remove(id);
      return node.state !== 'placeholder';
    }
    this.#noteClosed(file);
    this.drop(node);
    node.backing = id;
    node.sizeBytes = keptBytes;
    node.state = 'dirty';
    file.content = own;
    file.isUnsynced = true;
    return true;
  }

  async #resize(file: OpenFile, sizeBytes: number): Promise<void> {
    const { node } = file;
    await this.#fetchBefore(file, sizeBytes);
    this.#mustFit(sizeBytes - node.sizeBytes);
    const content = this.#begin(file);
    this.#options.backing.truncate(content.fd, sizeBytes);
    node.sizeBytes = sizeBytes;
    this.#written(file);
    this.#options.table.journal.commit();
  }

  #mustFit(growthBytes: number): void {
    const { table } = this.#options;
    if (growthBytes <= 0 || table.storedBytes + growthBytes <= this.#maxStoredBytes) return;
    throw new FerryError('LOCAL_NO_SPACE', 'the drive has no room for what is to be written');
  }

  /** Notes in the journal that the file is dirty, before a byte of it changes. */
  #begin(file: OpenFile): OpenBacking {
    const { node } = file;
    const { table, backing } = this.#options;
    this.#noteClosed(file);
    let content = this.#content(file);
    if (content === null) {
      const id = table.journal.nextId();
      content = new OpenBacking(backing.create(id));
      file.content = content;
      node.backing = id;
    }
    if (file.isBegun && node.state === 'dirty') return content;
    node.state = 'dirty';
    node.hash = null;
    node.counter += 1;
    table.changed(node);
    table.journal.commit();
    file.isBegun = true;
    return content;
  }

  #noteClosed(file: OpenFile): void {
    const { counter, sizeBytes, mtimeNs } = file.node;
    file.closed ??= { counter, sizeBytes, mtimeNs };
  }

  #written(file: OpenFile): void {
    const { node } = file;
    node.counter += 1;
    node.mtimeNs = nsOfMs(this.#options.clock.now());
    node.ctimeNs = node.mtimeNs;
    // An upload that ended meanwhile was of what the file held before.
    node.state = 'dirty';
    node.hash = null;
    file.isUnsynced = true;
    this.#options.table.changed(node);
  }

  /** Notes the backing file's own time, by which a change that the journal missed is found after a crash. */
  #stamp(node: FileNode, content: OpenBacking): void {
    node.stampNs = this.#options.backing.stampOf(content.fd);
    this.#options.table.changed(node);
  }

  #close(file: OpenFile): void {
    const { table, logger } = this.#options;
    const { content, node } = file;
    file.content = null;
    if (content !== null && file.isUnsynced) {
      // Pages of a mapped file arrive after the last close, when nobody is left to wait for them.
      this.#stamp(node, content);
      const syncing = content
        .sync()
        .catch((error) => logger.error('a backing file cannot be synced', { error: String(error) }))
        .finally(() => {
          content.close();
          this.#syncing.delete(syncing);
        });
      this.#syncing.add(syncing);
    } else content?.close();
    if (!table.holds(node)) this.drop(node);
  }
}

function outdated(): PosixError {
  return new PosixError('ESTALE', 'another version of the file has come from the other side');
}
