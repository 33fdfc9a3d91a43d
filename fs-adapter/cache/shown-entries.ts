import { type Observable, Subject, type Subscription } from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import { childPath, nameOf, parentPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Clock } from '../../core/ports.ts';
import type { DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';
import { areSiblings, namesWithin, RecentChanges } from './recent-changes.ts';
import type { TemporaryNames } from './temporary-names.ts';

/** The part of a tree that it takes to tell what is being saved. */
export type SavingTree = Pick<DriveTree, 'find' | 'pathOf' | 'disown' | 'changes$'>;

export interface ShownEntriesOptions {
  readonly tree: SavingTree;
  readonly names: TemporaryNames;
  readonly clock: Clock;
}

/** A file that was removed comes back within this, if a program is saving it. */
const COMES_BACK_MS = 500;
/** So long has a program that renamed a file away, or writes beside it, for the rest of its save. */
const SAVE_MS = 2000;
/** However often such a file is changed, it is not held longer. */
const MAX_HELD_MS = 10_000;
/** Where more than this goes away at once, it is deleted: no save does that. */
const MANY = 64;
/** A file of a temporary name that stays longer is worth a word. */
const STAYS_MS = 3_600_000;

/** Endings of new files beside which there is nothing yet that they could replace. */
const PASSING_ENDING =
  /\.(?:tmp|temp|new|lock)$|\.\d{5,}$|[.-](?=.*[A-Z])(?=.*[a-z0-9])[A-Za-z0-9]{6,}$/;

/** Nothing is said of it; hidden, but worth mentioning (an error); or shown to the engine. */
export type Showing = 'shown' | 'hidden' | FerryError;

/**
 * Decides what the engine is shown of what programs keep in the drive, so that however a program saves, one new version
 * of the file itself is seen, and nothing else: no file of a temporary name, no deletion of what is about to come back.
 * What sync has put at a place is always shown; what is never shown was never on the other side, or is no more.
 */
export class ShownEntries {
  readonly #options: ShownEntriesOptions;
  readonly #recent: RecentChanges;
  readonly #due = new Subject<SyncPath>();
  readonly #subscription: Subscription;
  readonly #closed = new AbortController();
  /** Files that were renamed to temporary names: where they are now, and were before, as far as that is known. */
  readonly #renamedAway = new Map<
    number,
    { readonly path: SyncPath; readonly origin: SyncPath | null }
  >();
  /** In this observation a file is hidden that the other side has: nothing may be taken for deleted. */
  #hidesSynced = false;
  /** Names that the other side has, too: what is there is shown, whatever it is called. */
  readonly #wanted = new Set<SyncPath>();
  readonly #held = new Set<SyncPath>();

  constructor(options: ShownEntriesOptions) {
    this.#options = options;
    this.#recent = new RecentChanges(options.clock, MAX_HELD_MS);
    this.#subscription = options.tree.changes$.subscribe((path) => this.#note(path));
  }

  /** Paths that were held back, once it is worth while to look at them again. */
  get due$(): Observable<SyncPath> {
    return this.#due.asObservable();
  }

  /** Begins an observation: waits, for two seconds at most, while a file is gone that a program may be saving. */
  async settled(signal?: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#hidesSynced = false;
    for (let waitedMs = 0; waitedMs < SAVE_MS; ) {
      const leftMs = this.#leftMs();
      if (leftMs <= 0) return;
      await clock.sleep(leftMs, signal);
      waitedMs += leftMs;
    }
  }

  /** Says whether the engine is shown an entry. */
  judge(entry: DriveEntry, path: SyncPath): Showing {
    const isDirectory = entry.kind === 'directory';
    if (entry.isPlaced || this.#wanted.has(path)) return 'shown';
    const temporary = this.#options.names.find(entry.name, isDirectory);
    if (entry.kind !== 'file') return temporary === null ? 'shown' : 'hidden';
    if (temporary === null) return this.#isPassing(entry, path) ? this.#hold(path) : 'shown';
    if (entry.source !== null && !this.#isBackup(entry, path)) {
      if (this.#recent.ageMs(path) >= SAVE_MS) return 'shown';
      this.#hidesSynced = true;
      return this.#hold(path);
    }
    const isKnownToStay = temporary.kind === 'lock' || temporary.kind === 'system';
    if (isKnownToStay || entry.handles > 0 || !this.#isOld(entry)) return 'hidden';
    return staysHere(path, temporary.madeBy);
  }

  /** Ends an observation: returns the paths that went away a moment ago, about which nothing is to be inferred yet. */
  vanished(): readonly SyncPath[] {
    const paths = this.#vanished();
    for (const path of paths) this.#hold(path);
    return paths;
  }

  /** Shows from now on what is at the path: the other side has something there. */
  want(path: SyncPath): void {
    this.#wanted.add(path);
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#closed.abort();
    this.#due.complete();
  }

  #note(path: SyncPath): void {
    const before = this.#recent.note(path);
    const entry = this.#options.tree.find(path);
    if (entry?.kind !== 'file' || entry.isPlaced || entry.source === null) return;
    if (this.#options.names.find(entry.name, false) === null) return;
    const origin = before !== null && areSiblings(before, path) ? before : null;
    this.#renamedAway.delete(entry.id);
    this.#renamedAway.set(entry.id, { path, origin });
    for (const [id, { path: at }] of this.#renamedAway)
      if (this.#recent.ageMs(at) > SAVE_MS) this.#renamedAway.delete(id);
  }

  /** Tells whether a new file may be about to take the place of another, or of one that is still to come. */
  #isPassing({ source, name }: DriveFile, path: SyncPath): boolean {
    if (source !== null) return false;
    if (this.#recent.ageMs(path) >= SAVE_MS || this.#recent.spanMs(path) >= MAX_HELD_MS)
      return false;
    if (PASSING_ENDING.test(name)) return true;
    const directory = parentPath(path);
    return namesWithin(name).some(
      (within) => this.#options.tree.find(childPath(directory, within))?.kind === 'file',
    );
  }

  /**
   * Tells whether a program has renamed the file away to keep it while it writes a new one at its place. If it has, the
   * file is the program's own from now on, and the new one continues it.
   */
  #isBackup(entry: DriveFile, path: SyncPath): boolean {
    const { tree } = this.#options;
    const origin = this.#originOf(entry, path);
    const successor = origin === null ? null : tree.find(origin);
    if (successor?.kind !== 'file' || successor.isPlaced || successor.source !== null) return false;
    if (!tree.disown(entry.id, entry.counter)) return false;
    this.#renamedAway.delete(entry.id);
    return true;
  }

  #originOf({ id, name }: DriveFile, path: SyncPath): SyncPath | null {
    const [, kept] = /^(.+?)(?:\.~\d+)?~$/.exec(name) ?? [];
    if (kept !== undefined) return childPath(parentPath(path), kept);
    return this.#renamedAway.get(id)?.origin ?? null;
  }

  #isOld({ mtimeNs }: DriveFile): boolean {
    return this.#options.clock.now() - Number(mtimeNs / 1_000_000n) > STAYS_MS;
  }

  #leftMs(): number {
    const vanished = this.#vanished();
    if (vanished.length === 0) return 0;
    const ages = vanished.map((path) => this.#ageAtOrBelow(path));
    for (const { path } of this.#renamedAway.values()) ages.push(this.#recent.ageMs(path));
    const youngest = Math.min(...ages);
    return this.#graceMs() - youngest;
  }

  /** Returns what is gone, the topmost of each; nothing when it is too much for a save. */
  #vanished(): readonly SyncPath[] {
    const { tree, names } = this.#options;
    const gone = new Set<SyncPath>();
    for (const path of this.#recent.within(this.#graceMs())) {
      if (tree.find(path) !== null || names.find(nameOf(path), false) !== null) continue;
      let topmost = path;
      while (topmost !== ROOT && tree.find(parentPath(topmost)) === null)
        topmost = parentPath(topmost);
      gone.add(topmost);
      if (gone.size > MANY && !this.#hidesSynced) return [];
    }
    return [...gone];
  }

  #ageAtOrBelow(topmost: SyncPath): number {
    let ageMs = this.#recent.ageMs(topmost);
    for (const path of this.#recent.within(SAVE_MS))
      if (path.startsWith(`${topmost}/`)) ageMs = Math.min(ageMs, this.#recent.ageMs(path));
    return ageMs;
  }

  #graceMs(): number {
    if (this.#hidesSynced) return MAX_HELD_MS;
    for (const { path } of this.#renamedAway.values())
      if (this.#recent.ageMs(path) < SAVE_MS) return SAVE_MS;
    return COMES_BACK_MS;
  }

  #hold(path: SyncPath): 'hidden' {
    if (this.#held.has(path)) return 'hidden';
    this.#held.add(path);
    const { clock } = this.#options;
    const dueMs = Math.max(0, SAVE_MS - this.#recent.ageMs(path)) + 1;
    clock
      .sleep(dueMs, this.#closed.signal)
      .then(() => {
        this.#held.delete(path);
        this.#due.next(path);
      })
      .catch(() => undefined); // closed meanwhile
    return 'hidden';
  }
}

function staysHere(path: SyncPath, madeBy: string): FerryError {
  return new FerryError(
    'NAME_NOT_ALLOWED',
    `${path}: it is only on this device, as ${madeBy} gives such names to files that are not meant to stay; rename it to have it synced`,
    { path },
  );
}
