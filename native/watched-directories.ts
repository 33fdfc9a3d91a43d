/** A directory with a watch on it; its path is derived, so that a rename of a whole tree is one step. */
export class WatchedDirectory {
  name: string;
  parent: WatchedDirectory | null;
  readonly watch: number;
  readonly children = new Map<string, WatchedDirectory>();

  constructor(name: string, parent: WatchedDirectory | null, watch: number) {
    this.name = name;
    this.parent = parent;
    this.watch = watch;
  }

  get path(): string {
    let path = this.name;
    for (let above = this.parent; above !== null && above.parent !== null; above = above.parent)
      path = `${above.name}/${path}`;
    return path;
  }

  pathOf(name: string): string {
    const { path } = this;
    return path === '' ? name : `${path}/${name}`;
  }
}

/** The watched directories as a tree, and by their watches. */
export class WatchedDirectories {
  readonly #byWatch = new Map<number, WatchedDirectory>();
  #root: WatchedDirectory | null = null;

  get size(): number {
    return this.#byWatch.size;
  }

  get root(): WatchedDirectory | null {
    return this.#root;
  }

  of(watch: number): WatchedDirectory | undefined {
    return this.#byWatch.get(watch);
  }

  at(path: string): WatchedDirectory | undefined {
    let directory = this.#root ?? undefined;
    if (path === '') return directory;
    for (const name of path.split('/')) directory = directory?.children.get(name);
    return directory;
  }

  /**
   * Notes that the directory at `path` has this watch. It may have been noted elsewhere, or another one here: then that
   * is out of date, and their other watches are returned. Null: the directory above is not watched.
   */
  put(path: string, watch: number): readonly number[] | null {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    const parent = path === '' ? null : this.at(path.slice(0, Math.max(0, slash)));
    if (parent === undefined) return null;
    const before = parent === null ? this.#root : (parent.children.get(name) ?? null);
    if (before?.watch === watch) return [];
    const elsewhere = this.#byWatch.get(watch);
    const stale = elsewhere === undefined ? [] : this.forget(elsewhere);
    const displaced = before === null ? [] : this.forget(before);
    const directory = new WatchedDirectory(name, parent, watch);
    if (parent === null) this.#root = directory;
    else parent.children.set(name, directory);
    this.#byWatch.set(watch, directory);
    return [...stale, ...displaced].filter((one) => one !== watch);
  }

  /** Takes a directory out of the tree; those below it stay with it, and all keep their watches. */
  detach(directory: WatchedDirectory): void {
    const { name, parent } = directory;
    if (parent?.children.get(name) === directory) parent.children.delete(name);
    directory.parent = null;
  }

  attach(directory: WatchedDirectory, parent: WatchedDirectory, name: string): void {
    directory.parent = parent;
    directory.name = name;
    parent.children.set(name, directory);
  }

  /** Forgets a directory with all below it, and returns their watches. */
  forget(directory: WatchedDirectory): readonly number[] {
    this.detach(directory);
    if (this.#root === directory) this.#root = null;
    const watches: number[] = [];
    const waiting = [directory];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      watches.push(next.watch);
      if (this.#byWatch.get(next.watch) === next) this.#byWatch.delete(next.watch);
      waiting.push(...next.children.values());
    }
    return watches;
  }

  /** Yields all of them, parents first. */
  *all(): Generator<WatchedDirectory, void, undefined> {
    const waiting = this.#root === null ? [] : [this.#root];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next;
      waiting.push(...next.children.values());
    }
  }
}
