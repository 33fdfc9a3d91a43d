import { ChangedDirectory, type LogLine, type Moved } from './changed-directory.ts';

/** So many names are remembered one by one; beyond it, directories with many of them are to be listed instead. */
const MAX_NAMES = 200_000;
const MAX_MOVES = 10_000;

/**
 * The directories of the served tree, each with the numbers of its latest changes: what to answer to a cursor, in
 * memory that is bounded by the number of directories. All methods are one step; each change gets the next number.
 */
export class ChangeTree {
  readonly #root = new ChangedDirectory('', null);
  readonly #maxNames: number;
  readonly #maxMoves: number;
  readonly #withNames = new Set<ChangedDirectory>();
  readonly #unsettled = new Set<ChangedDirectory>();
  #seq = 0;
  #names = 0;
  #moves: Moved[] = [];
  /** What happened up to here is told without moves: they are not remembered so far back. */
  #movesFloor = 0;
  #lines: LogLine[] = [];
  #answers = 0;

  constructor(limits: { readonly maxNames?: number; readonly maxMoves?: number } = {}) {
    this.#maxNames = limits.maxNames ?? MAX_NAMES;
    this.#maxMoves = limits.maxMoves ?? MAX_MOVES;
  }

  /** The number of the latest change. */
  get seq(): number {
    return this.#seq;
  }

  get root(): ChangedDirectory {
    return this.#root;
  }

  get moves(): readonly Moved[] {
    return this.#moves;
  }

  get movesFloor(): number {
    return this.#movesFloor;
  }

  /** Directories whose fingerprint is not known. */
  get unsettled(): ReadonlySet<ChangedDirectory> {
    return this.#unsettled;
  }

  /** How many names are remembered one by one. */
  get names(): number {
    return this.#names;
  }

  at(path: string): ChangedDirectory | undefined {
    return this.#root.at(path);
  }

