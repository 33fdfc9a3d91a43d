import { FerryError, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content } from '../../core/ports.ts';
import type { DriveTree, Extent, FillTarget } from './drive-tree.ts';
import { endOf, meet } from './extents.ts';
import type { Urgency } from './fetch-lanes.ts';
import { FilledSoFar } from './filled-so-far.ts';
import { makeDurable, proveContent } from './finish-fill.ts';
import { PartFetch, type PartSource } from './part-fetch.ts';
import { ReadAhead } from './read-ahead.ts';

/** A part of a file that somebody waits for. */
export interface Need extends Extent {
  readonly urgency: Urgency;
  /** More than the part is fetched where it looks as if it will be wanted. */
  readonly readsAhead: boolean;
  /** What is waited for must outlive a power cut. */
  readonly isForWrite: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What all fills of a drive have in common. */
export interface FillSurroundings
  extends Pick<PartSource, 'stallMs' | 'onBytes' | 'isAnythingComing'> {
  readonly tree: Pick<
    DriveTree,
    'pathOf' | 'fillTarget' | 'missing' | 'filled' | 'completed' | 'discard'
  >;
  readonly fetch: (
    path: SyncPath,
    target: FillTarget,
    part: Extent,
    signal: AbortSignal,
  ) => Promise<Content>;
  readonly inTurn: (
    urgency: Urgency,
    signal: AbortSignal,
    work: () => Promise<void>,
  ) => Promise<void>;
  /** Makes room for what is to come. @throws LOCAL_NO_SPACE */
  readonly makeRoom: (bytes: number, urgency: Urgency) => void;
  /** Called when something of a file is here now. */
  readonly onFilled: (id: number) => void;
  /** Called when a request, or the proof of what came, has ended badly. */
  readonly onFailed: (path: SyncPath, error: FerryError) => void;
  readonly onCompleted: (id: number, path: SyncPath, sizeBytes: number) => void;
}

interface Waiter {
  readonly need: Need;
  /** False: the content has become another one, and all begins anew. */
  readonly settle: (isHere: boolean) => void;
  readonly fail: (error: FerryError) => void;
}

/** A file may get a newer version while it is fetched; it is fetched anew so many times. */
const MAX_TRIES = 3;

/**
 * Fills one placeholder: each missing byte is asked for once, by whoever needs it first, and everybody who waits for
 * it goes on as soon as it is in the backing file.
 */
export class PlaceholderFill {
  readonly #id: number;
  readonly #around: FillSurroundings;
  readonly #fetches = new Set<PartFetch>();
  readonly #waiters = new Set<Waiter>();
  #path: SyncPath;
  #target: FillTarget | null = null;
  #ahead = new ReadAhead(0);
  #isCompleting = false;
  /** How many wait, also while all begins anew for them. */
  #needs = 0;
  #givesParts = true;

  constructor(id: number, path: SyncPath, around: FillSurroundings) {
    this.#id = id;
    this.#path = path;
    this.#around = around;
  }

  /** Nobody waits and nothing comes. */
  get isIdle(): boolean {
    return this.#needs === 0 && this.#fetches.size === 0 && !this.#isCompleting;
  }

  /** Where the file is, or was when it was last in the tree. */
  get path(): SyncPath {
    this.#path = this.#around.tree.pathOf(this.#id) ?? this.#path;
    return this.#path;
  }

  /**
   * Resolves when the part is here.
   * @throws CHANGED, REMOTE_*, LOCAL_NO_SPACE, ABORTED; LOCAL_BUSY when the file changes all the time
   */
  async need(need: Need): Promise<void> {
    this.#needs += 1;
    try {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) if (await this.#wait(need)) return;
    } finally {
      this.#needs -= 1;
    }
    const { path } = this;
    throw new FerryError('LOCAL_BUSY', 'the file keeps changing on the other side; try again', {
      path,
    });
  }

