import type { Side } from '../../core/model/entry.ts';
import type { UserEvent } from './events.ts';
import type { Oracle } from './oracle.ts';
import { holds, type Inode, type Tree } from './tree.ts';

/** The trees that users work on, and who remembers what they did. */
export interface UserWorld {
  readonly trees: Readonly<Record<Side, Tree>>;
  readonly oracle: Oracle;
}

/** Carries out what a user does; returns false where it does not fit what is there, and nothing has happened. */
export function carryOutUser(event: UserEvent, world: UserWorld): boolean {
  const desk = new Desk(event.side, world);
  desk.tree.settleNames();
  switch (event.do) {
    case 'write':
      return desk.write(event.path, event.text);
    case 'append':
      return desk.append(event.path, event.text);
    case 'save':
      return desk.save(event.path, event.text);
    case 'same':
      return desk.same(event.path);
    case 'move':
      return desk.move(event.path, event.to);
    case 'swap':
      return desk.swap(event.path, event.to);
    case 'remove':
      return desk.remove(event.path);
    case 'mkdir':
      return desk.directory(event.path) !== null;
    case 'kind':
      return desk.changeKind(event.path, event.text);
    case 'link':
      return desk.link(event.path);
    case 'touch':
      return desk.touch(event.path);
  }
}

/** A user at work on one side. */
class Desk {
  readonly tree: Tree;
  readonly #side: Side;
  readonly #world: UserWorld;

  constructor(side: Side, world: UserWorld) {
    this.#side = side;
    this.#world = world;
    this.tree = world.trees[side];
  }

  write(path: string, text: string): boolean {
    const node = this.tree.at(path);
    if (node?.kind === 'file') return this.#overwrite(node, text);
    return node === undefined && this.#place(path, text);
  }

  append(path: string, text: string): boolean {
    const node = this.tree.at(path);
    return node?.kind === 'file' && this.#overwrite(node, node.text + text);
  }

  save(path: string, text: string): boolean {
    const node = this.tree.at(path);
    if (node?.kind !== 'file') return false;
    this.#release(node);
    this.#unlink(path);
    return this.#place(path, text);
  }

  same(path: string): boolean {
    const other = this.#world.trees[this.#side === 'local' ? 'remote' : 'local'].at(path);
    if (other?.kind !== 'file' || this.tree.at(path)?.text === other.text) return false;
    return this.write(path, other.text);
  }

  move(path: string, to: string): boolean {
    const node = this.tree.at(path);
    const target = this.tree.at(to);
    const isOverFile = node?.kind === 'file' && target?.kind === 'file';
    if (!node || node === target || (target && !isOverFile)) return false;
    if (to.startsWith(`${path}/`)) return false;
    const slash = to.lastIndexOf('/');
    const directory = slash < 0 ? this.tree.root : this.directory(to.slice(0, slash));
    if (directory === null) return false;
    if (target) this.#release(target);
    this.#unlink(path);
    this.#set(to, node);
    return true;
  }

  swap(path: string, to: string): boolean {
    const one = this.tree.at(path);
    const other = this.tree.at(to);
    if (!one || !other || holds(one, other) || holds(other, one)) return false;
    this.#set(path, other);
    this.#set(to, one);
    return true;
  }

  remove(path: string): boolean {
    const node = this.tree.at(path);
    if (!node) return false;
    this.#release(node);
    this.#unlink(path);
    return true;
  }

  /** Makes the directory and those above it; null where something else is in the way. */
  directory(path: string): Inode | null {
    let node = this.tree.root;
    for (const name of path.split('/')) {
      let child = node.children.get(name);
      if (child === undefined) {
        child = this.tree.make('directory');
        node.children.set(name, child);
      }
      if (child.kind !== 'directory') return null;
      node = child;
    }
    return node;
  }

  changeKind(path: string, text: string): boolean {
    const node = this.tree.at(path);
    if (!node) return false;
    this.remove(path);
    return this.write(node.kind === 'directory' ? path : `${path}/a`, text);
  }

  link(path: string): boolean {
    return this.tree.at(path) === undefined && this.#put(path, this.tree.make('symlink', 'a'));
  }

  touch(path: string): boolean {
    const node = this.tree.at(path);
    if (node?.kind !== 'file') return false;
    node.mtimeNs = BigInt(this.tree.nowMs()) * 1_000_000n;
    this.tree.bump(node);
    return true;
  }

  #overwrite(node: Inode, text: string): boolean {
    this.tree.settleNames(node);
    this.#release(node);
    this.tree.setText(node, text);
    this.#world.oracle.author(text);
    return true;
  }

  #place(path: string, text: string): boolean {
    if (!this.#put(path, this.tree.make('file', text))) return false;
    this.#world.oracle.author(text);
    return true;
  }

  #put(path: string, node: Inode): boolean {
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? this.tree.root : this.directory(path.slice(0, slash));
    directory?.children.set(path.slice(slash + 1), node);
    return directory !== null;
  }

  #set(path: string, node: Inode): void {
    this.tree.directoryOf(path)?.children.set(path.slice(path.lastIndexOf('/') + 1), node);
    // A rename changes the inode; a server's entity tag stays.
    if (this.#side === 'local') this.tree.bump(node);
  }

  #unlink(path: string): void {
    this.tree.directoryOf(path)?.children.delete(path.slice(path.lastIndexOf('/') + 1));
  }

  #release(node: Inode): void {
    if (node.kind === 'file') this.#world.oracle.release(node.text, this.#side);
    for (const child of node.children.values()) this.#release(child);
  }
}
