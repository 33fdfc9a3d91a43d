import type { Random } from './random.ts';

/** A file, directory or link of a simulated side. */
export interface Inode {
  readonly ino: number;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly bornMs: number;
  /** Content of a file, target of a link. */
  text: string;
  mtimeNs: bigint;
  /** Grows with every change of the inode: change time of a disk, entity tag of a server. */
  change: number;
  mode: number;
  readonly children: Map<string, Inode>;
}

/** Names of one directory, sorted. */
export function namesIn(directory: Inode): string[] {
  return [...directory.children.keys()].sort();
}

/** What a sync did to names and has not made durable yet; taken back when the power goes. */
type NameChange =
  | { readonly type: 'added'; readonly dir: Inode; readonly name: string; readonly node: Inode }
  | { readonly type: 'removed'; readonly dir: Inode; readonly name: string; readonly node: Inode }
  | {
      readonly type: 'renamed';
      readonly from: Inode;
      readonly fromName: string;
      readonly to: Inode;
      readonly toName: string;
      readonly node: Inode;
    }
  | {
      readonly type: 'exchanged';
      readonly from: Inode;
      readonly fromName: string;
      readonly to: Inode;
      readonly toName: string;
    };

interface DataChange {
  readonly node: Inode;
  /** Nothing of its content was durable before. */
  readonly isNew: boolean;
  readonly text: string;
  readonly mtimeNs: bigint;
  readonly mode: number;
}

/**
 * A POSIX-like tree with inodes. What users do is durable at once. What a sync does is in the page cache until it is
 * synced; `losePower` takes back names and contents that were not, by the rules of a file system.
 */
export class Tree {
  readonly root: Inode;
  readonly nowMs: () => number;
  readonly #bumpsMoved: boolean;
  #lastIno = 0;
  #lastChange = 0;
  #names: NameChange[] = [];
  #data: DataChange[] = [];

  /** `bumpsMoved`: a rename changes the inode, as on a disk; a server's entity tag stays. */
  constructor(nowMs: () => number, bumpsMoved: boolean) {
    this.nowMs = nowMs;
    this.#bumpsMoved = bumpsMoved;
    this.root = this.make('directory');
  }

  /** Makes an inode that has no name yet. */
  make(kind: Inode['kind'], text = ''): Inode {
    this.#lastIno++;
    this.#lastChange++;
    const nowMs = this.nowMs();
    return {
      ino: this.#lastIno,
      kind,
      bornMs: nowMs,
      text,
      mtimeNs: BigInt(nowMs) * 1_000_000n,
      change: this.#lastChange,
      mode: kind === 'directory' ? 0o755 : 0o644,
      children: new Map(),
    };
  }

  at(path: string): Inode | undefined {
    let node: Inode | undefined = this.root;
    if (path === '') return node;
    for (let start = 0; node !== undefined; ) {
      const slash = path.indexOf('/', start);
      node = node.children.get(slash < 0 ? path.slice(start) : path.slice(start, slash));
      if (slash < 0) return node;
      start = slash + 1;
    }
    return undefined;
  }

  /** Returns the directory that `path` is in; undefined when it is not there. */
  directoryOf(path: string): Inode | undefined {
    const slash = path.lastIndexOf('/');
    const found = slash < 0 ? this.root : this.at(path.slice(0, slash));
    return found?.kind === 'directory' ? found : undefined;
  }

  /** Notes that the inode changed: its version is another one from now on. */
  bump(node: Inode): void {
    this.#lastChange++;
    node.change = this.#lastChange;
  }

  setText(node: Inode, text: string, mtimeNs?: bigint): void {
    node.text = text;
    node.mtimeNs = mtimeNs ?? BigInt(this.nowMs()) * 1_000_000n;
    this.bump(node);
  }

  // --- names, as a sync changes them: in the cache until `sync`

  link(dir: Inode, name: string, node: Inode): void {
    dir.children.set(name, node);
    this.#names.push({ type: 'added', dir, name, node });
  }

  unlink(dir: Inode, name: string): void {
    const node = dir.children.get(name);
    if (node === undefined) return;
    dir.children.delete(name);
    this.#names.push({ type: 'removed', dir, name, node });
  }