  /** Gives up; whoever waits is told so. */
  close(): void {
    const { path } = this;
    this.#abandon();
    for (const waiter of [...this.#waiters])
      waiter.fail(new FerryError('ABORTED', 'the drive is being closed', { path }));
  }

  async #wait(need: Need): Promise<boolean> {
    if (!this.#begin()) return true;
    const { signal } = need;
    let abort = (): void => {};
    let waiter: Waiter | undefined;
    try {
      return await new Promise<boolean>((resolve, reject) => {
        waiter = { need, settle: resolve, fail: reject };
        abort = () => reject(new FerryError('ABORTED', 'cancelled', { path: this.path }));
        if (signal?.aborted) return abort();
        signal?.addEventListener('abort', abort, { once: true });
        this.#waiters.add(waiter);
        this.#look(waiter);
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      if (waiter !== undefined) this.#waiters.delete(waiter);
      this.#cancelUnwanted();
    }
  }

  /** Looks at what is to be filled; false: nothing. What is fetched for another content or version is given up. */
  #begin(): boolean {
    const target = this.#around.tree.fillTarget(this.#id);
    if (target !== null && this.#target !== null && isSame(target, this.#target)) return true;
    this.#abandon();
    for (const { settle } of this.#waiters) settle(false);
    this.#waiters.clear();
    this.#target = target;
    this.#ahead = new ReadAhead(target?.sizeBytes ?? 0);
    return target !== null;
  }

  #abandon(): void {
    for (const fetch of this.#fetches) fetch.cancel();
    // What they may still bring is of another content: nobody waits for it.
    this.#fetches.clear();
    this.#target = null;
  }

  /** Settles a waiter whose part is here, and asks for what is not. */
  #look(waiter: Waiter): void {
    const { tree } = this.#around;
    const { need } = waiter;
    const missing = tree.missing(this.#id, need);
    if (missing.length === 0) {
      if (need.isForWrite) this.#settleDurable(waiter);
      else waiter.settle(true);
      return;
    }
    try {
      if (need.readsAhead && this.#askAhead(need)) return;
      this.#askAll(missing, need.urgency, need.urgency);
    } catch (error) {
      waiter.fail(toFerryError(error, this.path));
    }
  }

  /** Asks for a part and what will be wanted after it; false: there is no room for more than the part. */
  #askAhead(need: Need): boolean {
    const wanted = this.#around.tree.missing(this.#id, this.#ahead.extend(need));
    try {
      // Nobody waits for what is ahead: it is fetched where there is room for it anyway.
      this.#askAll(wanted, need.urgency, 'background');
      return true;
    } catch (error) {
      if (error instanceof FerryError && error.code === 'LOCAL_NO_SPACE') return false;
      throw error;
    }
  }

  #askAll(parts: readonly Extent[], urgency: Urgency, urgencyOfRoom: Urgency): void {
    for (const part of this.#unasked(parts, urgency)) {
      this.#around.makeRoom(part.length, urgencyOfRoom);
      this.#ask(part, urgency);
    }
  }

  /** Returns what no request brings yet, or not soon enough. */
  #unasked(parts: readonly Extent[], urgency: Urgency): readonly Extent[] {
    const unasked: Extent[] = [];
    for (const part of parts) {
      for (let at = part.offset; at < endOf(part); ) {
        const bringing = [...this.#fetches].find((fetch) => fetch.brings(at, urgency));
        const to = Math.min(endOf(part), bringing ? endOf(bringing.ahead) : this.#nextAsked(at));
        if (bringing === undefined) unasked.push({ offset: at, length: to - at });
        at = to;
      }
    }
    return unasked;
  }

  /** Returns where the next request begins that is under way already. */
  #nextAsked(after: number): number {
    const begins = [...this.#fetches].map(({ ahead }) => ahead.offset);
    return Math.min(Number.POSITIVE_INFINITY, ...begins.filter((offset) => offset > after));
  }

  #ask(part: Extent, urgency: Urgency): void {
    const target = this.#target;
    if (target === null) return;
    // Those on their way there would take too long.
    for (const other of this.#fetches) other.leave(part.offset);
    const whole = { offset: 0, length: target.sizeBytes };
    const fetch = new PartFetch(this.#givesParts ? part : whole, urgency);
    this.#fetches.add(fetch);
    this.#run(fetch, target).then(
      () => this.#tend(),
      (error: unknown) => this.#failed(fetch, target, toFerryError(error, this.path)),
    );
  }

  async #run(fetch: PartFetch, target: FillTarget): Promise<void> {
    const { fetch: ask, inTurn, ...around } = this.#around;
    const { path } = this;
    const filled = new FilledSoFar(target.sizeBytes);
    try {
      await fetch.run({
        ...around,
        path,
        target,
        open: (part, signal) => ask(path, target, part, signal),
        inTurn: (signal, work) => inTurn(fetch.urgency, signal, work),
        onWritten: (piece) => {
          filled.written(piece);
          const { blocks } = filled;
          if (filled.isWorthTelling || this.#isAwaited(blocks)) this.#tell(fetch, filled, target);
        },
      });
    } finally {
      this.#fetches.delete(fetch);
      if (fetch.isWhole) this.#givesParts = false;
      this.#tell(fetch, filled, target);
    }
  }

  #tell(fetch: PartFetch, filled: FilledSoFar, target: FillTarget): void {
    const blocks = filled.take();
    if (blocks.length === 0 || this.#target !== target) return;
    fetch.told(endOf(blocks));
    if (this.#around.tree.filled(this.#id, target.generation, blocks)) this.#settleThose(blocks);
    else this.#begin();
    this.#around.onFilled(this.#id);
  }

  #isAwaited(blocks: Extent): boolean {
    return blocks.length > 0 && [...this.#waiters].some(({ need }) => meet(need, blocks));
  }

  /** Settles those who wait for nothing but what has come. */
  #settleThose(blocks: Extent): void {
    const { tree } = this.#around;
    for (const { need, settle } of [...this.#waiters])
      if (!need.isForWrite && meet(need, blocks) && tree.missing(this.#id, need).length === 0)
        settle(true);
  }

  /** Asks for what nobody brings any more, and settles those whose parts are here. */
  #tend(): void {
    if (this.#target === null) return;
    for (const waiter of [...this.#waiters]) this.#look(waiter);
    this.#completeIfAll();
  }

  #failed(fetch: PartFetch, target: FillTarget, error: FerryError): void {
    const { tree, onFailed } = this.#around;
    if (this.#target !== target) return;
    // It was left to a more urgent one, or nobody wanted it any more.
    if (error.code === 'ABORTED') {
      this.#tend();
      return;
    }
    onFailed(this.path, error);
    // The tree may know of a newer version already: then all begins anew.
    if (!this.#begin() || this.#target !== target) return;
    // It became another version while it came: nobody knows of which one what came is.
    const isSpoiled = error.code === 'CHANGED' && fetch.hasWritten;
    for (const waiter of [...this.#waiters]) {
      const { need } = waiter;
      const missing = tree.missing(this.#id, need);
      if (isSpoiled || this.#unasked(missing, need.urgency).length > 0) waiter.fail(error);
      else this.#look(waiter);
    }
    if (isSpoiled) tree.discard(this.#id, target.generation);
  }

  #settleDurable(waiter: Waiter): void {
    const target = this.#target;
    if (target === null) return;
    if (waiter.need.offset === 0 && endOf(waiter.need) >= target.sizeBytes) {
      this.#completeIfAll();
      return;
    }
    makeDurable(target).then(
      () => waiter.settle(true),
      (error: unknown) => waiter.fail(toFerryError(error, this.path)),
    );
  }

  #completeIfAll(): void {
    const target = this.#target;
    // A request says at its end whether it was of one version from beginning to end.
    if (target === null || this.#isCompleting || this.#fetches.size > 0) return;
    const whole = { offset: 0, length: target.sizeBytes };
    if (this.#around.tree.missing(this.#id, whole).length > 0) return;
    this.#isCompleting = true;
    this.#complete(target)
      .catch((error: unknown) => {
        // What became of content that is not wanted any more concerns nobody.
        if (this.#target !== target) return;
        const failure = toFerryError(error, this.path);
        this.#around.onFailed(this.path, failure);
        for (const waiter of [...this.#waiters]) waiter.fail(failure);
      })
      .finally(() => {
        this.#isCompleting = false;
        // Meanwhile another content may have come.
        if (this.#target !== target) this.#completeIfAll();
      });
  }

  /** Makes the content durable, proves it, and says that it is here. */
  async #complete(target: FillTarget): Promise<void> {
    const { tree, onCompleted } = this.#around;
    const stampNs = await makeDurable(target);
    try {
      await proveContent(this.path, target);
    } catch (error) {
      tree.discard(this.#id, target.generation);
      throw error;
    }
    if (this.#target !== target) return;
    if (!tree.completed(this.#id, target.generation, stampNs)) {
      this.#begin();
      return;
    }
    onCompleted(this.#id, this.path, target.sizeBytes);
    for (const { settle } of [...this.#waiters]) settle(true);
  }

  /** Ends what was begun in the background for somebody who has gone; a program's request is read to its end. */
  #cancelUnwanted(): void {
    for (const fetch of this.#fetches) {
      if (fetch.ahead.length === 0) continue;
      const isWanted = [...this.#waiters].some(({ need }) => meet(need, fetch.ahead));
      if (!isWanted && fetch.urgency === 'background') fetch.cancel();
    }
  }
}

/** The same content can get another version, as when its time is synced; it is to be asked for by that one then. */
function isSame(one: FillTarget, other: FillTarget): boolean {
  return one.generation === other.generation && one.source === other.source;
}
