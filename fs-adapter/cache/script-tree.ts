import { type Observable, Subject } from 'rxjs';
import type { ContentHash, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger } from '../../core/ports.ts';
import type { BackingFiles } from './backing-files.ts';
import type { DriveNode, FileNode } from './drive-node.ts';
import type { DriveTable } from './drive-table.ts';
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
} from './drive-tree.ts';
import { FileContents } from './file-contents.ts';
import { type Replaced, ScriptEdits } from './script-edits.ts';
import { ScriptFills } from './script-fills.ts';
import { showNode } from './script-show.ts';

export interface ScriptTreeOptions {
  readonly identity: string;
  readonly table: DriveTable;
  readonly backing: BackingFiles;
  readonly need: NeedContent;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets go of the state directory. */
  readonly release: () => Promise<void>;
}

/** The drive's tree in JavaScript's memory, for mounts whose calls are answered there (DriveFiles). */
export class ScriptTree implements DriveTree {
  readonly identity: string;
  readonly table: DriveTable;
  readonly backing: BackingFiles;
  readonly contents: FileContents;
  readonly clock: Clock;
  /** Files that sync has put in the place of others, which programs go on reading. */
  readonly replaced$: Observable<Replaced>;
  readonly #options: ScriptTreeOptions;
  readonly #edits: ScriptEdits;
  readonly #fills: ScriptFills;
  readonly #changes = new Subject<SyncPath>();
  readonly #pins = new Subject<number>();
  readonly #replaced = new Subject<Replaced>();
  readonly #marks = new Map<number, FileMark>();
  #room: DriveRoom | null = null;

  constructor(options: ScriptTreeOptions) {
    const { identity, table, backing, need, clock, logger } = options;
    this.#options = options;
    this.identity = identity;
    this.table = table;
    this.backing = backing;
    this.clock = clock;
    this.replaced$ = this.#replaced.asObservable();
    this.contents = new FileContents({
      table,
      backing,
      need,
      clock,
      logger,
      onChanged: (node) => this.noteChange(node),
    });
    const { contents } = this;
    const onReplaced = (replaced: Replaced): void => this.#replaced.next(replaced);
    this.#edits = new ScriptEdits({ table, contents, clock, onReplaced });
    this.#fills = new ScriptFills({ table, backing, contents });
  }

  get entries(): number {
    return this.table.entries;
  }

  get storedBytes(): number {
    return this.table.storedBytes;
  }

  get openHandles(): number {
    return this.contents.openHandles;
  }

  get pending$(): Observable<number> {
    return this.table.pending$;
  }

  get pending(): number {
    return this.table.pending;
  }

  get changes$(): Observable<SyncPath> {
    return this.#changes.asObservable();
  }

  get pins$(): Observable<number> {
    return this.#pins.asObservable();
  }

  get room(): DriveRoom | null {
    return this.#room;
  }

  find(path: SyncPath): DriveEntry | null {
    const node = this.table.find(path);
    return node === undefined ? null : this.show(node);
  }

  entry(id: number): DriveEntry | null {
    const node = this.#node(id);
    return node === undefined ? null : this.show(node);
  }

  children(directoryId: number): readonly DriveEntry[] {
    const node = this.table.node(directoryId);
    if (node?.kind !== 'directory') return [];
    return Array.from(node.children.values(), (child) => this.show(child));
  }

  pathOf(id: number): SyncPath | null {
    const node = this.table.node(id);
    if (node === undefined) return null;
    for (let at: DriveNode | null = node; at !== null; at = at.parent)
      if (at.nameBytes !== null) return null;
    return this.table.pathOf(node);
  }

