import type { Side } from '../model/entry.ts';
import { isAtOrBelow, parentPath, type SyncPath } from '../model/path.ts';
import type { Operation } from '../reconcile/plan.ts';

/** One entry that got another path, with all that is in it. */
export interface OwnMove {
  readonly from: SyncPath;
  readonly to: SyncPath;
}

/** What a pass itself has changed on one side: a feed will speak of it. */
export class OwnChanges {
  readonly #names = new Map<SyncPath, Set<SyncPath>>();
  readonly #made = new Set<SyncPath>();
  readonly #moves: OwnMove[] = [];
  readonly #doubtful = new Set<SyncPath>();

  /** Takes note of a step that the side has carried out. */
  done(operation: Operation): void {
    if (operation.op === 'park' || operation.op === 'move') {
      this.#moves.push({ from: operation.from, to: operation.to });
      this.#note(operation.from);
      this.#note(operation.to);
      return;
    }
    if (operation.op === 'make-directory') this.#made.add(operation.path);
    this.#note(operation.path);
  }

  /** Takes note of a step that met something else than was known, or whose end is not known. */
  failed(operation: Operation): void {
    const paths = 'path' in operation ? [operation.path] : [operation.from, operation.to];
    for (const path of paths) this.#doubtful.add(path).add(parentPath(path));
  }

  /** Returns the paths directly in the directory that were changed. */
  in(directory: SyncPath): ReadonlySet<SyncPath> {
    return this.#names.get(directory) ?? NONE;
  }

  /** Tells whether the directory was made. */
  hasMade(directory: SyncPath): boolean {
    return this.#made.has(directory);
  }

  /** Directories that were made. */
  get made(): Iterable<SyncPath> {
    return this.#made;
  }

  /** Tells whether it cannot be said what is in the directory: it came from elsewhere, or a step failed in it. */
  isDoubtful(directory: SyncPath): boolean {
    return this.hasFailed(directory) || this.#meets(directory).length > 0;
  }

  /** Tells whether a step failed in the directory, or with it. */
  hasFailed(directory: SyncPath): boolean {
    return this.#doubtful.has(directory);
  }

  get moves(): readonly OwnMove[] {
    return this.#moves;
  }

  /** Tells whether nothing else of the pass has to do with a move: what was below the one path is below the other, as it was. */
  isPlain({ from, to }: OwnMove): boolean {
    const others = [...this.#meets(from), ...this.#meets(to), ...this.#below(from, to)];
    return new Set(others).size === 1;
  }

  /** Returns the moves of something at or above the path, or to there. */
  #meets(path: SyncPath): readonly OwnMove[] {
    return this.#moves.filter(({ from, to }) => isAtOrBelow(path, from) || isAtOrBelow(path, to));
  }

  #below(...paths: readonly SyncPath[]): readonly OwnMove[] {
    return this.#moves.filter((move) =>
      paths.some((path) => isAtOrBelow(move.from, path) || isAtOrBelow(move.to, path)),
    );
  }

  #note(path: SyncPath): void {
    const directory = parentPath(path);
    const names = this.#names.get(directory);
    if (names) names.add(path);
    else this.#names.set(directory, new Set([path]));
  }
}

const NONE: ReadonlySet<SyncPath> = new Set();

/** What a pass has changed on both sides. */
export type OwnChangesOfBoth = Readonly<Record<Side, OwnChanges>>;
