import type { Direction, EntryKind, Side } from '../../core/model/entry.ts';
import { otherSide } from '../../core/model/entry.ts';
import { childPath, nameOf, parentPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type { BaseNode, SideNode, SideTree } from '../../core/reconcile/plan.ts';

/** One thing in a world; directories have children. */
export interface Item {
  readonly kind: EntryKind;
  content: string;
  identity: string;
  readonly children: Map<string, Item>;
  holdsIgnored?: boolean;
}

/** Makes an item; identities are never used twice in one test run of a world. */
export function item(kind: EntryKind, content: string, identity: string): Item {
  return { kind, content, identity, children: new Map() };
}

/** One side of a pair in memory: strict about names that are taken, missing parents and full directories. */
export class World {
  readonly root: Item;

  constructor(root: Item = item('directory', '', 'root')) {
    this.root = root;
  }

  copy(): World {
    const copied = (one: Item): Item => ({
      ...one,
      children: new Map([...one.children].map(([name, child]) => [name, copied(child)])),
    });
    return new World(copied(this.root));
  }

  get(path: SyncPath): Item | null {
    let at: Item | undefined = this.root;
    if (path === '') return at;
    for (const name of path.split('/')) at = at?.children.get(name);
    return at ?? null;
  }

  put(path: SyncPath, what: Item): void {
    const parent = this.get(parentPath(path));
    if (parent?.kind !== 'directory') throw new Error(`${path}: no directory to put it into`);
    if (parent.children.has(nameOf(path))) throw new Error(`${path}: the name is taken`);
    parent.children.set(nameOf(path), what);
  }

  take(path: SyncPath): Item {
    const what = this.get(path);
    if (what === null) throw new Error(`${path}: nothing there`);
    this.get(parentPath(path))?.children.delete(nameOf(path));
    return what;
  }

  move(from: SyncPath, to: SyncPath): void {
    if (to === from || to.startsWith(`${from}/`)) throw new Error(`${from}: cannot go to ${to}`);
    const what = this.take(from);
    this.put(to, what);
  }

  remove(path: SyncPath, kind: EntryKind): void {
    const what = this.get(path);
    if (what?.kind !== kind) throw new Error(`${path}: ${what?.kind ?? 'nothing'}, not ${kind}`);
    if (what.children.size > 0) throw new Error(`${path}: not empty`);
    if (what.holdsIgnored) throw new Error(`${path}: holds ignored entries`);
    this.take(path);
  }

  /** Every path with what is there, directories before what they hold. */
  *entries(): Iterable<readonly [SyncPath, Item]> {
    const directories: [SyncPath, Item][] = [[ROOT, this.root]];
    for (const [path, directory] of directories) {
      for (const [name, child] of directory.children) {
        const own = childPath(path, name);
        yield [own, child];
        if (child.kind === 'directory') directories.push([own, child]);
      }
    }
  }

  /** What it looks like, for comparison: content by path, `/` for directories. */
  picture(): Record<string, string> {
    const lines = [...this.entries()].map(([path, { kind, content }]) => [
      path,
      kind === 'directory' ? '/' : content,
    ]);
    return Object.fromEntries(lines.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
  }

  contents(): Set<string> {
    return new Set(
      [...this.entries()]
        .filter(([, { kind }]) => kind !== 'directory')
        .map(([, { content }]) => content),
    );
  }

  /** Returns what an observation sees. */
  tree(withIdentities: boolean): SideTree {
    const nodes = new Map<SyncPath, SideNode>();
    for (const [path, { kind, content, identity, holdsIgnored }] of this.entries())
      nodes.set(path, {
        path,
        kind,
        content,
        sizeBytes: content.length,
        metadataChanged: false,
        ...(withIdentities ? { identity } : {}),
        ...(holdsIgnored ? { holdsIgnored } : {}),
      });
    return { nodes, frozen: new Set() };
  }
}

/** Which sides give identities: both, none, or the local one only, as with a plain server. */
export type Identities = boolean | 'local';

/** Tells whether that side gives identities. */
export function givesIdentities(identities: Identities, side: Side): boolean {
  return identities === true || (identities === 'local' && side === 'local');
}

/** Returns the records that a finished run would have left, had both sides held `world`. */
export function recordsOf(world: World, identities: Identities): Map<number, BaseNode> {
  const ids = new Map<string, number>([['', 0]]);
  const records = new Map<number, BaseNode>();
  for (const [path, { kind, content, identity }] of world.entries()) {
    const id = ids.size;
    ids.set(path, id);
    records.set(id, {
      id,
      parentId: ids.get(parentPath(path)) ?? 0,
      name: nameOf(path),
      kind,
      content,
      sizeBytes: content.length,
      identity: {
        ...(givesIdentities(identities, 'local') ? { local: identity } : {}),
        ...(givesIdentities(identities, 'remote') ? { remote: identity } : {}),
      },
    });
  }
  return records;
}

/** Returns the side that gives in a one-way run; the remote one otherwise. */
export function masterOf(direction: Direction): Side {
  return direction === 'local-to-remote' ? 'local' : 'remote';
}

/** Returns the side that takes in a one-way run. */
export function destinationOf(direction: Direction): Side {
  return otherSide(masterOf(direction));
}