  insert(directoryId: number, entry: NewEntry): DriveEntry {
    return this.show(this.#edits.insert(directoryId, entry));
  }

  replace(id: number, expected: number, content: NewContent): DriveFile {
    return this.show(this.#edits.replace(id, expected, content));
  }

  remove(id: number, expected: number | 'directory'): void {
    this.#edits.remove(id, expected);
  }

  move(id: number, expected: number | 'directory', directoryId: number, name: string): DriveEntry {
    return this.show(this.#edits.move(id, expected, directoryId, name));
  }

  setMetadata(
    id: number,
    expected: number,
    metadata: { readonly mtimeNs?: bigint; readonly mode?: number },
  ): DriveFile {
    return this.show(this.#edits.setMetadata(id, expected, metadata));
  }

  noteCounterpart(id: number, counter: number, source: Version): void {
    this.#edits.noteCounterpart(id, counter, source);
  }

  noteHash(id: number, counter: number, hash: ContentHash): void {
    this.#edits.noteHash(id, counter, hash);
  }

  disown(id: number, expected: number): boolean {
    return this.#edits.disown(id, expected);
  }

  setMark(id: number, mark: FileMark | null): void {
    if (mark === null) this.#marks.delete(id);
    else this.#marks.set(id, mark);
  }

  /** Returns what sync knows of a file. */
  markOf(id: number): FileMark | null {
    return this.#marks.get(id) ?? null;
  }

  setPinned(id: number, isPinned: boolean): void {
    const node = this.table.node(id);
    if (node === undefined || node.isPinned === isPinned) return;
    node.isPinned = isPinned;
    this.table.changed(node);
  }

  *pinned(): Iterable<DriveEntry> {
    for (const node of this.table.pinned) yield this.show(node);
  }

  fillTarget(id: number): FillTarget | null {
    const node = this.#node(id);
    return node?.kind === 'file' ? this.#fills.target(node) : null;
  }

  missing(id: number, part: Extent): readonly Extent[] {
    const node = this.#node(id);
    return node?.kind === 'file' ? this.#fills.missing(node, part) : [];
  }

  filled(id: number, generation: number, part: Extent): boolean {
    const node = this.#node(id);
    return node?.kind === 'file' && this.#fills.filled(node, generation, part);
  }

  completed(id: number, generation: number, stampNs: bigint): boolean {
    const node = this.#node(id);
    return node?.kind === 'file' && this.#fills.completed(node, generation, stampNs);
  }

  discard(id: number, generation: number): void {
    const node = this.#node(id);
    if (node?.kind === 'file') this.#fills.discard(node, generation);
  }

  dehydrate(id: number): KeptBecause | null {
    const node = this.table.node(id);
    return node?.kind === 'file' ? this.#fills.dehydrate(node) : null;
  }

  *stored(): Iterable<DriveFile> {
    for (const node of this.table.stored) yield this.show(node);
  }

  newBacking(): { readonly backing: number; readonly path: string } {
    const backing = this.table.journal.nextId();
    this.backing.expectNew();
    return { backing, path: this.backing.path(backing) };
  }

  backingPath(backing: number): string {
    return this.backing.path(backing);
  }

  setRoom(room: DriveRoom): void {
    this.#room = room;
    this.contents.limitGrowth(room.writableBytes);
  }

  keepVersion(backing: number, path: SyncPath): Promise<string> {
    return this.backing.keepVersion(backing, path, this.clock.now());
  }

  settle(): Promise<void> {
    return this.contents.settle();
  }

  async flush(): Promise<void> {
    await this.contents.settleClosed();
    await this.backing.syncNames();
    await this.table.journal.flush();
  }

  async close(): Promise<void> {
    this.#changes.complete();
    this.#pins.complete();
    this.#replaced.complete();
    try {
      this.#fills.close();
      await this.contents.settleClosed();
      await this.backing.syncNames();
      await this.table.journal.close();
    } finally {
      await this.#options.release();
    }
  }

  /** Says that a program has changed something at or below a node. */
  noteChange(node: DriveNode): void {
    if (this.table.holds(node)) this.notePath(this.table.pathOf(node));
  }

  notePath(path: SyncPath): void {
    this.#changes.next(path);
  }

  /** Says that a program has pinned an entry, or unpinned it. */
  notePin(node: DriveNode): void {
    this.#pins.next(node.id);
  }

  /** Returns a node as it is shown to those who know it by its id only. */
  show(node: FileNode): DriveFile;
  show(node: DriveNode): DriveEntry;
  show(node: DriveNode): DriveEntry {
    return showNode(node, this.contents.openFile(node.id));
  }

  /** Returns a node in the tree, or one that was taken out of it while programs have it open. */
  #node(id: number): DriveNode | undefined {
    return this.table.node(id) ?? this.contents.openFile(id)?.node;
  }
}