  rename(from: Inode, fromName: string, to: Inode, toName: string): void {
    const node = from.children.get(fromName);
    if (node === undefined) return;
    from.children.delete(fromName);
    to.children.set(toName, node);
    if (this.#bumpsMoved) this.bump(node);
    this.#names.push({ type: 'renamed', from, fromName, to, toName, node });
  }

  exchange(from: Inode, fromName: string, to: Inode, toName: string): void {
    const one = from.children.get(fromName);
    const other = to.children.get(toName);
    if (one === undefined || other === undefined) return;
    from.children.set(fromName, other);
    to.children.set(toName, one);
    this.bump(one);
    this.bump(other);
    this.#names.push({ type: 'exchanged', from, fromName, to, toName });
  }

  /** Notes that a sync is about to change content or metadata of the inode. */
  touchData(node: Inode, isNew = false): void {
    const { text, mtimeNs, mode } = node;
    this.#data.push({ node, isNew, text, mtimeNs, mode });
  }

  /** Makes everything durable. */
  sync(): void {
    this.#names = [];
    this.#data = [];
  }

  /** Makes the contents durable, and no name. */
  syncData(nodes: readonly Inode[]): void {
    this.#data = this.#data.filter(({ node }) => !nodes.includes(node));
  }

  get isSynced(): boolean {
    return this.#names.length + this.#data.length === 0;
  }

  // --- what a user does: durable at once, and with it all names before it

  /** Makes all names durable, as the journal of a file system does when somebody syncs, and contents of `node`. */
  settleNames(node?: Inode): void {
    if (this.#names.length > 0) this.#names = [];
    if (node && this.#data.length > 0) this.syncData([node]);
  }

  /**
   * Takes back what was not durable. `ordered`: the names that are lost are the last ones; otherwise any of them, as
   * far as what came later does not build on them. A content that was not durable is empty or half there.
   */
  losePower(random: Random, isOrdered: boolean): void {
    const names = this.#names;
    this.#names = [];
    const survivors = isOrdered ? random.below(names.length + 1) : 0;
    for (let index = names.length - 1; index >= survivors; index--) {
      const change = names[index] as NameChange;
      if (isOrdered || random.chance(0.5)) this.#undo(change);
    }
    const data = this.#data;
    this.#data = [];
    for (const { node, isNew, text, mtimeNs, mode } of data.toReversed()) {
      if (random.chance(0.5)) continue;
      if (isNew) node.text = node.text.slice(0, random.below(3));
      else node.text = text;
      node.mtimeNs = mtimeNs;
      node.mode = mode;
      this.bump(node);
    }
  }

  /** Returns a copy of the tree below the root, as paths and texts, for `restore`. */
  copy(): Inode {
    const copied = (node: Inode): Inode => ({
      ...node,
      children: new Map([...node.children].map(([name, child]) => [name, copied(child)])),
    });
    return copied(this.root);
  }

  /** Takes a change of names back, unless a later one that survives has built on it. */
  #undo(change: NameChange): void {
    if (change.type === 'added' || change.type === 'removed') {
      const { dir, name, node } = change;
      const isThere = dir.children.get(name) === node;
      if (change.type === 'added' && isThere && node.children.size === 0) dir.children.delete(name);
      const isFree = !dir.children.has(name) && holds(this.root, dir);
      if (change.type === 'removed' && isFree) dir.children.set(name, node);
      return;
    }
    const { from, fromName, to, toName } = change;
    const node = to.children.get(toName);
    const other = from.children.get(fromName);
    if (node === undefined || !holds(this.root, from) || holds(node, from)) return;
    if (change.type === 'renamed' && (node !== change.node || other !== undefined)) return;
    if (change.type === 'exchanged' && other === undefined) return;
    from.children.set(fromName, node);
    if (other === undefined) to.children.delete(toName);
    else to.children.set(toName, other);
  }
}

/** Tells whether `wanted` is `node` or below it. */
export function holds(node: Inode, wanted: Inode): boolean {
  if (node === wanted) return true;
  for (const child of node.children.values())
    if (child === wanted || (child.kind === 'directory' && holds(child, wanted))) return true;
  return false;
}
