import { setImmediate } from 'node:timers/promises';
import { type ErrorCode, FerryError, throwIfAborted } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Observation, ObserveOptions } from '../../core/observation.ts';
import { isSynced, pathedEntries } from './drive-names.ts';
import type { SyncedEntry } from './drive-steps.ts';
import type { DriveEntry, DriveTree } from './drive-tree.ts';
import { ListingFingerprint } from './listing-fingerprint.ts';
import type { ShownEntries } from './shown-entries.ts';

export interface DriveWalkOptions {
  readonly tree: Pick<DriveTree, 'find' | 'children' | 'disown'>;
  readonly shown: ShownEntries;
  /** Says what is seen of an entry that is shown. */
  readonly observationOf: (entry: SyncedEntry, path: SyncPath) => Observation;
}

const BATCH = 256;
/** Programs that wait for an answer of this thread get one at least this often. */
const PAUSE_AFTER_MS = 15;

const JUST_GONE =
  'it went away a moment ago, and a program may be saving it; it is looked at again';

interface Visit {
  readonly id: number;
  readonly path: SyncPath;
}

/** What becomes of one entry of a listing: it is yielded, left out, or left out with a word about it. */
interface Seen {
  readonly entry: DriveEntry;
  readonly path: SyncPath;
  readonly isShown: boolean;
  readonly error: FerryError | null;
}

/** One walk of the engine over the drive's tree, or over a part of it. */
export class DriveWalk {
  readonly #options: DriveWalkOptions;
  readonly #observe: ObserveOptions;
  readonly #visits: Visit[] = [];
  #batch: Observation[] = [];
  readonly #staying = new Map<SyncPath, number>();

  constructor(options: DriveWalkOptions, observe: ObserveOptions) {
    this.#options = options;
    this.#observe = observe;
  }

  /** How many files of each directory that was listed, and of those that were left out in it, are changed and stay so. */
  get staying(): ReadonlyMap<SyncPath, number> {
    return this.#staying;
  }

  /** Yields the tree in batches, each directory before what it holds. */
  async *batches(): AsyncIterable<readonly Observation[]> {
    this.#begin();
    let pausedMs = performance.now();
    for (let visit = this.#visits.pop(); visit !== undefined; visit = this.#visits.pop()) {
      this.#list(visit);
      if (this.#batch.length >= BATCH) yield this.#take();
      if (performance.now() - pausedMs < PAUSE_AFTER_MS) continue;
      await setImmediate();
      throwIfAborted(this.#observe.signal);
      pausedMs = performance.now();
    }
    for (const path of this.#options.shown.vanished())
      this.#batch.push(problem(path, 'LOCAL_BUSY', JUST_GONE));
    throwIfAborted(this.#observe.signal);
    if (this.#batch.length > 0) yield this.#take();
  }

  #begin(): void {
    for (const path of this.#observe.part?.directories ?? [ROOT]) {
      const entry = this.#options.tree.find(path);
      if (entry?.kind === 'directory') this.#visits.push({ id: entry.id, path });
      else this.#batch.push(problem(path, 'CHANGED', 'it is no directory any more'));
    }
    this.#visits.reverse();
  }

  #take(): readonly Observation[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }

  #list({ id, path: directory }: Visit): void {
    const { listings, part } = this.#observe;
    const seen = this.#lookAt(directory, this.#options.tree.children(id));
    const fingerprint = listings === undefined ? undefined : fingerprintOf(seen);
    const isKnown = fingerprint !== undefined && listings?.known(directory) === fingerprint;
    const below: Visit[] = [];
    for (const one of seen) {
      if (!isKnown) this.#yield(one);
      const { entry, path, isShown } = one;
      if (isShown && entry.kind === 'directory' && part?.isKnown(path) !== true)
        below.push({ id: entry.id, path });
    }
    if (fingerprint !== undefined) listings?.listed(directory, fingerprint);
    for (const visit of below.reverse()) this.#visits.push(visit);
  }

  #lookAt(directory: SyncPath, children: readonly DriveEntry[]): readonly Seen[] {
    let staying = 0;
    for (const entry of children) if (!isSynced(entry.name)) staying += this.#dirtyAt(entry);
    const seen = pathedEntries(directory, children).map(({ entry, path, problem }): Seen => {
      const one =
        problem === null
          ? this.#judge(entry, path)
          : { entry, path, isShown: false, error: problem };
      if (!one.isShown) staying += this.#left(one);
      return one;
    });
    this.#staying.set(directory, staying);
    return seen;
  }

  #judge(entry: DriveEntry, path: SyncPath): Seen {
    const isDirectory = entry.kind === 'directory';
    if (entry.kind === 'special' || this.#observe.isIgnored?.(path, isDirectory))
      return { entry, path, isShown: false, error: null };
    const showing = this.#options.shown.judge(entry, path);
    if (showing === 'shown') return { entry, path, isShown: true, error: null };
    return { entry, path, isShown: false, error: showing === 'hidden' ? null : showing };
  }

  /**
   * Notes what is left out, so that the directory that it is in stays; returns how many changed files are at and below
   * it.
   */
  #left({ entry, path }: Seen): number {
    this.#observe.onIgnored?.(path);
    return this.#dirtyAt(entry);
  }

  #dirtyAt(entry: DriveEntry): number {
    if (entry.kind === 'directory') return this.#dirtyBelow(entry, !entry.isPlaced);
    return entry.kind === 'file' && entry.state === 'dirty' ? 1 : 0;
  }

  /**
   * Counts the changed files in a directory that is left out. What programs have moved there is gone from where the
   * other side has it: its content is the drive's own from now on, so that it is not given up as something that can be
   * fetched.
   */
  #dirtyBelow(directory: DriveEntry, isMoved: boolean): number {
    const { tree } = this.#options;
    let dirty = 0;
    for (const entry of tree.children(directory.id)) {
      const isGone = isMoved || !entry.isPlaced;
      if (entry.kind === 'directory') dirty += this.#dirtyBelow(entry, isGone);
      if (entry.kind !== 'file') continue;
      const isOwn = isGone && entry.source !== null && tree.disown(entry.id, entry.counter);
      if (isOwn || entry.state === 'dirty') dirty += 1;
    }
    return dirty;
  }

  #yield({ entry, path, isShown, error }: Seen): void {
    if (error !== null) this.#batch.push({ type: 'problem', path, error });
    else if (isShown && entry.kind !== 'special')
      this.#batch.push(this.#options.observationOf(entry, path));
  }
}

/** Returns what stands for everything that is said of what is directly in a directory. */
function fingerprintOf(seen: readonly Seen[]): string {
  const fingerprint = new ListingFingerprint();
  for (const { entry, isShown, error } of seen) {
    const { id, counter, identity, kind, mode, name } = entry;
    const said = error === null ? String(isShown) : error.code;
    const state = kind === 'file' && entry.closed !== null ? 'being written' : '';
    fingerprint.add(`${name}/${kind}/${id}.${counter}/${identity}/${mode}/${said}/${state}`);
  }
  return fingerprint.text;
}

function problem(path: SyncPath, code: ErrorCode, why: string): Observation {
  return { type: 'problem', path, error: new FerryError(code, `${path}: ${why}`, { path }) };
}
