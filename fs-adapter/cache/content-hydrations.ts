import type { Version } from '../../core/model/entry.ts';
import { type ErrorCode, FerryError } from '../../core/model/errors.ts';
import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Clock, Content, Logger } from '../../core/ports.ts';
import { steadyTime } from '../../core/steady-time.ts';
import type { CallerBudgets } from './caller-budgets.ts';
import type { ContentRequest, DriveFile, DriveTree, Extent, FillTarget } from './drive-tree.ts';
import { FetchLanes, type Urgency } from './fetch-lanes.ts';
import { type FetchGroup, fillGroup } from './group-fill.ts';
import { type FillSurroundings, type Need, PlaceholderFill } from './placeholder-fill.ts';

/** Fetches one version from the other side, or a part of it; the whole is welcome where there are no parts. */
export type FetchContent = (
  path: SyncPath,
  version: Version,
  options: { readonly range?: Extent; readonly signal: AbortSignal },
) => Promise<Content>;

/** The part of the tree that contents are filled through. */
export type FillableTree = FillSurroundings['tree'] & Pick<DriveTree, 'entry'>;

export interface HydrationOptions {
  readonly tree: FillableTree;
  readonly fetch: FetchContent;
  /** Absent: the other side gives one file at a time. */
  readonly fetchGroup?: FetchGroup;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A fetch that brings nothing for so long is given up. */
  readonly stallMs: number;
  /** What programs that look into everything may fetch; absent: all programs are alike. */
  readonly budgets?: CallerBudgets;
  /** Makes room for what is to come. @throws LOCAL_NO_SPACE */
  readonly makeRoom?: (bytes: number, urgency: Urgency) => void;
  /** Called with each piece that has come. */
  readonly onProgress?: () => void;
  /** Called when something of a file has come. */
  readonly onFilled?: (id: number) => void;
  /** Called when all of a file's content is here. */
  readonly onCompleted?: (id: number) => void;
  /** Resolves when a run of sync has ended, or when that takes too long. */
  readonly untilRan?: (signal: AbortSignal) => Promise<void>;
  /** Called when the other side has another version than the tree says: a run of sync would bring it. */
  readonly onOutdated: (path: SyncPath) => void;
}

/** One file that is being fetched. */
export interface RunningHydration {
  readonly path: SyncPath;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** The kernel asks for parts that did not come once more, at once; what comes later is somebody else's wish. */
const ASKED_AGAIN_MS = 1000;
/** So many files are remembered after they were read: how programs go on in them says how much to fetch ahead. */
const REMEMBERED = 256;
/** The other side has not what the tree says it has; a run of sync looks again. */
const OUTDATED: ReadonlySet<ErrorCode> = new Set([
  'CHANGED',
  'REMOTE_NOT_FOUND',
  'REMOTE_PROTOCOL',
]);

/** Brings missing content: for programs the part that they wait for, in the background whole files. */
export class ContentHydrations {
  readonly #options: HydrationOptions;
  readonly #around: FillSurroundings;
  readonly #steadyMs: () => number;
  readonly #fills = new Map<number, PlaceholderFill>();
  readonly #lanes = new FetchLanes();
  readonly #closing = new AbortController();
  /** The file that a program has waited for in vain, and what it was told. */
  #inVain: { readonly id: number; readonly atMs: number; readonly error: FerryError } | null = null;
  #givesGroups = true;
  /** Files that a group is being written into, each until that is done. */
  readonly #claimed = new Map<number, Promise<void>>();
  /** Files that a run of sync needs now. */
  readonly #forRuns = new Set<number>();
  #isClosed = false;

