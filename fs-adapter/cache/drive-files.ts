import { constants } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { isPrivateName, isValidName, type SyncPath } from '../../core/model/path.ts';
import type { Clock } from '../../core/ports.ts';
import type {
  Attributes,
  MountedFiles,
  OpenRequest,
  SpaceOnDrive,
} from '../mount/mount-backend.ts';
import type { BackingFiles } from './backing-files.ts';
import {
  blankRow,
  type DirectoryNode,
  type DriveNode,
  type FileNode,
  nodeOf,
  nsOfMs,
} from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
import type { FileContents } from './file-contents.ts';
import type { Hydrations } from './hydrations.ts';
import { PosixError } from './posix-error.ts';

const MAX_NAME_BYTES = 255;
const STATE_ATTRIBUTE = 'user.ferry.state';

const FORMATS = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
} as const;

/** What libfuse renames an open file to when it is removed or replaced; nobody else sees it. */
const HIDDEN_NAME = /^\.fuse_hidden[0-9a-f]{16}$/;

export interface DriveFilesOptions {
  readonly table: DriveTable;
  readonly contents: FileContents;
  readonly backing: BackingFiles;
  readonly hydrations: Hydrations;
  readonly clock: Clock;
  readonly stateDirectory: string;
  readonly readOnly: boolean;
  readonly allowSymlinks: boolean;
  readonly quota: (() => Promise<SpaceOnDrive | null>) | undefined;
  /** Called after a program changed something at or below the path. */
  readonly onChanged: (path: SyncPath) => void;
}

interface Place {
  readonly parent: DirectoryNode;
  readonly name: string;
  readonly node: DriveNode | undefined;
}

