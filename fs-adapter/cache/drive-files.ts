import { constants } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { isValidName } from '../../core/model/path.ts';
import type {
  Attributes,
  MountedFiles,
  OpenRequest,
  SpaceOnDrive,
} from '../mount/mount-backend.ts';
import { HIDDEN_NAME } from './drive-names.ts';
import {
  blankRow,
  type DirectoryNode,
  type DriveNode,
  EMPTY_FILE,
  type FileNode,
  nodeOf,
  nsOfMs,
} from './drive-node.ts';
import { storedBytesOf } from './drive-table.ts';
import type { AttributeCondition } from './kept-attributes.ts';
import { PosixError } from './posix-error.ts';
import { inherit, mustFit } from './rename-rules.ts';
import type { ScriptTree } from './script-tree.ts';
import { ShownAttributes } from './shown-attributes.ts';
import { ShownContents } from './shown-contents.ts';

const MAX_NAME_BYTES = 255;

const FORMATS = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
} as const;

export interface DriveFilesOptions {
  readonly tree: ScriptTree;
  readonly stateDirectory: string;
  readonly readOnly: boolean;
  readonly allowSymlinks: boolean;
}

interface Place {
  readonly parent: DirectoryNode;
  readonly name: string;
  readonly node: DriveNode | undefined;
}