  constructor(options: HydrationOptions) {
    this.#options = options;
    const { tree, clock, stallMs } = options;
    this.#steadyMs = steadyTime(() => clock.now());
    let lastBytesAtMs = 0;
    this.#around = {
      tree,
      stallMs,
      onBytes: () => {
        lastBytesAtMs = this.#steadyMs();
        options.onProgress?.();
      },
      isAnythingComing: () => this.#steadyMs() - lastBytesAtMs < stallMs,
      fetch: (...asked) => this.#fetch(...asked),
      inTurn: (urgency, signal, work) => this.#lanes.run(urgency, signal, work),
      makeRoom: options.makeRoom ?? (() => {}),
      onFilled: options.onFilled ?? (() => {}),
      onFailed: (path, error) => this.#failed(path, error),
      onCompleted: (id, path, sizeBytes) => {
        options.logger.info('hydrated', { path, sizeBytes });
        options.onCompleted?.(id);
        options.onProgress?.();
      },
    };
  }

  /** How many files are being fetched now. */
  get active(): number {
    return [...this.#fills.values()].filter(({ isIdle }) => !isIdle).length;
  }

  /** Says how far the files are that are being fetched now. */
  get running(): readonly RunningHydration[] {
    return [...this.#fills].flatMap(([id, fill]) => {
      if (fill.isIdle) return [];
      const entry = this.#options.tree.entry(id);
      if (entry?.kind !== 'file') return [];
      return [{ path: fill.path, bytesDone: entry.storedBytes, bytesTotal: entry.sizeBytes }];
    });
  }

