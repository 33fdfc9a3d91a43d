import { ROOT, type SyncPath } from '../../core/model/path.ts';

/** A file that was made is usually closed at once; one that was linked or renamed to its place never is. */
const MADE_MS = 20;
/** A file that is being written is hinted at when nothing was written for so long, although it is still open. */
const WRITTEN_MS = 500;
const MAX_PENDING = 1000;

/** Holds back the hints of files that a program is still at, until it has closed them or pauses. */
export class PendingHints {
  readonly #hint: (path: SyncPath) => void;
  readonly #timers = new Map<SyncPath, NodeJS.Timeout>();

  constructor(hint: (path: SyncPath) => void) {
    this.#hint = hint;
  }

  /** Passes a hint on at once. */
  done(path: SyncPath): void {
    this.#forget(path);
    this.#hint(path);
  }

  /** Passes the hint of a file on when it is time. */
  fileChanged(path: SyncPath, how: 'made' | 'gone' | 'written' | 'closed' | 'attributes'): void {
    if (how === 'made') this.#later(path, MADE_MS);
    else if (how === 'written') this.#later(path, WRITTEN_MS);
    // Times are set while a file is written, too.
    else if (how !== 'attributes' || !this.#timers.has(path)) this.done(path);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #later(path: SyncPath, ms: number): void {
    this.#forget(path);
    if (this.#timers.size >= MAX_PENDING) {
      this.#hint(ROOT);
      return;
    }
    this.#timers.set(
      path,
      setTimeout(() => this.done(path), ms),
    );
  }

  #forget(path: SyncPath): void {
    const timer = this.#timers.get(path);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(path);
  }
}
