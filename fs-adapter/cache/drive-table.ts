import { BehaviorSubject, type Observable } from 'rxjs';
import type { SyncPath } from '../../core/model/path.ts';
import type { DriveJournal } from './drive-journal.ts';
import { type DirectoryNode, type DriveNode, type FileNode, keyOf, nsOfMs } from './drive-node.ts';

/**
 * The drive's tree in JavaScript's memory, the truth while the drive is open. Every change goes to the journal. Names
 * are as they were given; whoever looks one up by its NFC form finds it as well.
 */
export class DriveTable {
  readonly root: DirectoryNode;
  readonly journal: DriveJournal;
  readonly #pending$: BehaviorSubject<number>;
  readonly #dirty = new Set<FileNode>();
  readonly #stored = new Set<FileNode>();
  readonly #pinned = new Set<DriveNode>();
  readonly #nodes = new Map<number, DriveNode>();
  /** Nodes whose name is not NFC, by that form, in each directory that has some. */
  readonly #aliases = new Map<DirectoryNode, Map<string, DriveNode>>();
  #storedBytes = 0;
  #entries = 0;

  constructor(root: DirectoryNode, journal: DriveJournal) {
    this.root = root;
    this.journal = journal;
    this.#nodes.set(root.id, root);
    for (const node of this.below(root)) {
      this.#entries += 1;
      this.#nodes.set(node.id, node);
      if (node.parent !== null) this.#alias(node, node.parent);
      this.#count(node);
    }
    this.#pending$ = new BehaviorSubject(this.#dirty.size);
  }

  /** How many files hold changes that the other side is not known to have. */
  get pending$(): Observable<number> {
    return this.#pending$.asObservable();
  }

  get pending(): number {
    return this.#dirty.size;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes of content of files in the tree that are here. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** The files in the tree that have content here. */
  get stored(): Iterable<FileNode> {
    return this.#stored;
  }

  /** The entries in the tree that were pinned themselves. */
  get pinned(): Iterable<DriveNode> {
    return this.#pinned;
  }

  /** Finds a node by its path; undefined when a part is not there or is no directory. */
  find(path: string): DriveNode | undefined {
    if (path === '') return this.root;
    let node: DriveNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (node?.kind !== 'directory') return undefined;
      node = this.child(node, name);
    }
    return node;
  }

  /** Finds what has exactly that name in a directory, else what is the same in NFC. */
  child(directory: DirectoryNode, name: string): DriveNode | undefined {
    const exact = directory.children.get(name);
    if (exact !== undefined) return exact;
    const normal = name.normalize('NFC');
    return directory.children.get(normal) ?? this.#aliases.get(directory)?.get(normal);
  }

  /** Returns a node in the tree by its id. */
  node(id: number): DriveNode | undefined {
    return this.#nodes.get(id);
  }

  /** Returns the path of a node that is in the tree. */
  pathOf(node: DriveNode): SyncPath {
    const names: string[] = [];
    for (let at: DriveNode | null = node; at !== null && at !== this.root; at = at.parent)
      names.push(at.name);
    return names.reverse().join('/').normalize('NFC') as SyncPath;
  }

  /** Tells whether the node is in the tree, and not one that was removed while it was open. */
  holds(node: DriveNode): boolean {
    return node === this.root || node.parent !== null;
  }

