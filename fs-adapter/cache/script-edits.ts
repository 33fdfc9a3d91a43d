import type { ContentHash, Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { Clock } from '../../core/ports.ts';
import {
  blankRow,
  type DirectoryNode,
  type DriveNode,
  type FileNode,
  nodeOf,
  nsOfMs,
} from './drive-node.ts';
import type { FileRow } from './drive-row.ts';
import type { DriveTable } from './drive-table.ts';
import type { NewContent, NewEntry } from './drive-tree.ts';
import type { FileContents } from './file-contents.ts';

const FILE_MODE = 0o644;
const LINK_MODE = 0o777;

/** A file that sync has put in the place of one that programs go on reading. */
export interface Replaced {
  readonly old: FileNode;
  readonly now: FileNode;
}

export interface EditOptions {
  readonly table: DriveTable;
  readonly contents: FileContents;
  readonly clock: Clock;
  readonly onReplaced: (replaced: Replaced) => void;
}

/** What sync changes in the tree; each change is checked and made in one step, as DriveTree says. */
export class ScriptEdits {
  readonly #table: DriveTable;
  readonly #contents: FileContents;
  readonly #clock: Clock;
  readonly #onReplaced: (replaced: Replaced) => void;

  constructor(options: EditOptions) {
    this.#table = options.table;
    this.#contents = options.contents;
    this.#clock = options.clock;
    this.#onReplaced = options.onReplaced;
  }

  insert(directoryId: number, entry: NewEntry): DriveNode {
    const parent = this.#directory(directoryId);
    if (this.#table.child(parent, entry.name) !== undefined)
      throw changed(`${entry.name} is there already`);
    const nowMs = this.#clock.now();
    const node = this.#newNode(entry, nowMs);
    this.#table.insert(node, parent, nowMs);
    return node;
  }

  replace(id: number, expected: number, content: NewContent): FileNode {
    const node = this.#file(id, expected);
    this.#mustNotBeWritten(node);
    const { hash, staged } = content;
    const isSame = hash !== null && hash === node.hash && node.state !== 'dirty' && staged === null;
    if (!isSame && this.#contents.openFile(id) !== undefined) return this.#succeed(node, content);
    if (!isSame) {
      this.#contents.drop(node);
      Object.assign(node, stagedFields(content));
    }
    Object.assign(node, contentFields(content, this.#clock.now()));
    if (content.mode !== undefined) node.mode = content.mode;
    node.counter += 1;
    node.isPlaced = true;
    this.#table.changed(node);
    return node;
  }

  remove(id: number, expected: number | 'directory'): void {
    const node = this.#expected(id, expected);
    if (node.kind === 'directory' && node.children.size > 0)
      throw new FerryError('NOT_EMPTY', `${node.name} is not empty`);
    this.#mustNotBeWritten(node);
    this.#table.detach(node, this.#clock.now());
    if (node.kind === 'file') this.#contents.detached(node);
  }

  move(id: number, expected: number | 'directory', directoryId: number, name: string): DriveNode {
    const node = this.#expected(id, expected);
    const parent = this.#directory(directoryId);
    for (let at: DriveNode | null = parent; at !== null; at = at.parent)
      if (at === node) throw changed(`${name} would be inside itself`);
    const target = this.#table.child(parent, name);
    if (target !== undefined && target !== node) throw changed(`${name} is there already`);
    this.#mustNotBeWritten(node);
    node.isPlaced = true;
    this.#table.move(node, parent, name, this.#clock.now());
    return node;
  }

  setMetadata(
    id: number,
    expected: number,
    metadata: { readonly mtimeNs?: bigint; readonly mode?: number },
  ): FileNode {
    const node = this.#file(id, expected);
    this.#mustNotBeWritten(node);
    if (metadata.mtimeNs !== undefined) node.mtimeNs = metadata.mtimeNs;
    if (metadata.mode !== undefined) node.mode = metadata.mode;
    node.counter += 1;
    node.ctimeNs = nsOfMs(this.#clock.now());
    this.#table.changed(node);
    return node;
  }

  noteCounterpart(id: number, counter: number, source: Version): void {
    const node = this.#table.node(id);
    if (node?.kind !== 'file') return;
    const closed = this.#contents.openFile(id)?.closed ?? null;
    if (node.counter === counter) {
      if (node.state === 'dirty') node.state = 'hydrated';
      node.isPlaced = true;
    } else if (closed === null || closed === 'never' || closed.counter !== counter) return;
    node.source = source;
    this.#table.changed(node);
  }

  noteHash(id: number, counter: number, hash: ContentHash): void {
    const node = this.#table.node(id);
    if (node?.kind !== 'file' || node.counter !== counter || node.hash === hash) return;
    node.hash = hash;
    this.#table.changed(node);
  }

  disown(id: number, expected: number): boolean {
    const node = this.#table.node(id);
    if (node?.kind !== 'file' || node.counter !== expected) return false;
    if (node.state === 'placeholder' && node.sizeBytes > 0) return false;
    node.state = 'dirty';
    node.source = null;
    node.identity = this.#table.journal.nextId();
    node.isPlaced = false;
    this.#table.changed(node);
    return true;
  }

  #directory(id: number): DirectoryNode {
    const node = this.#table.node(id);
    if (node?.kind !== 'directory') throw changed('the directory is gone');
    return node;
  }

  #expected(id: number, expected: number | 'directory'): DriveNode {
    const node = this.#table.node(id);
    if (node === undefined) throw changed('it is gone');
    const found = node.kind === 'directory' ? 'directory' : node.counter;
    if (found !== expected) throw changed(`${node.name} has changed`);
    return node;
  }

  #file(id: number, expected: number): FileNode {
    const node = this.#expected(id, expected);
    if (node.kind !== 'file') throw changed(`${node.name} is no file`);
    return node;
  }

  #mustNotBeWritten(node: DriveNode): void {
    if ((this.#contents.openFile(node.id)?.writers ?? 0) === 0) return;
    const message = `${node.name} is open for writing; it is synced when it is closed`;
    throw new FerryError('LOCAL_BUSY', message);
  }

  /** Puts a new file in the place of one that programs read. */
  #succeed(old: FileNode, content: NewContent): FileNode {
    const nowMs = this.#clock.now();
    const now = this.#newFile(old.name, { mode: old.mode, ...content }, nowMs);
    now.identity = old.identity;
    now.isPinned = old.isPinned;
    now.attributes = old.attributes;
    this.#table.exchange(old, now, nowMs);
    this.#onReplaced({ old, now });
    return now;
  }

  #newNode(entry: NewEntry, nowMs: number): DriveNode {
    if (entry.kind === 'file') return this.#newFile(entry.name, entry, nowMs);
    const id = this.#table.journal.nextId();
    const mode = entry.kind === 'directory' ? entry.mode : LINK_MODE;
    const row = { ...blankRow(id, entry.name, mode, nowMs), isPlaced: true };
    if (entry.kind === 'directory') return nodeOf({ ...row, kind: 'directory' });
    return nodeOf({ ...row, kind: 'symlink', target: entry.target });
  }

  #newFile(name: string, content: NewContent, nowMs: number): FileNode {
    const id = this.#table.journal.nextId();
    return nodeOf({
      ...blankRow(id, name, content.mode ?? FILE_MODE, nowMs),
      ...stagedFields(content),
      ...contentFields(content, nowMs),
      isPlaced: true,
      kind: 'file',
    });
  }
}

function contentFields(content: NewContent, nowMs: number) {
  const nowNs = nsOfMs(nowMs);
  const { sizeBytes, source, hash, mtimeNs = nowNs } = content;
  return { sizeBytes, source, hash, mtimeNs, ctimeNs: nowNs };
}

type StagedFields = Pick<FileRow, 'state' | 'backing' | 'stampNs' | 'map'>;

function stagedFields({ staged, sizeBytes }: NewContent): StagedFields {
  // There is nothing to fetch of an empty file.
  const state = staged === null && sizeBytes > 0 ? 'placeholder' : 'hydrated';
  return { state, backing: staged?.backing ?? null, stampNs: staged?.stampNs ?? null, map: null };
}

/** Says that a precondition does not hold; the caller knows at which path. */
function changed(what: string): FerryError {
  return new FerryError('CHANGED', what);
}
