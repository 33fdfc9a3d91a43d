import { debounceTime, filter, merge, Subject, type Subscription, tap } from 'rxjs';
import { type FerryError, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Logger } from '../../core/ports.ts';
import { type BulkOptions, hydrateBelow } from './bulk-hydration.ts';
import type { DriveEntry, DriveTree } from './drive-tree.ts';

export interface PinsOptions extends Pick<BulkOptions, 'hydrations'> {
  readonly tree: Pick<
    DriveTree,
    'find' | 'entry' | 'children' | 'pathOf' | 'pinned' | 'setPinned' | 'pins$' | 'changes$'
  >;
  readonly logger: Logger;
  /** Called when something about what is pinned has changed. */
  readonly onChanged: () => void;
}

export interface PinsState {
  /** Files and directories that were pinned themselves. */
  readonly pinned: number;
  /** Something pinned is being fetched. */
  readonly isFetchingPinned: boolean;
  /** Why something pinned is not here; null: it is, or will be. */
  readonly problem: FerryError | null;
}

/** Programs change many things at once; it is looked at what they did when they rest. */
const REST_MS = 200;

/** Keeps what is pinned on this device, with all that is below it, whoever adds it and whenever. */
export class Pins {
  readonly #options: PinsOptions;
  readonly #woken$ = new Subject<void>();
  readonly #subscription: Subscription;
  #sweep: AbortController | null = null;
  /** Null: it has to be counted. */
  #count: number | null = null;
  #isWoken = false;
  #isClosed = false;
  #problem: FerryError | null = null;

  constructor(options: PinsOptions) {
    this.#options = options;
    const { tree } = options;
    const pins$ = tree.pins$.pipe(tap((id) => this.#stopUnless(tree.entry(id)?.isPinned ?? false)));
    const changes$ = tree.changes$.pipe(filter((path) => this.#mayLack(path)));
    this.#subscription = merge(pins$, changes$, this.#woken$)
      .pipe(debounceTime(REST_MS))
      .subscribe(() => this.#begin());
    this.#subscription.add(
      merge(tree.pins$, this.#woken$).subscribe(() => {
        this.#count = null;
      }),
    );
  }

  get state(): PinsState {
    // To count them the tree looks at all its entries.
    this.#count ??= [...this.#options.tree.pinned()].length;
    return {
      pinned: this.#count,
      isFetchingPinned: this.#sweep !== null,
      problem: this.#problem,
    };
  }

  /** Tells whether an entry is pinned, or is below something that is. */
  isPinned(entry: DriveEntry): boolean {
    const { tree } = this.#options;
    for (let at: DriveEntry | null = entry; at !== null; ) {
      if (at.isPinned) return true;
      at = at.parentId === null ? null : tree.entry(at.parentId);
    }
    return false;
  }

  /** Keeps an entry here, and all that is or comes below it; what is missing is fetched in the background. */
  pin(id: number): void {
    this.#options.tree.setPinned(id, true);
    this.wake();
  }

  /** What is here stays until its room is needed. */
  unpin(id: number): void {
    this.#options.tree.setPinned(id, false);
    this.#stopUnless(false);
    this.wake();
  }

  /** Looks for what is pinned and not here: sync may have brought something, or the other side may be back. */
  wake(): void {
    if (!this.#isClosed) this.#woken$.next();
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#sweep?.abort();
  }

  /** Something is fetched that may not be wanted any more: it is begun anew with what is. */
  #stopUnless(isPinned: boolean): void {
    if (!isPinned) this.#sweep?.abort();
  }

  /** Tells whether a program may have moved something into what is pinned; what it writes there is here anyway. */
  #mayLack(path: SyncPath): boolean {
    const entry = this.#options.tree.find(path);
    if (entry === null) return false;
    return (entry.kind !== 'file' || entry.state === 'placeholder') && this.isPinned(entry);
  }

  #begin(): void {
    if (this.#sweep !== null) {
      this.#isWoken = true;
      return;
    }
    this.#isWoken = false;
    this.#sweep = new AbortController();
    void this.#run(this.#sweep.signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let problem: FerryError | null = null;
    try {
      await this.#fetch(signal);
    } catch (error) {
      problem = toFerryError(error);
    }
    this.#sweep = null;
    if (this.#isClosed) return;
    if (problem?.code !== 'ABORTED') this.#note(problem);
    if (this.#isWoken) this.#begin();
  }

  #note(problem: FerryError | null): void {
    const { logger, onChanged } = this.#options;
    if (problem !== null && problem.code !== this.#problem?.code)
      logger.warn('what is pinned is not all here', { code: problem.code, error: problem.message });
    this.#problem = problem;
    onChanged();
  }

  /** What fails for one file alone is tried again when something is known to have changed. */
  async #fetch(signal: AbortSignal): Promise<void> {
    const { tree, hydrations, onChanged } = this.#options;
    let first: FerryError | null = null;
    for (const entry of [...tree.pinned()]) {
      const failures = await hydrateBelow(entry, {
        tree,
        hydrations,
        signal,
        // It may have been unpinned, or moved out of what is pinned, while others were fetched.
        isWanted: (file) => {
          const now = tree.entry(file.id);
          return now !== null && this.isPinned(now);
        },
        onFile: onChanged,
      });
      first ??= failures[0]?.error ?? null;
    }
    if (first !== null) throw first;
  }
}
