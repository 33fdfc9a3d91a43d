import { nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Clock } from '../../core/ports.ts';
import { steadyTime } from '../../core/steady-time.ts';

interface Change {
  readonly firstMs: number;
  lastMs: number;
}

/** What programs have changed in the last moments: paths, with when. Much at once is remembered no longer than little. */
export class RecentChanges {
  readonly #now: () => number;
  readonly #keepMs: number;
  /** In the order of the last change of each. */
  readonly #changes = new Map<SyncPath, Change>();
  #last: SyncPath | null = null;

  constructor(clock: Clock, keepMs: number) {
    this.#now = steadyTime(() => clock.now());
    this.#keepMs = keepMs;
  }

  /** Takes note of a change, and returns the path of the one that was noted before it. */
  note(path: SyncPath): SyncPath | null {
    const now = this.#now();
    const before = this.#changes.get(path);
    this.#changes.delete(path);
    this.#changes.set(path, { firstMs: before?.firstMs ?? now, lastMs: now });
    for (const [old, { lastMs }] of this.#changes) {
      if (now - lastMs <= this.#keepMs) break;
      this.#changes.delete(old);
    }
    const previous = this.#last;
    this.#last = path;
    return previous;
  }

  /** How long ago something last changed at the path; infinite: longer than is remembered. */
  ageMs(path: SyncPath): number {
    const change = this.#changes.get(path);
    return change === undefined ? Number.POSITIVE_INFINITY : this.#now() - change.lastMs;
  }

  /** For how long the path has been changing, again and again, each time before it was forgotten. */
  spanMs(path: SyncPath): number {
    const change = this.#changes.get(path);
    return change === undefined ? 0 : change.lastMs - change.firstMs;
  }

  /** Returns the paths that changed within so many milliseconds, the latest first. */
  within(ms: number): readonly SyncPath[] {
    const now = this.#now();
    const found: SyncPath[] = [];
    for (const [path, { lastMs }] of this.#changes) if (now - lastMs < ms) found.push(path);
    return found.reverse();
  }
}

/** Returns the names of files that one called `name` may be about to replace: it is one of them with something around it. */
export function namesWithin(name: string): readonly string[] {
  const found = new Set<string>();
  for (const start of [0, 1])
    for (let end = name.length - 1; end > start; end--)
      if (/[^A-Za-z0-9]/.test(name.charAt(end))) found.add(name.slice(start, end));
  found.add(name.slice(1));
  found.delete(name);
  found.delete('');
  return [...found];
}

/** Tells whether both are directly in one directory. */
export function areSiblings(one: SyncPath, other: SyncPath): boolean {
  return parentPath(one) === parentPath(other) && nameOf(one) !== nameOf(other);
}
