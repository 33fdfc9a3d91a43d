import { isBelow } from '../request-path.ts';

/** Changes are gathered for so long before those who wait hear of them: one save is several events. */
const GATHER_MS = 4;
const MAX_PATHS = 100;
const MAX_LISTENERS_OF_ONE = 32;

/** Hears which paths have changed, relative to the collection that it is about; null: more than a hundred. */
export type HintListener = (paths: readonly string[] | null) => void;

interface Waiting {
  readonly principal: string;
  readonly path: string;
  readonly listener: HintListener;
  readonly gathered: Set<string>;
}

/** Tells those who wait that something has changed at or below a path. */
export class Hints {
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | null = null;

  /** Returns what ends it; null: that user has too many. */
  listen(principal: string, path: string, listener: HintListener): (() => void) | null {
    const own = [...this.#waiting].filter((one) => one.principal === principal);
    if (own.length >= MAX_LISTENERS_OF_ONE) return null;
    const waiting = { principal, path, listener, gathered: new Set<string>() };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  add(path: string): void {
    for (const { path: top, gathered } of this.#waiting) {
      if (gathered.size > MAX_PATHS || !(path === top || isBelow(path, top))) continue;
      gathered.add(top === '' ? path : path.slice(top.length + 1));
      this.#timer ??= setTimeout(() => this.#tell(), GATHER_MS);
    }
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #tell(): void {
    this.#timer = null;
    for (const { gathered, listener } of [...this.#waiting]) {
      if (gathered.size === 0) continue;
      const paths = gathered.size > MAX_PATHS ? null : [...gathered];
      gathered.clear();
      listener(paths);
    }
  }
}