  /**
   * Resolves when the part that a program waits for is here.
   * @throws what `fetch` rejects with; REMOTE_UNREACHABLE (ETIMEDOUT for programs) when nothing comes any more;
   *   LOCAL_PERMISSION for a program that has had what it may fetch
   */
  async need(request: ContentRequest): Promise<void> {
    const { budgets, tree } = this.#options;
    const isRestricted = budgets?.isRestricted(request.pid) ?? false;
    if (isRestricted) budgets?.spend(request, tree.missing(request.id, request));
    await this.#unlessAskedAgain(request.id, () =>
      this.#fill(request.id, { ...request, urgency: 'program', readsAhead: !isRestricted }),
    );
  }

  /** Of a read that failed the kernel asks for its parts once more: they must not take as long again. */
  async #unlessAskedAgain(id: number, fill: () => Promise<void>): Promise<void> {
    const { stallMs } = this.#options;
    const begunMs = this.#steadyMs();
    const inVain = this.#inVain;
    this.#inVain = null;
    if (inVain?.id === id && begunMs - inVain.atMs < ASKED_AGAIN_MS) throw inVain.error;
    try {
      await fill();
    } catch (error) {
      const atMs = this.#steadyMs();
      const wasWaitedOut = atMs - begunMs >= stallMs / 2;
      if (wasWaitedOut && error instanceof FerryError && error.code === 'REMOTE_UNREACHABLE')
        this.#inVain = { id, atMs, error };
      throw error;
    }
  }

  /**
   * Resolves when all of a file's content is here and durable. With `isForRun` it is a run of sync that needs it, which
   * cannot wait for the end of a run.
   * @throws as `need`
   */
  async hydrate(
    id: number,
    options: {
      readonly urgency: Urgency;
      readonly isForRun?: boolean;
      readonly signal?: AbortSignal;
    },
  ): Promise<void> {
    const { isForRun = false, ...rest } = options;
    const entry = this.#options.tree.entry(id);
    if (entry?.kind !== 'file' || entry.state !== 'placeholder') return;
    const whole = { offset: 0, length: entry.sizeBytes };
    if (isForRun) this.#forRuns.add(id);
    try {
      await this.#fill(id, { ...whole, ...rest, readsAhead: false, isForWrite: true });
    } finally {
      this.#forRuns.delete(id);
    }
  }

  /**
   * Brings whole small files in one request, in the background, and returns why some are not here; null: that cannot be
   * done, and each is to be fetched by itself.
   * @throws REMOTE_*, LOCAL_NO_SPACE, ABORTED
   */
  async hydrateGroup(
    files: readonly DriveFile[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, FerryError> | null> {
    const { tree, fetchGroup, onCompleted } = this.#options;
    if (fetchGroup === undefined || !this.#givesGroups) return null;
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    const ids = files.map(({ id }) => id);
    const failures = await this.#lanes.run('background', ended, () => {
      this.#around.makeRoom(
        files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        'background',
      );
      const claim = (id: number) => this.#claim(id);
      const { onFilled } = this.#around;
      return fillGroup(ids, { tree, fetchGroup, claim, onFilled, signal: ended });
    });
    this.#givesGroups = failures !== null;
    this.#around.onBytes(0);
    for (const { id, name } of files) {
      const error = failures?.get(id);
      if (error?.code === 'LOCAL_BUSY') continue;
      if (error !== undefined) this.#failed(tree.pathOf(id) ?? (name as SyncPath), error);
      else if (failures !== null) onCompleted?.(id);
    }
    return failures;
  }

  /** Cancels what is being fetched. */
  close(): void {
    this.#isClosed = true;
    this.#closing.abort();
    for (const fill of this.#fills.values()) fill.close();
  }

  async #fill(id: number, need: Need): Promise<void> {
    for (let done = this.#claimed.get(id); done !== undefined; done = this.#claimed.get(id))
      await done;
    const path = this.#options.tree.pathOf(id) ?? ROOT;
    if (this.#isClosed) throw new FerryError('ABORTED', 'the drive is being closed', { path });
    const fill = this.#fills.get(id) ?? new PlaceholderFill(id, path, this.#around);
    // The last one is the one that was used last.
    this.#fills.delete(id);
    this.#fills.set(id, fill);
    this.#forget();
    await fill.need(need);
  }

  /**
   * Keeps a file for a group alone. Two that fill the same file do no harm to each other, but the first one to say that
   * all is here lets programs write, and what the other one brings would overwrite that.
   */
  #claim(id: number): (() => void) | null {
    if (this.#claimed.has(id) || this.#fills.get(id)?.isIdle === false) return null;
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#claimed.set(id, ended);
    return () => {
      this.#claimed.delete(id);
      end();
    };
  }

  /** Lets go of what nobody has used for long; of the others it is known how they are read. */
  #forget(): void {
    if (this.#fills.size <= REMEMBERED) return;
    for (const [id, fill] of this.#fills) {
      if (this.#fills.size <= REMEMBERED) return;
      if (fill.isIdle) this.#fills.delete(id);
    }
  }

  async #fetch(
    path: SyncPath,
    target: FillTarget,
    part: Extent,
    signal: AbortSignal,
  ): Promise<Content> {
    const { tree, untilRan, onOutdated } = this.#options;
    try {
      return await this.#ask(path, target, part, signal);
    } catch (error) {
      const isGone = error instanceof FerryError && OUTDATED.has(error.code);
      const mayWait = untilRan !== undefined && !this.#forRuns.has(target.id);
      if (!isGone || !mayWait || !this.#mayBeElsewhere(target.id)) throw error;
      // A program has moved it, and the other side hears of that in the next run.
      onOutdated(path);
      await untilRan(signal);
      const now = tree.fillTarget(target.id);
      if (now?.generation !== target.generation) throw error;
      return this.#ask(tree.pathOf(target.id) ?? path, now, part, signal);
    }
  }

  /** Tells whether a program has moved a file, or a directory that it is in, and sync may not have followed yet. */
  #mayBeElsewhere(id: number): boolean {
    const { tree } = this.#options;
    for (let at = tree.entry(id); at?.parentId != null; at = tree.entry(at.parentId))
      if (!at.isPlaced) return true;
    return false;
  }

  async #ask(
    path: SyncPath,
    { source, sizeBytes }: FillTarget,
    part: Extent,
    signal: AbortSignal,
  ): Promise<Content> {
    if (source === null) throw new FerryError('INTERNAL', 'placeholder of nothing', { path });
    const isWhole = part.offset === 0 && part.length === sizeBytes;
    this.#options.logger.debug('fetching', { path, ...part });
    return this.#options.fetch(path, source, isWhole ? { signal } : { range: part, signal });
  }

  #failed(path: SyncPath, error: FerryError): void {
    const { logger, onOutdated } = this.#options;
    logger.warn('not hydrated', { path, code: error.code, error: error.message });
    if (OUTDATED.has(error.code)) onOutdated(path);
  }
}