  /** All nodes below a directory, each directory before what it holds. */
  *below(directory: DirectoryNode): Iterable<DriveNode> {
    const stack: DriveNode[] = [...directory.children.values()].reverse();
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      yield node;
      if (node.kind === 'directory')
        for (const child of [...node.children.values()].reverse()) stack.push(child);
    }
  }

  insert(node: DriveNode, parent: DirectoryNode, nowMs: number): void {
    this.#attach(node, parent);
    this.#nodes.set(node.id, node);
    this.#entries += 1;
    this.changed(node);
    this.#touchDirectory(parent, nowMs);
  }

  /** Puts a node in the place of another one, which is taken out of the tree. */
  exchange(old: DriveNode, node: DriveNode, nowMs: number): void {
    const { parent } = old;
    if (parent === null) return;
    // The new one is set before the old one is forgotten, so that it keeps the place in the directory's order.
    old.parent = null;
    this.#attach(node, parent);
    this.#nodes.set(node.id, node);
    this.changed(node);
    this.#forget(old);
    this.#touchDirectory(parent, nowMs);
  }

  /** Takes a node out of the tree; a directory must be empty. */
  detach(node: DriveNode, nowMs: number): void {
    const { parent } = node;
    if (parent === null) return;
    this.#unlink(node, parent);
    this.#entries -= 1;
    this.#forget(node);
    this.#touchDirectory(parent, nowMs);
  }

  /** Renames a node onto a free name. */
  move(node: DriveNode, parent: DirectoryNode, name: string, nowMs: number): void {
    const old = node.parent;
    if (old === null) return;
    this.#unlink(node, old);
    node.name = name;
    node.nameBytes = null;
    node.ctimeNs = nsOfMs(nowMs);
    this.#attach(node, parent);
    this.changed(node);
    this.#touchDirectory(old, nowMs);
    if (old !== parent) this.#touchDirectory(parent, nowMs);
  }

  /** Must be called after each change of a node's fields. */
  changed(node: DriveNode): void {
    if (!this.holds(node)) return;
    this.journal.note(node);
    this.recount(node);
  }

  /** Must be called after a change that needs no row: more of a placeholder's content is here. */
  recount(node: DriveNode): void {
    const before = this.#dirty.size;
    this.#count(node);
    if (this.#dirty.size !== before) this.#pending$.next(this.#dirty.size);
  }

  #attach(node: DriveNode, parent: DirectoryNode): void {
    node.parent = parent;
    parent.children.set(keyOf(node), node);
    this.#alias(node, parent);
  }

  #unlink(node: DriveNode, parent: DirectoryNode): void {
    parent.children.delete(keyOf(node));
    const aliases = this.#aliases.get(parent);
    const alias = node.name.normalize('NFC');
    if (aliases?.get(alias) === node) aliases.delete(alias);
    node.parent = null;
  }

  #alias(node: DriveNode, parent: DirectoryNode): void {
    const alias = node.name.normalize('NFC');
    if (alias === node.name || node.nameBytes !== null) return;
    const aliases = this.#aliases.get(parent) ?? new Map<string, DriveNode>();
    aliases.set(alias, node);
    this.#aliases.set(parent, aliases);
  }

  #forget(node: DriveNode): void {
    this.#nodes.delete(node.id);
    if (node.kind === 'directory') this.#aliases.delete(node);
    this.journal.note(node);
    this.recount(node);
  }

  #count(node: DriveNode): void {
    const isHeld = this.holds(node);
    if (node.isPinned && isHeld) this.#pinned.add(node);
    else this.#pinned.delete(node);
    if (node.kind !== 'file') return;
    if (node.state === 'dirty' && isHeld) this.#dirty.add(node);
    else this.#dirty.delete(node);
    const bytes = isHeld ? storedBytesOf(node) : 0;
    this.#storedBytes += bytes - node.countedBytes;
    node.countedBytes = bytes;
    if (isHeld && node.backing !== null) this.#stored.add(node);
    else this.#stored.delete(node);
  }

  #touchDirectory(directory: DirectoryNode, nowMs: number): void {
    directory.mtimeNs = nsOfMs(nowMs);
    directory.ctimeNs = directory.mtimeNs;
    this.journal.note(directory);
  }
}

/** Returns how much of a file's content is here. */
export function storedBytesOf(node: FileNode): number {
  if (node.state === 'placeholder') return node.present?.storedBytes ?? 0;
  return node.backing === null ? 0 : node.sizeBytes;
}