/** A ScriptTree as programs see it: POSIX semantics by path. */
export class DriveFiles implements MountedFiles {
  readonly #options: DriveFilesOptions;
  readonly #tree: ScriptTree;
  readonly #shown: ShownContents;
  readonly #attributes: ShownAttributes;
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
    this.#tree = options.tree;
    this.#shown = new ShownContents(options.tree);
    this.#attributes = new ShownAttributes(options.tree, options.readOnly);
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
    const shown = this.#shown.under(node);
    return {
      ...common,
      mtimeNs: shown.mtimeNs,
      sizeBytes: shown.sizeBytes,
      storedBytes: storedBytesOf(shown),
      links: this.#tree.table.holds(node) ? 1 : 0,
    };
  }

  names(path: string): readonly string[] {
    // A name that is not UTF-8 could be shown, but not be looked up.
    const children = [...this.#directory(path).children.values()];
    return children.filter(({ nameBytes }) => nameBytes === null).map(({ name }) => name);
  }

  readLink(path: string): string {
    const node = this.#existing(path);
    if (node.kind !== 'symlink') throw new PosixError('EINVAL', `${path} is no symbolic link`);
    return node.target;
  }

  open(path: string, request: OpenRequest): Promise<number> {
    const node = this.#file(path);
    if (!(request.write || request.truncate))
      return this.#tree.contents.open(this.#shown.under(node), request);
    this.#mustBeWritable();
    this.#shown.update(node);
    return this.#tree.contents.open(node, request);
  }

  create(path: string, mode: number): number {
    return this.#tree.contents.openNew(this.#newFile(path, mode));
  }

  read(handle: number, target: Uint8Array, offset: number): Promise<number> {
    return this.#tree.contents.read(handle, target, offset);
  }

  write(handle: number, source: Uint8Array, offset: number): Promise<number> {
    return this.#tree.contents.write(handle, source, offset);
  }

  async truncate(target: string | number, sizeBytes: number): Promise<void> {
    this.#mustBeWritable();
    if (typeof target === 'number') return this.#tree.contents.truncate(target, sizeBytes);
    const node = this.#file(target);
    this.#shown.update(node);
    await this.#tree.contents.truncate(node, sizeBytes);
  }

  journal(): void {
    this.#tree.table.journal.commit();
  }

  sync(handle: number): Promise<void> {
    return this.#tree.contents.sync(handle);
  }

  syncTree(): Promise<void> {
    return this.#tree.flush();
  }

  release(handle: number): void {
    this.#tree.contents.release(handle);
  }

  makeFile(path: string, mode: number): void {
    this.#changedAt(this.#newFile(path, mode));
  }

  makeDirectory(path: string, mode: number): void {
    const { parent, name } = this.#freePlace(path);
    const node = nodeOf({ ...this.#blank(name, mode), kind: 'directory' });
    this.#insert(node, parent);
  }

  makeLink(path: string, target: string): void {
    const { parent, name } = this.#freePlace(path);
    if (!this.#options.allowSymlinks)
      throw new PosixError('EPERM', 'the other side of this drive keeps no symbolic links');
    const node = nodeOf({ ...this.#blank(name, 0o777), kind: 'symlink', target });
    this.#insert(node, parent);
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
    if (node === this.#tree.table.root) throw new PosixError('EBUSY', 'it is the drive itself');
    if (node.children.size > 0) throw new PosixError('ENOTEMPTY', `${path} is not empty`);
    this.#drop(node);
  }

  rename(from: string, to: string): void {
    this.#mustBeWritable();
    const { table, contents, clock } = this.#tree;
    const source = this.#existing(from);
    if (source === table.root) throw new PosixError('EBUSY', 'it is the drive itself');
    const { parent, name, node: target } = this.#place(to);
    if (HIDDEN_NAME.test(name) && source.kind === 'file' && contents.openFile(source.id)) {
      this.#hide(source, to);
      return;
    }
    if (target === source) return;
    mustFit(source, parent, target, to);
    const replaced = target ?? this.#justHidden(parent, name);
    if (target !== undefined) this.#remove(target);
    if (replaced?.kind === 'file' && source.kind === 'file') inherit(source, replaced);
    const oldPath = table.pathOf(source);
    source.isPlaced = false;
    table.move(source, parent, name, clock.now());
    table.journal.commit();
    this.#tree.notePath(oldPath);
    this.#tree.noteChange(source);
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
    const { room } = this.#tree;
    if (room !== null) return room;
    const { bsize, blocks, bavail } = await statfs(this.#options.stateDirectory);
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  }

  extendedAttributes(path: string): readonly string[] {
    return this.#attributes.names(this.#existing(path));
  }

  extendedAttribute(path: string, name: string): Uint8Array | null {
    return this.#attributes.value(this.#existing(path), name);
  }

  setExtendedAttribute(path: string, name: string, value: Buffer, when: AttributeCondition): void {
    this.#attributes.set(this.#existing(path), name, value, when);
  }

  removeExtendedAttribute(path: string, name: string): void {
    this.#attributes.remove(this.#existing(path), name);
  }

  isFetching(): boolean {
    return this.#tree.contents.waiting > 0;
  }

  #existing(path: string): DriveNode {
    const node = this.#hidden.get(path) ?? this.#tree.table.find(path);
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
    return { parent, name, node: this.#tree.table.child(parent, name) };
  }

  #freePlace(path: string): Place {
    this.#mustBeWritable();
    const place = this.#place(path);
    if (place.node !== undefined) throw new PosixError('EEXIST', `${path} is there already`);
    return place;
  }

  #blank(name: string, mode: number) {
    const { table, clock } = this.#tree;
    return blankRow(table.journal.nextId(), name, mode & 0o7777, clock.now());
  }

  #newFile(path: string, mode: number): FileNode {
    const { parent, name } = this.#freePlace(path);
    const { table, clock } = this.#tree;
    const node = nodeOf({ ...this.#blank(name, mode), ...EMPTY_FILE });
    table.insert(node, parent, clock.now());
    table.journal.commit();
    return node;
  }

  #insert(node: DriveNode, parent: DirectoryNode): void {
    this.#tree.table.insert(node, parent, this.#tree.clock.now());
    this.#changedAt(node);
  }

  #mustBeWritable(): void {
    if (this.#options.readOnly) throw new PosixError('EROFS', 'the drive is read-only');
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
    const path = this.#tree.table.pathOf(node);
    this.#remove(node);
    this.#tree.table.journal.commit();
    this.#tree.notePath(path);
  }

  #remove(node: DriveNode): void {
    const { table, contents, clock } = this.#tree;
    table.detach(node, clock.now());
    if (node.kind === 'file') contents.detached(node);
  }

  #metadataChanged(node: DriveNode): void {
    const { table, contents, clock } = this.#tree;
    node.counter += 1;
    node.ctimeNs = nsOfMs(clock.now());
    table.changed(node);
    // A file that is being changed is told of when it is closed.
    if ((contents.openFile(node.id)?.closed ?? null) === null) this.#changedAt(node);
    else table.journal.commit();
  }

  #changedAt(node: DriveNode): void {
    this.#tree.table.journal.commit();
    this.#tree.noteChange(node);
  }
}
