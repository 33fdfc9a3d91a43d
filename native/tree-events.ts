import { IN, type RawEvent } from './watch-events.ts';
import type { WatchedDirectories, WatchedDirectory } from './watched-directories.ts';

/**
 * What happened in a watched tree. Paths are those at the moment of the event, in the order in which events happened:
 * after `moved`, everything below has a path that begins with the new one.
 */
export type TreeEvent =
  | {
      readonly type: 'changed';
      readonly path: string;
      readonly isDirectory: boolean;
      /** `closed`: a program that had it open for writing has closed it; it was not necessarily written. */
      readonly how: 'made' | 'gone' | 'written' | 'closed' | 'attributes';
    }
  /** A directory is there, and nothing is known of what is in it. */
  | { readonly type: 'appeared'; readonly path: string }
  /** A directory has another path now, with all that is in it. */
  | { readonly type: 'moved'; readonly from: string; readonly path: string }
  /** Events were lost. The tree is being looked through again: `onDirectory` hears of all of it. */
  | { readonly type: 'overflow' }
  /** Nothing is heard of what happens directly in that directory; ENOSPC: the system has no more watches. */
  | { readonly type: 'unwatched'; readonly path: string; readonly errno: string };

interface Half {
  readonly cookie: number;
  readonly path: string;
  readonly isDirectory: boolean;
  /** The directory that was renamed, if it was watched. */
  readonly directory: WatchedDirectory | null;
}

interface Move {
  readonly directory: WatchedDirectory;
  readonly from: string;
}

/** Turns the kernel's events into those of a tree, and keeps the tree of watched directories as they say. */
export class TreeEvents {
  readonly #directories: WatchedDirectories;
  readonly #ignores: (path: string, isDirectory: boolean) => boolean;
  readonly #toLookAt = new Set<string>();
  #told: TreeEvent[] = [];
  #moves: Move[] = [];
  /** Where something was renamed from, until the event comes that says where to. */
  #half: Half | null = null;
  readonly #unwatched: number[] = [];

  constructor(
    directories: WatchedDirectories,
    ignores: (path: string, isDirectory: boolean) => boolean,
  ) {
    this.#directories = directories;
    this.#ignores = ignores;
  }

  /** A rename was read of which the second half may still come. */
  get hasHalf(): boolean {
    return this.#half !== null;
  }

  /** Nothing needs a look at the disk. */
  get isSettled(): boolean {
    return this.#toLookAt.size === 0 && this.#moves.length === 0;
  }

  /** Directories that are to be watched, with all below them. */
  get toLookAt(): ReadonlySet<string> {
    return this.#toLookAt;
  }

