import {
  concat,
  defer,
  firstValueFrom,
  fromEvent,
  map,
  merge,
  type Observable,
  of,
  Subject,
  throttleTime,
  timer,
} from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Clock, Logger, Space } from '../../core/ports.ts';
import { steadyTime } from '../../core/steady-time.ts';
import { hydrateBelow, type NotHydrated } from './bulk-hydration.ts';
import { CacheLimit, type CacheLimits, type CacheUse } from './cache-limit.ts';
import { CallerBudgets, INDEXERS } from './caller-budgets.ts';
import {
  ContentHydrations,
  type FetchContent,
  type RunningHydration,
} from './content-hydrations.ts';
import type { ContentRequest, DriveEntry, DriveTree } from './drive-tree.ts';
import { type FreeReport, freeBelow } from './free-space.ts';
import type { FetchGroup } from './group-fill.ts';
import { HydrationProgress, type HydrationProgressState } from './hydration-progress.ts';
import { PartialContents } from './partial-contents.ts';
import { Pins, type PinsState } from './pins.ts';

export interface DriveCacheOptions {
  readonly tree: DriveTree;
  readonly fetch: FetchContent;
  /** Reads whole small files in one request; absent: the other side gives one at a time. */
  readonly fetchGroup?: FetchGroup;
  readonly limits: CacheLimits;
  /** A directory on the disk that the contents are on. */
  readonly directory: string;
  /** A fetch that brings nothing for so long fails. */
  readonly stallMs: number;
  /** Programs that get only little of each file, as in `INDEXERS`, which are those if it is absent. */
  readonly restrictedPrograms?: readonly string[];
  /** Asks for the room on the other side; null: not known. */
  readonly askSpace?: () => Promise<Space | null>;
  /** Tells whether a file is one of the versions of a conflict, so that its content stays here. */
  readonly isInConflict?: (id: number) => boolean;
  /** Called when the other side has another version than the tree says: a run of sync would bring it. */
  readonly onOutdated: (path: SyncPath) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What of a drive is on this device, and what is on its way. */
export interface CacheState extends CacheUse, PinsState {
  /** Files that are being fetched; the first few of them by name. */
  readonly hydratingFiles: number;
  readonly hydrating: readonly RunningHydration[];
}

/** What became of files that were to be brought here. */
export interface HydrateReport {
  readonly files: number;
  readonly bytes: number;
  readonly failures: readonly NotHydrated[];
}

const STATE_EVERY_MS = 250;
const PROGRESS_EVERY_MS = 200;
const NAMED_HYDRATIONS = 10;
const SPACE_AGE_MS = 60_000;
/** A program that reads what another has just moved waits for a run of sync, for so long at most. */
const RUN_MS = 10_000;

/** Brings contents to this device, keeps what is pinned, and gives up what is not needed. */
export class DriveCache {
  readonly #options: DriveCacheOptions;
  readonly #hydrations: ContentHydrations;
  readonly #limit: CacheLimit;
  readonly #pins: Pins;
  readonly #partial: PartialContents;
  readonly #changed$ = new Subject<void>();
  readonly #ran$ = new Subject<void>();
  readonly #steadyMs: () => number;
  #askedSpaceAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: DriveCacheOptions) {
    this.#options = options;
    this.#steadyMs = steadyTime(() => options.clock.now());
    const { tree, clock, logger, fetch, stallMs, onOutdated, directory, limits } = options;
    const onChanged = (): void => this.#changed$.next();
    const isInConflict = this.#isInConflict;
    this.#partial = new PartialContents({ tree, directory, logger });
    this.#limit = new CacheLimit({
      tree,
      limits,
      directory,
      clock,
      logger,
      onChanged,
      isKept: (file) => isInConflict(file.id) || this.#pins.isPinned(file),
    });
    this.#hydrations = new ContentHydrations({
      tree,
      fetch,
      ...(options.fetchGroup === undefined ? {} : { fetchGroup: options.fetchGroup }),
      clock,
      logger,
      stallMs,
      onOutdated,
      onProgress: onChanged,
      untilRan: (signal) => this.#untilRan(signal),
      onFilled: (id) => {
        this.#partial.filled(id);
        onChanged();
      },
      budgets: new CallerBudgets({
        programs: options.restrictedPrograms ?? INDEXERS,
        pathOf: (id) => tree.pathOf(id),
      }),
      makeRoom: (bytes, urgency) => this.#limit.makeRoom(bytes, urgency),
      onCompleted: (id) => this.#limit.used(id),
    });
    this.#pins = new Pins({ tree, hydrations: this.#hydrations, logger, onChanged });
  }

  /** Looks at what is here, begins to keep the limits, and goes on with what is pinned. */
  async start(): Promise<void> {
    await this.#partial.begin();
    await this.#limit.start();
    this.#pins.wake();
    this.#changed$.next();
  }

  get state(): CacheState {
    const { running } = this.#hydrations;
    return {
      ...this.#limit.use,
      ...this.#pins.state,
      hydratingFiles: running.length,
      hydrating: running.slice(0, NAMED_HYDRATIONS),
    };
  }

  /** Emits the state now and, not too often, when it has changed. */
  get state$(): Observable<CacheState> {
    const changes$ = this.#changed$.pipe(
      throttleTime(STATE_EVERY_MS, undefined, { leading: true, trailing: true }),
    );
    return concat(
      defer(() => of(undefined)),
      changes$,
    ).pipe(map(() => this.state));
  }

  /** How many files are being fetched. */
  get hydrating(): number {
    return this.#hydrations.active;
  }

  /** Brings what a program waits for. */
  need(request: ContentRequest): Promise<void> {
    return this.#hydrations.need(request);
  }

  /** Brings all of one file, for sync. */
  async fill(id: number, signal?: AbortSignal): Promise<void> {
    const options = signal === undefined ? {} : { signal };
    await this.#hydrations.hydrate(id, { urgency: 'background', isForRun: true, ...options });
  }

  /**
   * Fetches files, or all files below directories; what has come stays, however it ends.
   * @throws LOCAL_NOT_FOUND, and REMOTE_*, LOCAL_NO_SPACE, ABORTED when going on is pointless
   */
  async hydrate(
    paths: readonly SyncPath[],
    options: {
      readonly signal: AbortSignal;
      readonly onProgress?: (progress: HydrationProgressState) => void;
    },
  ): Promise<HydrateReport> {
    const { tree } = this.#options;
    const starts = paths.map((path) => this.#find(path));
    const { signal, onProgress } = options;
    const progress = new HydrationProgress(tree);
    for (const start of starts) await progress.count(start);
    const timer = setInterval(() => onProgress?.(progress.state), PROGRESS_EVERY_MS);
    try {
      const failures: NotHydrated[] = [];
      for (const start of starts) {
        const failed = await hydrateBelow(start, {
          tree,
          hydrations: this.#hydrations,
          signal,
          isWanted: (file) => progress.begun(file),
          onFile: (file) => progress.ended(file),
        });
        failures.push(...failed);
      }
      return { files: progress.state.filesDone, bytes: progress.state.bytesDone, failures };
    } finally {
      clearInterval(timer);
      onProgress?.(progress.state);
    }
  }

  /** Gives back what is here of files, or of all files below directories. @throws LOCAL_NOT_FOUND */
  async free(paths: readonly SyncPath[]): Promise<FreeReport> {
    const { tree } = this.#options;
    const starts = paths.map((path) => this.#find(path));
    const report = await freeBelow(starts, {
      tree,
      isPinned: (entry) => this.#pins.isPinned(entry),
      isInConflict: this.#isInConflict,
    });
    await tree.flush();
    await this.#limit.enforce();
    return report;
  }

  /** Keeps a file here, or a directory with all that is or comes below it. @throws LOCAL_NOT_FOUND */
  async pin(path: SyncPath): Promise<void> {
    this.#pins.pin(this.#find(path).id);
    await this.#options.tree.flush();
  }

  /** Lets go of it; false: it was not pinned itself. @throws LOCAL_NOT_FOUND */
  async unpin(path: SyncPath): Promise<boolean> {
    const entry = this.#find(path);
    if (entry.isPinned) this.#pins.unpin(entry.id);
    await this.#options.tree.flush();
    return entry.isPinned;
  }

  /** Must be called after a run of sync: it may have brought something that is pinned, and the other side is there. */
  async ran(): Promise<void> {
    this.#ran$.next();
    this.#pins.wake();
    await this.#refreshSpace();
    try {
      await this.#limit.enforce();
    } catch (error) {
      const { logger } = this.#options;
      logger.warn("the drive's cache could not be looked at", { error: String(error) });
    }
    this.#changed$.next();
  }

  /** Cancels what is being fetched; to be called before the tree is closed. */
  async close(): Promise<void> {
    this.#pins.close();
    await this.#limit.close();
    this.#hydrations.close();
    this.#changed$.complete();
    this.#ran$.complete();
    await this.#partial.end();
  }

  readonly #isInConflict = (id: number): boolean => this.#options.isInConflict?.(id) ?? false;

  async #untilRan(signal: AbortSignal): Promise<void> {
    const ended$ = merge(this.#ran$, timer(RUN_MS), fromEvent(signal, 'abort'));
    await firstValueFrom(ended$, { defaultValue: undefined });
  }

  async #refreshSpace(): Promise<void> {
    const { askSpace, logger } = this.#options;
    const now = this.#steadyMs();
    if (askSpace === undefined || now - this.#askedSpaceAtMs < SPACE_AGE_MS) return;
    this.#askedSpaceAtMs = now;
    try {
      this.#limit.setQuota(await askSpace());
    } catch (error) {
      logger.debug('the room on the other side is not known', { error: String(error) });
    }
  }

  #find(path: SyncPath): DriveEntry {
    const entry = this.#options.tree.find(path);
    if (entry !== null) return entry;
    throw new FerryError('LOCAL_NOT_FOUND', `${path} is not on the drive`, { path });
  }
}
