import { BehaviorSubject, type Observable } from 'rxjs';
import type { SyncPath } from '../../core/model/path.ts';
import type { DriveJournal } from './drive-journal.ts';
import type { DirectoryNode, DriveNode, FileNode } from './drive-node.ts';

/**
 * The drive's tree in memory, the truth while the drive is open. Every change goes to the journal. Names are NFC;
 * whoever looks one up by another form finds the same node.
 */
export class DriveTable {
  readonly root: DirectoryNode;
  readonly journal: DriveJournal;
  readonly #pending$: BehaviorSubject<number>;
  readonly #dirty = new Set<FileNode>();
  #entries = 0;

  constructor(root: DirectoryNode, journal: DriveJournal) {
    this.root = root;
    this.journal = journal;
    for (const node of this.below(root)) {
      this.#entries += 1;
      if (node.kind === 'file' && node.state === 'dirty') this.#dirty.add(node);
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

  /** Finds a node by its path; undefined when a part is not there or is no directory. */
  find(path: string): DriveNode | undefined {
    if (path === '') return this.root;
    let node: DriveNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (node?.kind !== 'directory') return undefined;
      node = node.children.get(name);
    }
    return node;
  }

  /** Returns the path of a node that is in the tree. */
  pathOf(node: DriveNode): SyncPath {
    const names: string[] = [];
    for (let at: DriveNode | null = node; at !== null && at !== this.root; at = at.parent)
      names.push(at.name);
    return names.reverse().join('/') as SyncPath;
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
    node.parent = parent;
    parent.children.set(node.name, node);
    this.#entries += 1;
    this.changed(node);
    this.#touchDirectory(parent, nowMs);
  }

  /** Takes a node out of the tree; a directory must be empty. */
  detach(node: DriveNode, nowMs: number): void {
    const { parent } = node;
    if (parent === null) return;
    parent.children.delete(node.name);
    node.parent = null;
    this.#entries -= 1;
    this.journal.remove(node);
    if (node.kind === 'file') this.#countDirty(node);
    this.#touchDirectory(parent, nowMs);
  }

  /** Renames a node onto a free name. */
  move(node: DriveNode, parent: DirectoryNode, name: string, nowMs: number): void {
    const old = node.parent;
    if (old === null) return;
    old.children.delete(node.name);
    node.name = name;
    node.parent = parent;
    node.ctimeMs = nowMs;
    parent.children.set(name, node);
    this.changed(node);
    this.#touchDirectory(old, nowMs);
    if (old !== parent) this.#touchDirectory(parent, nowMs);
  }

  /** Must be called after each change of a node's fields. */
  changed(node: DriveNode): void {
    if (!this.holds(node)) return;
    this.journal.put(node);
    if (node.kind === 'file') this.#countDirty(node);
  }

  #countDirty(node: FileNode): void {
    const before = this.#dirty.size;
    if (node.state === 'dirty' && this.holds(node)) this.#dirty.add(node);
    else this.#dirty.delete(node);
    if (this.#dirty.size !== before) this.#pending$.next(this.#dirty.size);
  }

  #touchDirectory(directory: DirectoryNode, nowMs: number): void {
    directory.mtimeNs = BigInt(Math.trunc(nowMs)) * 1_000_000n;
    directory.ctimeMs = nowMs;
    this.journal.put(directory);
  }
}
