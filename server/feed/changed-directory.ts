/** A directory of the served tree, with the numbers of the latest changes to it. */
export class ChangedDirectory {
  name: string;
  parent: ChangedDirectory | null;
  readonly children = new Map<string, ChangedDirectory>();
  /** What changed directly in it, by name. */
  names: Map<string, number> | null = null;
  /** When a directory of that name last went from here. */
  left: Map<string, number> | null = null;
  /** Up to here, anything directly in it may have changed. */
  listed = 0;
  /** The latest of `listed` and `names`. */
  own = 0;
  /** Since when it is known at all. */
  appeared = 0;
  /** Since when it is at its place. */
  placed = 0;
  /** The latest change of any kind at or below it. */
  newest = 0;
  /** That of its listing, when nothing has changed in it since; null: not known. */
  fingerprint: string | null = null;
  /** The look through the tree in which it was found. */
  seenIn = 0;

  constructor(name: string, parent: ChangedDirectory | null) {
    this.name = name;
    this.parent = parent;
  }

  get path(): string {
    let path = this.name;
    for (let above = this.parent; above !== null && above.parent !== null; above = above.parent)
      path = `${above.name}/${path}`;
    return path;
  }

  at(path: string): ChangedDirectory | undefined {
    if (path === '') return this;
    let directory: ChangedDirectory | undefined = this;
    for (const name of path.split('/')) directory = directory?.children.get(name);
    return directory;
  }

  /** Tells whether it is `ancestor` or below it. */
  isWithin(ancestor: ChangedDirectory): boolean {
    for (let at: ChangedDirectory | null = this; at !== null; at = at.parent)
      if (at === ancestor) return true;
    return false;
  }

  /** Notes a change at or below it, here and above. */
  raise(seq: number): void {
    for (let at: ChangedDirectory | null = this; at !== null; at = at.parent)
      if (at.newest < seq) at.newest = seq;
  }

  detach(): void {
    if (this.parent?.children.get(this.name) === this) this.parent.children.delete(this.name);
    this.parent = null;
  }

  attach(parent: ChangedDirectory, name: string): void {
    this.parent = parent;
    this.name = name;
    parent.children.set(name, this);
    parent.raise(this.newest);
  }

  /** Visits it and all below it, parents first. */
  each(visit: (directory: ChangedDirectory) => void): void {
    const waiting: ChangedDirectory[] = [this];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      visit(next);
      for (const child of next.children.values()) waiting.push(child);
    }
  }
}

/** One line of what is kept between starts; see feed-log.ts. */
export type LogLine =
  /** A directory: its path, the fingerprint of its listing, the latest change in it, since when it is at its place. */
  | readonly [type: 'n', path: string, fingerprint: string | null, own: number, placed: number]
  /** A directory has gone, with all below it. */
  | readonly [type: 'x', path: string]
  | readonly [type: 'm', from: string, path: string, seq: number];

/** A directory that got another path. */
export interface Moved {
  readonly seq: number;
  /** Its paths before and after, as they were then. */
  readonly from: string;
  readonly path: string;
  readonly directory: ChangedDirectory;
  /** Since when all directories are known that it was in, before and after. */
  readonly around: number;
}
