import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Logger } from '../../core/ports.ts';
import { steadyTime } from '../../core/steady-time.ts';
import type { DriveFile, DriveTree } from './drive-tree.ts';

export interface EvictionOptions {
  readonly tree: Pick<DriveTree, 'entry' | 'stored' | 'dehydrate' | 'backingPath'>;
  /** Tells what is never given up, beside what is dirty or open. */
  readonly isKept: (file: DriveFile) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Candidate {
  readonly id: number;
  readonly usedAtMs: number;
}

/** A list that holds nothing any more is made anew at most so often: it costs a look at everything stored. */
const LOOK_AGAIN_MS = 1_000;
/** What could be given up is added up anew at most so often, and less often where it takes long. */
const COUNT_AGAIN_MS = 1_000;
const COUNTING_PART = 50;
const QUICK_MS = 5;

/** Which contents to give up first: those that were not used for the longest time. */
export class EvictionOrder {
  readonly #options: EvictionOptions;
  readonly #steadyMs: () => number;
  /** When files were used before this process began, or other than by programs that opened them. */
  readonly #usedAtMs = new Map<number, number>();
  /** The next to go is the last one. */
  #candidates: Candidate[] = [];
  #emptySinceMs = Number.NEGATIVE_INFINITY;
  #givable = 0;
  #isClosed = false;
  #countingMs = 0;
  #countAgainAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: EvictionOptions) {
    this.#options = options;
    this.#steadyMs = steadyTime(() => options.clock.now());
  }

  /** Learns from the files on the disk when those were used that nobody has opened since the drive was. */
  async learn(): Promise<void> {
    const { tree } = this.#options;
    // The drive is being opened: others go first.
    await nextTurn();
    if (this.#isClosed) return;
    for (const { id, backing, usedAtMs } of [...tree.stored()]) {
      if (this.#isClosed) return;
      if (usedAtMs > 0 || backing === null || this.#usedAtMs.has(id)) continue;
      const found = await stat(tree.backingPath(backing)).catch(() => null);
      if (found !== null) this.#usedAtMs.set(id, Math.max(found.atimeMs, found.mtimeMs));
    }
    this.#candidates = [];
    this.#emptySinceMs = Number.NEGATIVE_INFINITY;
  }

  /** Notes that a file was used now. */
  used(id: number): void {
    this.#usedAtMs.set(id, this.#options.clock.now());
  }

  /** Ends what is being learned. */
  close(): void {
    this.#isClosed = true;
  }

  /** Gives up contents of at least so many bytes, as far as there are any; returns how many. */
  giveUp(bytes: number): number {
    const { tree, logger } = this.#options;
    let given = 0;
    let isFresh = false;
    while (given < bytes) {
      const next = this.#candidates.pop();
      if (next === undefined) {
        if (isFresh || !this.#list()) break;
        isFresh = true;
        continue;
      }
      const file = tree.entry(next.id);
      if (file?.kind !== 'file' || this.#usedAt(file) !== next.usedAtMs) continue;
      if (!this.#isGivable(file) || tree.dehydrate(file.id) !== null) continue;
      this.#usedAtMs.delete(file.id);
      given += file.storedBytes;
      this.#givable = Math.max(0, this.#givable - file.storedBytes);
    }
    if (given > 0) logger.info('space given back', { bytes: given });
    return given;
  }

  /** Returns how many bytes could be given up, as of a short while ago, or (where that is quick) of now. */
  givableBytes(isNow = false): number {
    const startedMs = this.#steadyMs();
    const isRecent = startedMs < this.#countAgainAtMs;
    if (isRecent && !(isNow && this.#countingMs < QUICK_MS)) return this.#givable;
    this.#givable = 0;
    for (const file of this.#options.tree.stored())
      if (this.#isGivable(file)) this.#givable += file.storedBytes;
    this.#countingMs = this.#steadyMs() - startedMs;
    this.#countAgainAtMs = startedMs + Math.max(COUNT_AGAIN_MS, this.#countingMs * COUNTING_PART);
    return this.#givable;
  }

  /** Lists what could be given up; false: nothing, or it has just been found out. */
  #list(): boolean {
    const now = this.#steadyMs();
    if (now - this.#emptySinceMs < LOOK_AGAIN_MS) return false;
    this.#candidates = [...this.#options.tree.stored()]
      .filter((file) => file.storedBytes > 0 && this.#isGivable(file))
      .map((file) => ({ id: file.id, usedAtMs: this.#usedAt(file) }))
      .sort((a, b) => b.usedAtMs - a.usedAtMs);
    if (this.#candidates.length === 0) this.#emptySinceMs = now;
    return this.#candidates.length > 0;
  }

  #isGivable(file: DriveFile): boolean {
    if (file.state === 'dirty' || file.handles > 0 || file.source === null) return false;
    return !this.#options.isKept(file);
  }

  #usedAt({ id, usedAtMs }: DriveFile): number {
    return Math.max(usedAtMs, this.#usedAtMs.get(id) ?? 0);
  }
}