  takeToLookAt(): string[] {
    const paths = [...this.#toLookAt].sort();
    this.#toLookAt.clear();
    return paths;
  }

  takeMoves(): readonly Move[] {
    const moves = this.#moves.filter(({ directory }) => this.#isInTree(directory));
    this.#moves = [];
    return moves;
  }

  take(): readonly TreeEvent[] {
    const events = this.#told;
    this.#told = [];
    return events;
  }

  tell(event: TreeEvent): void {
    this.#told.push(event);
  }

  lookAt(path: string): void {
    this.#toLookAt.add(path);
  }

  apply({ watch, mask, cookie, name }: RawEvent): void {
    if ((mask & IN.Q_OVERFLOW) !== 0) {
      this.tell({ type: 'overflow' });
      this.lookAt('');
      return;
    }
    const directory = this.#directories.of(watch);
    if (directory === undefined || name === null) return;
    const isDirectory = (mask & IN.ISDIR) !== 0;
    if (name === '') {
      this.#aboutItself(directory, mask);
      return;
    }
    const path = directory.pathOf(name);
    if (this.#ignores(path, isDirectory)) {
      // What comes out of a directory that is ignored, or goes into one, is not seen as a rename.
      if ((mask & IN.MOVED_TO) !== 0) this.#dropHalf();
      return;
    }
    if (isDirectory) this.#aboutDirectory(directory, name, { mask, cookie });
    else this.#aboutFile(path, { mask, cookie });
  }

  /** Settles a rename whose second half did not come: it led out of the tree. Returns watches that are not needed any more. */
  endOfRead(): readonly number[] {
    this.#dropHalf();
    return this.#unwatched.splice(0);
  }

  /** Only the root's own attributes are told by itself; of others the directory above tells as well. */
  #aboutItself(directory: WatchedDirectory, mask: number): void {
    if ((mask & (IN.IGNORED | IN.UNMOUNT)) !== 0) this.#directories.forget(directory);
    if (directory.parent === null && directory === this.#directories.root && mask & IN.ATTRIB)
      this.tell({ type: 'changed', path: '', isDirectory: true, how: 'attributes' });
  }

  #aboutFile(path: string, { mask, cookie }: { mask: number; cookie: number }): void {
    const tell = (how: Extract<TreeEvent, { type: 'changed' }>['how']): void =>
      this.tell({ type: 'changed', path, isDirectory: false, how });
    if (mask & IN.MOVED_FROM) {
      this.#dropHalf();
      this.#half = { cookie, path, isDirectory: false, directory: null };
      tell('gone');
    } else if (mask & IN.MOVED_TO) {
      if (this.#half?.cookie === cookie) this.#half = null;
      tell('made');
    } else if (mask & IN.CREATE) tell('made');
    else if (mask & IN.DELETE) tell('gone');
    else if (mask & IN.MODIFY) tell('written');
    else if (mask & IN.CLOSE_WRITE) tell('closed');
    else if (mask & IN.ATTRIB) tell('attributes');
  }

  #aboutDirectory(
    parent: WatchedDirectory,
    name: string,
    { mask, cookie }: { mask: number; cookie: number },
  ): void {
    const path = parent.pathOf(name);
    const known = parent.children.get(name) ?? null;
    if (mask & IN.MOVED_FROM) {
      this.#dropHalf();
      if (known !== null) this.#directories.detach(known);
      this.#half = { cookie, path, isDirectory: true, directory: known };
    } else if (mask & IN.MOVED_TO) this.#arrive(parent, name, cookie);
    else if (mask & IN.CREATE) this.#appear(path, known);
    else if (mask & IN.DELETE) {
      if (known !== null) this.#unwatched.push(...this.#directories.forget(known));
      this.tell({ type: 'changed', path, isDirectory: true, how: 'gone' });
    } else if (mask & IN.ATTRIB) {
      this.tell({ type: 'changed', path, isDirectory: true, how: 'attributes' });
      // It may be readable from now on.
      if (known === null) this.#appear(path, null);
    }
  }

  #arrive(parent: WatchedDirectory, name: string, cookie: number): void {
    const path = parent.pathOf(name);
    const known = parent.children.get(name) ?? null;
    const half = this.#half?.cookie === cookie ? this.#half : null;
    if (half !== null) this.#half = null;
    else this.#dropHalf();
    const directory = half?.directory ?? null;
    if (half !== null && directory !== null && known === null) {
      this.#directories.attach(directory, parent, name);
      this.#moves.push({ directory, from: half.path });
      this.tell({ type: 'moved', from: half.path, path });
      return;
    }
    // Something was in its place: it is gone, or has changed places with it.
    if (directory !== null) this.#unwatched.push(...this.#directories.forget(directory));
    if (half !== null) {
      this.tell({ type: 'changed', path: half.path, isDirectory: true, how: 'gone' });
      if (known !== null) this.lookAt(half.path);
    }
    this.#appear(path, known);
  }

  #appear(path: string, known: WatchedDirectory | null): void {
    if (known !== null) this.#unwatched.push(...this.#directories.forget(known));
    this.tell({ type: 'appeared', path });
    this.lookAt(path);
  }

  #dropHalf(): void {
    const half = this.#half;
    this.#half = null;
    if (half === null || !half.isDirectory) return;
    if (half.directory !== null) this.#unwatched.push(...this.#directories.forget(half.directory));
    this.tell({ type: 'changed', path: half.path, isDirectory: true, how: 'gone' });
  }

  #isInTree(directory: WatchedDirectory): boolean {
    let at: WatchedDirectory | null = directory;
    while (at.parent !== null) at = at.parent;
    return at === this.#directories.root;
  }
}