  /** Forgets everything. */
  clear(): void {
    for (const child of [...this.#root.children.values()]) child.detach();
    Object.assign(this.#root, { names: null, listed: 0, own: 0, newest: 0, fingerprint: null });
    this.#seq = 0;
    this.#lines = [];
  }

  /** Continues behind `seq`; what is known from before knows of no moves. */
  resume(seq: number): void {
    this.#seq = seq;
    this.#movesFloor = seq;
  }

  /** Puts in a directory as it was known before. */
  restore(path: string, known: Pick<ChangedDirectory, 'fingerprint' | 'own' | 'placed'>): void {
    const directory = this.#place(path);
    if (directory === null) return;
    const { fingerprint, own, placed } = known;
    Object.assign(directory, { fingerprint, own, placed, listed: own, appeared: placed });
    directory.raise(Math.max(own, placed));
  }

  /** Takes out a directory that was known before, or gives it another place. */
  relocate(from: string, to: string | null, seq: number): void {
    const directory = this.at(from);
    if (directory === undefined || directory === this.#root) return;
    directory.detach();
    if (to === null) return;
    const parent = this.at(parentOf(to));
    if (parent === undefined) return;
    parent.children.get(nameOf(to))?.detach();
    directory.attach(parent, nameOf(to));
    directory.placed = seq;
    directory.raise(seq);
  }

  /** Something is, or was, at `path`. False: the directory that holds it is not known, and will be looked at as a whole. */
  touch(path: string): boolean {
    const parent = path === '' ? undefined : this.at(parentOf(path));
    if (parent === undefined) return false;
    this.#touch(parent, nameOf(path), this.#next());
    return true;
  }

  /** A directory has gone, with all below it. */
  remove(path: string): void {
    this.#drop(path);
    this.touch(path);
  }

  /** A directory is there of which nothing was known; what was known of one at its place is forgotten. */
  appear(path: string): void {
    this.#drop(path);
    if (this.touch(path)) this.#introduce(path, this.#seq);
  }

  /** A directory was found while the tree was looked through, after the one that holds it. */
  find(path: string): ChangedDirectory | null {
    return this.at(path) ?? this.#introduce(path, this.#next());
  }

  /** A directory has another path, with all below it. */
  move(from: string, path: string): void {
    const directory = this.at(from);
    const parent = this.at(parentOf(path));
    if (directory === undefined || directory === this.#root || parent === undefined) {
      this.remove(from);
      this.appear(path);
      return;
    }
    const before = newestAround(directory.parent);
    this.touch(from);
    this.#leave(directory);
    directory.detach();
    this.#drop(path);
    directory.attach(parent, nameOf(path));
    this.touch(path);
    const seq = this.#seq;
    directory.placed = seq;
    directory.raise(seq);
    this.#log(['m', from, path, seq]);
    const around = Math.max(before, newestAround(parent));
    if (this.#answers === 0) this.#remember({ seq, from, path, directory, around });
    else directory.each((one) => Object.assign(one, { appeared: seq }));
  }

  /** Anything may have changed directly in the directory. */
  list(directory: ChangedDirectory): void {
    const seq = this.#next();
    this.#forgetNames(directory);
    directory.listed = seq;
    directory.own = seq;
    directory.raise(seq);
    this.#dirty(directory);
  }

  /** The directory's listing has this fingerprint, with everything that was noted so far. */
  settle(directory: ChangedDirectory, fingerprint: string | null): void {
    if (fingerprint === null) this.#unsettled.add(directory);
    else this.#unsettled.delete(directory);
    if (directory.fingerprint === fingerprint) return;
    directory.fingerprint = fingerprint;
    this.#log(['n', directory.path, fingerprint, directory.own, directory.placed]);
  }

  /**
   * While an answer is looked up, a move is told as a new directory: the answer may already have said that nothing is
   * at the old path, and then its reader would not know what was moved. Returns what ends that.
   */
  beginAnswer(): () => void {
    this.#answers++;
    let hasEnded = false;
    return () => {
      if (!hasEnded) this.#answers--;
      hasEnded = true;
    };
  }

  /** Returns what has to be written down before anybody hears of these changes. */
  takeLines(): readonly LogLine[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  /** Returns what stands for the whole tree, parents first. */
  dump(): LogLine[] {
    const lines: LogLine[] = [];
    this.#root.each((one) => lines.push(['n', one.path, one.fingerprint, one.own, one.placed]));
    return lines;
  }

  #next(): number {
    this.#seq++;
    return this.#seq;
  }

  #log(line: LogLine): void {
    this.#lines.push(line);
  }

  #introduce(path: string, seq: number): ChangedDirectory | null {
    const directory = this.#place(path);
    if (directory === null) return null;
    Object.assign(directory, { appeared: seq, placed: seq, listed: seq, own: seq });
    directory.raise(seq);
    this.#unsettled.add(directory);
    this.#log(['n', path, null, seq, seq]);
    return directory;
  }

  #place(path: string): ChangedDirectory | null {
    if (path === '') return this.#root;
    const parent = this.at(parentOf(path));
    if (parent === undefined) return null;
    const name = nameOf(path);
    const there = parent.children.get(name);
    if (there !== undefined) return there;
    const directory = new ChangedDirectory(name, parent);
    parent.children.set(name, directory);
    return directory;
  }

  #drop(path: string): void {
    const directory = this.at(path);
    if (directory === undefined || directory === this.#root) return;
    this.#log(['x', path]);
    directory.each((one) => {
      this.#forgetNames(one);
      this.#unsettled.delete(one);
    });
    this.#leave(directory);
    directory.detach();
  }

  /** Remembered as long as the other names in that directory. */
  #leave({ name, parent }: ChangedDirectory): void {
    if (parent === null) return;
    parent.left ??= new Map();
    const before = parent.left.size;
    parent.left.set(name, this.#seq + 1);
    this.#names += parent.left.size - before;
    this.#withNames.add(parent);
  }

  #touch(parent: ChangedDirectory, name: string, seq: number): void {
    parent.names ??= new Map();
    const before = parent.names.size;
    parent.names.delete(name); // the latest stand last
    parent.names.set(name, seq);
    this.#names += parent.names.size - before;
    this.#withNames.add(parent);
    parent.own = seq;
    parent.raise(seq);
    this.#dirty(parent);
    if (this.#names > this.#maxNames) this.#forgetMostNames();
  }

  /** It is written down once: a start that finds no fingerprint has the directory listed. */
  #dirty(directory: ChangedDirectory): void {
    this.settle(directory, null);
  }

  #forgetNames(directory: ChangedDirectory): void {
    const { names, left } = directory;
    if (names === null && left === null) return;
    this.#names -= (names?.size ?? 0) + (left?.size ?? 0);
    directory.names = null;
    directory.left = null;
    directory.listed = directory.own;
    this.#withNames.delete(directory);
  }

  #forgetMostNames(): void {
    const sizeOf = ({ names, left }: ChangedDirectory): number =>
      (names?.size ?? 0) + (left?.size ?? 0);
    const largest = [...this.#withNames].sort((one, other) => sizeOf(other) - sizeOf(one));
    for (const directory of largest) {
      if (this.#names <= this.#maxNames / 2) return;
      this.#forgetNames(directory);
    }
  }

  #remember(move: Moved): void {
    this.#moves.push(move);
    if (this.#moves.length <= this.#maxMoves) return;
    const dropped = this.#moves.splice(0, Math.ceil(this.#maxMoves / 2));
    this.#movesFloor = dropped.at(-1)?.seq ?? this.#movesFloor;
  }
}

/** Returns since when all directories from here upwards are known. */
function newestAround(directory: ChangedDirectory | null): number {
  let appeared = 0;
  for (let at = directory; at !== null; at = at.parent) appeared = Math.max(appeared, at.appeared);
  return appeared;
}

/** Returns the directory part of a path. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Returns the last name of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