/** The drive as programs see it: POSIX semantics over the table and the contents. */
export class DriveFiles implements MountedFiles {
  readonly #options: DriveFilesOptions;
  /** Files that libfuse keeps under a name of its own until they are closed. */
  readonly #hidden = new Map<string, DriveNode>();
  /** What was last hidden and where: the rename that follows puts a new file in its place. */
  #lastHidden: {
    readonly parent: DirectoryNode;
    readonly name: string;
    readonly node: DriveNode;
  } | null = null;

  constructor(options: DriveFilesOptions) {
    this.#options = options;
  }

  attributes(path: string): Attributes {
    const node = this.#existing(path);
    const common = {
      inode: node.id,
      kind: node.kind,
      format: node.kind === 'special' ? node.format : FORMATS[node.kind],
      mode: node.mode,
      mtimeNs: node.mtimeNs,
      ctimeNs: node.ctimeNs,
    };
    if (node.kind === 'directory') return { ...common, sizeBytes: 0, storedBytes: 0, links: 2 };
    if (node.kind === 'symlink') {
      const sizeBytes = Buffer.byteLength(node.target);
      return { ...common, sizeBytes, storedBytes: 0, links: 1 };
    }
    if (node.kind === 'special') return { ...common, sizeBytes: 0, storedBytes: 0, links: 1 };
    const shown = this.#options.contents.displaced(node) ?? node;
    return {
      ...common,
      mtimeNs: shown.mtimeNs,
      sizeBytes: shown.sizeBytes,
      storedBytes: node.state === 'placeholder' ? 0 : shown.sizeBytes,
      links: this.#options.table.holds(node) ? 1 : 0,
    };
  }

  names(path: string): readonly string[] {
    return [...this.#directory(path).children.keys()];
  }

  readLink(path: string): string {
    const node = this.#existing(path);
    if (node.kind !== 'symlink') throw new PosixError('EINVAL', `${path} is no symbolic link`);
    return node.target;
  }

  open(path: string, request: OpenRequest): Promise<number> {
    if (request.write || request.truncate) this.#mustBeWritable();
    return this.#options.contents.open(this.#file(path), request);
  }

  create(path: string, mode: number): number {
    return this.#options.contents.openNew(this.#newFile(path, mode));
  }

  read(handle: number, target: Uint8Array, offset: number): Promise<number> {
    return this.#options.contents.read(handle, target, offset);
  }

  write(handle: number, source: Uint8Array, offset: number): Promise<number> {
    return this.#options.contents.write(handle, source, offset);
  }

  async truncate(target: string | number, sizeBytes: number): Promise<void> {
    this.#mustBeWritable();
    const { contents } = this.#options;
    await contents.truncate(typeof target === 'number' ? target : this.#file(target), sizeBytes);
  }

  sync(handle: number): Promise<void> {
    return this.#options.contents.sync(handle);
  }

  syncTree(): Promise<void> {
    return this.#options.table.journal.flush();
  }

  release(handle: number): void {
    this.#options.contents.release(handle);
  }

  makeFile(path: string, mode: number): void {
    this.#changedAt(this.#newFile(path, mode));
  }

  makeDirectory(path: string, mode: number): void {
    const { parent, name } = this.#freePlace(path);
    const node = nodeOf({ ...this.#blank(name, mode), kind: 'directory' });
    this.#options.table.insert(node, parent, this.#options.clock.now());
    this.#changedAt(node);
  }

  makeLink(path: string, target: string): void {
    const { parent, name } = this.#freePlace(path);
    if (!this.#options.allowSymlinks)
      throw new PosixError('EPERM', 'the other side of this drive keeps no symbolic links');
    const node = nodeOf({ ...this.#blank(name, 0o777), kind: 'symlink', target });
    this.#options.table.insert(node, parent, this.#options.clock.now());
    this.#changedAt(node);
  }

  removeFile(path: string): void {
    this.#mustBeWritable();
    const hidden = this.#hidden.get(path);
    if (hidden !== undefined) {
      this.#hidden.delete(path);
      return;
    }
    const node = this.#existing(path);
    if (node.kind === 'directory') throw new PosixError('EISDIR', `${path} is a directory`);
    this.#drop(node);
  }

  removeDirectory(path: string): void {
    this.#mustBeWritable();
    const node = this.#directory(path);
    if (node === this.#options.table.root) throw new PosixError('EBUSY', 'it is the drive itself');
    if (node.children.size > 0) throw new PosixError('ENOTEMPTY', `${path} is not empty`);
    this.#drop(node);
  }

  rename(from: string, to: string): void {
    this.#mustBeWritable();
    const { table, contents, clock } = this.#options;
    const source = this.#existing(from);
    if (source === table.root) throw new PosixError('EBUSY', 'it is the drive itself');
    const { parent, name, node: target } = this.#place(to);
    if (HIDDEN_NAME.test(name) && source.kind === 'file' && contents.openFile(source)) {
      this.#hide(source, to);
      return;
    }
    if (target === source) return;
    this.#mustFit(source, parent, target, to);
    const replaced = target ?? this.#justHidden(parent, name);
    if (target !== undefined) this.#remove(target);
    if (replaced?.kind === 'file' && source.kind === 'file') inherit(source, replaced);
    const oldPath = table.pathOf(source);
    table.move(source, parent, name, clock.now());
    this.#options.onChanged(oldPath);
    this.#changedAt(source);
  }

  setMode(path: string, mode: number): void {
    this.#mustBeWritable();
    const node = this.#existing(path);
    if (node.kind === 'symlink' || node.mode === (mode & 0o7777)) return;
    node.mode = mode & 0o7777;
    this.#metadataChanged(node);
  }

  setModified(path: string, mtimeNs: bigint): void {
    this.#mustBeWritable();
    const node = this.#existing(path);
    if (node.mtimeNs === mtimeNs) return;
    node.mtimeNs = mtimeNs;
    this.#metadataChanged(node);
  }

  async space(): Promise<SpaceOnDrive> {
    const { bsize, blocks, bavail } = await statfs(this.#options.stateDirectory);
    const disk = { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
    // A server that does not say leaves the disk's own room.
    const quota = await this.#options.quota?.().catch(() => null);
    if (!quota) return disk;
    return {
      totalBytes: Math.max(0, quota.totalBytes),
      freeBytes: Math.max(0, Math.min(quota.freeBytes, disk.freeBytes)),
    };
  }

  extendedAttributes(path: string): readonly string[] {
    return this.#existing(path).kind === 'file' ? [STATE_ATTRIBUTE] : [];
  }

  extendedAttribute(path: string, name: string): Uint8Array | null {
    const node = this.#existing(path);
    if (name !== STATE_ATTRIBUTE || node.kind !== 'file') return null;
    const words = { placeholder: 'online', hydrated: 'local', dirty: 'dirty' } as const;
    return Buffer.from(words[node.state]);
  }

  isFetching(): boolean {
    return this.#options.hydrations.active > 0;
  }

  #existing(path: string): DriveNode {
    const node = this.#hidden.get(path) ?? this.#options.table.find(path.normalize('NFC'));
    if (node === undefined) throw new PosixError('ENOENT', `${path} is not there`);
    return node;
  }

  #file(path: string): FileNode {
    const node = this.#existing(path);
    if (node.kind === 'directory') throw new PosixError('EISDIR', `${path} is a directory`);
    if (node.kind !== 'file') throw new PosixError('EINVAL', `${path} is no regular file`);
    return node;
  }

  #directory(path: string): DirectoryNode {
    const node = this.#existing(path);
    if (node.kind !== 'directory') throw new PosixError('ENOTDIR', `${path} is no directory`);
    return node;
  }

  #place(path: string): Place {
    const slash = path.lastIndexOf('/');
    const parent = this.#directory(slash < 0 ? '' : path.slice(0, slash));
    const name = path.slice(slash + 1).normalize('NFC');
    if (Buffer.byteLength(name) > MAX_NAME_BYTES)
      throw new PosixError('ENAMETOOLONG', `a name has at most ${MAX_NAME_BYTES} bytes`);
    // A name that is not UTF-8 arrives with U+FFFD in it, and several of them as one and the same.
    if (!isValidName(name) || name.includes('\ufffd'))
      throw new PosixError('EILSEQ', 'the name is not UTF-8');
    return { parent, name, node: parent.children.get(name) };
  }

  #freePlace(path: string): Place {
    this.#mustBeWritable();
    const place = this.#place(path);
    if (place.node !== undefined) throw new PosixError('EEXIST', `${path} is there already`);
    return place;
  }

  #blank(name: string, mode: number) {
    const { table, clock } = this.#options;
    return blankRow(table.journal.nextId(), name, mode & 0o7777, clock.now());
  }

  #newFile(path: string, mode: number): FileNode {
    const { parent, name } = this.#freePlace(path);
    const { table, backing, clock } = this.#options;
    const id = table.journal.nextId();
    const fd = backing.create(id);
    const stampNs = backing.stampOf(fd);
    backing.close(fd);
    const node = nodeOf({
      ...this.#blank(name, mode),
      kind: 'file',
      sizeBytes: 0,
      state: 'dirty',
      source: null,
      hash: null,
      backing: id,
      stampNs,
      map: null,
    }) as FileNode;
    table.insert(node, parent, clock.now());
    return node;
  }

  #mustBeWritable(): void {
    if (this.#options.readOnly) throw new PosixError('EROFS', 'the drive is read-only');
  }

  #mustFit(
    source: DriveNode,
    parent: DirectoryNode,
    target: DriveNode | undefined,
    to: string,
  ): void {
    for (let at: DirectoryNode | null = parent; at !== null; at = at.parent)
      if (at === source) throw new PosixError('EINVAL', 'a directory cannot be moved into itself');
    if (target === undefined) return;
    if (source.kind !== 'directory' && target.kind === 'directory')
      throw new PosixError('EISDIR', `${to} is a directory`);
    if (source.kind === 'directory' && target.kind !== 'directory')
      throw new PosixError('ENOTDIR', `${to} is no directory`);
    if (target.kind === 'directory' && target.children.size > 0)
      throw new PosixError('ENOTEMPTY', `${to} is not empty`);
  }

  /** Takes an open file out of the tree, and keeps it for those who have it open under libfuse's name for it. */
  #hide(node: FileNode, hiddenPath: string): void {
    const { parent, name } = node;
    this.#drop(node);
    this.#hidden.set(hiddenPath, node);
    if (parent !== null) this.#lastHidden = { parent, name, node };
  }

  #justHidden(parent: DirectoryNode, name: string): DriveNode | undefined {
    const last = this.#lastHidden;
    this.#lastHidden = null;
    return last?.parent === parent && last.name === name ? last.node : undefined;
  }

  #drop(node: DriveNode): void {
    const path = this.#options.table.pathOf(node);
    this.#remove(node);
    this.#options.onChanged(path);
  }

  #remove(node: DriveNode): void {
    const { table, contents, clock } = this.#options;
    table.detach(node, clock.now());
    if (node.kind === 'file') contents.detached(node);
  }

  #metadataChanged(node: DriveNode): void {
    const { table, contents, clock } = this.#options;
    const open = node.kind === 'file' ? contents.openFile(node) : undefined;
    const wasCurrent = open?.closed === undefined;
    node.counter += 1;
    node.ctimeNs = nsOfMs(clock.now());
    table.changed(node);
    if (wasCurrent) this.#changedAt(node);
  }

  #changedAt(node: DriveNode): void {
    if (!isPrivateName(node.name) && this.#options.table.holds(node))
      this.#options.onChanged(this.#options.table.pathOf(node));
  }
}

/** Lets a file that was never synced continue the one it replaces: an editor's safe save is an edit, not a new file. */
function inherit(source: FileNode, replaced: FileNode): void {
  if (source.source !== null || replaced.source === null) return;
  source.identity = replaced.identity;
  source.source = replaced.source;
}

/** Tells whether the engine may be shown a file of this name. */
export function isSynced(name: string): boolean {
  return !isPrivateName(name) && !HIDDEN_NAME.test(name);
}
