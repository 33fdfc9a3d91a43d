import { statfs } from 'node:fs/promises';
import type { Subscription } from 'rxjs';
import { FerryError } from '../../core/model/errors.ts';
import type { Clock, Logger, Space } from '../../core/ports.ts';
import { steadyTime } from '../../core/steady-time.ts';
import type { DriveFile, DriveRoom, DriveTree } from './drive-tree.ts';
import { EvictionOrder } from './eviction-order.ts';
import type { Urgency } from './fetch-lanes.ts';

/** What bounds the content on this device. */
export interface CacheLimits {
  /** Content takes no more than this; absent: as much as the disk has. */
  readonly limitBytes?: number;
  /** So much stays free on the disk; absent: a twentieth of it, at most 5 GiB. */
  readonly keepFreeBytes?: number;
}

export interface CacheUse {
  readonly storedBytes: number;
  readonly limitBytes: number | null;
  readonly keepFreeBytes: number;
}

export interface CacheLimitOptions {
  readonly tree: Pick<
    DriveTree,
    | 'entry'
    | 'stored'
    | 'storedBytes'
    | 'openHandles'
    | 'pending$'
    | 'dehydrate'
    | 'setRoom'
    | 'backingPath'
  >;
  readonly limits: CacheLimits;
  /** A directory on the disk that the contents are on. */
  readonly directory: string;
  /** Tells what is never given up, beside what is dirty or open. */
  readonly isKept: (file: DriveFile) => boolean;
  /** Called when what is stored has changed. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Disk {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** What the cache held when the disk was looked at. */
  readonly storedBytes: number;
}

const FLOOR_PART = 0.05;
const FLOOR_BYTES = 5 * 1024 ** 3;
/** How often it is looked at what programs have written: while they have files open, and otherwise. */
const BUSY_MS = 100;
const QUIET_MS = 2_000;
/** While there is too much, and nothing changes, it is tried again after so long, and twice as long each time. */
const TRY_AGAIN_MS = 1_000;
const MOST_TRY_AGAIN_MS = 60_000;
/** While programs write, so much of the limit is given back ahead, so that they do not outrun it. */
const HEADROOM_PART = 0.1;
const HEADROOM_BYTES = 256 * 1024 * 1024;
/** The disk is looked at so often while something changes. */
const LOOK_AT_DISK_MS = 500;

/**
 * Keeps the contents on this device within a limit, and a part of the disk free: gives up those that were not used for
 * the longest time, as far as the other side has them and nobody needs them here.
 */
export class CacheLimit {
  readonly #options: CacheLimitOptions;
  readonly #order: EvictionOrder;
  readonly #steadyMs: () => number;
  #disk: Disk = { freeBytes: Number.POSITIVE_INFINITY, totalBytes: 0, storedBytes: 0 };
  #quota: Space | null = null;
  #storedBefore = 0;
  #handlesBefore = 0;
  /** What room was made for since the cache was looked at last. */
  #announced = 0;
  #tryAgainMs = TRY_AGAIN_MS;
  #tryAgainAtMs = 0;
  #lookedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is due. */
  #dueMs = Number.POSITIVE_INFINITY;
  #begun: Promise<void> = Promise.resolve();
  #writing: Subscription | undefined;
  #isLooking = false;
  #isClosed = false;

  constructor(options: CacheLimitOptions) {
    this.#options = options;
    this.#order = new EvictionOrder(options);
    this.#steadyMs = steadyTime(() => options.clock.now());
  }

  /** Begins to watch what is stored; what takes long is not waited for. */
  async start(): Promise<void> {
    await this.#lookAtDisk();
    this.#begun = this.#begin();
    // A program has begun to write: it may write a lot before the next look.
    this.#writing = this.#options.tree.pending$.subscribe(() => this.#schedule(BUSY_MS));
  }

  get use(): CacheUse {
    const { tree, limits } = this.#options;
    const { limitBytes = null } = limits;
    return { storedBytes: tree.storedBytes, limitBytes, keepFreeBytes: this.#keepFreeBytes };
  }

  /**
   * Makes room for content that is to come. What programs read may go beyond the limit while it is open, never below
   * the floor.
   * @throws LOCAL_NO_SPACE
   */
  makeRoom(bytes: number, urgency: Urgency): void {
    this.#announced += bytes;
    const excess = this.#excess(bytes);
    if (excess <= 0) return;
    const left = excess - this.#order.giveUp(excess);
    if (left <= 0) return;
    if (urgency === 'program' && this.#belowFloor(bytes) <= 0) return;
    throw new FerryError(
      'LOCAL_NO_SPACE',
      `no room for ${bytes} bytes in the drive's cache: what is in it is pinned, open or not uploaded yet; raise its limit, free some disk, or unpin something`,
    );
  }

  /** Sets what the account on the other side has room for; null: not known. */
  setQuota(quota: Space | null): void {
    this.#quota = quota;
    this.#tellRoom(true);
  }

  /** Gives back what is beyond the limits, and tells the tree how much room there is. */
  async enforce(): Promise<void> {
    await this.#begun;
    await this.#lookAtDisk();
    this.#tidy(0, true);
  }

  /** Notes that a file was used now, other than by a program that opened it. */
  used(id: number): void {
    this.#order.used(id);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#writing?.unsubscribe();
    this.#order.close();
    await this.#begun;
  }

  get #keepFreeBytes(): number {
    const { keepFreeBytes } = this.#options.limits;
    return keepFreeBytes ?? Math.min(FLOOR_BYTES, Math.floor(this.#disk.totalBytes * FLOOR_PART));
  }

  /** As the disk was when it was looked at, less what has come into the cache since. */
  get #freeBytes(): number {
    const { freeBytes, storedBytes } = this.#disk;
    return freeBytes - Math.max(0, this.#options.tree.storedBytes - storedBytes);
  }

  /** Returns by how much `bytes` more would be too much; at most 0 when they fit. */
  #excess(bytes: number): number {
    const { tree, limits } = this.#options;
    const { limitBytes = Number.POSITIVE_INFINITY } = limits;
    return Math.max(tree.storedBytes + bytes - limitBytes, this.#belowFloor(bytes));
  }

  #belowFloor(bytes: number): number {
    return this.#keepFreeBytes + bytes - this.#freeBytes;
  }

  async #begin(): Promise<void> {
    try {
      await this.#order.learn();
      this.#tidy();
    } catch (error) {
      const { logger } = this.#options;
      logger.warn("the drive's cache could not be looked at", { error: String(error) });
    }
    this.#schedule(BUSY_MS);
  }

  #schedule(ms: number): void {
    if (this.#isClosed || this.#isLooking) return;
    const dueMs = performance.now() + ms;
    // Who asks again and again must not put the look off again and again.
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#watch(), ms);
    this.#timer.unref();
  }

  async #watch(): Promise<void> {
    const { tree, logger } = this.#options;
    this.#isLooking = true;
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      const grown = tree.storedBytes - this.#storedBefore;
      // What was closed since can be given up by now.
      const isSame = grown === 0 && tree.openHandles === this.#handlesBefore;
      const isEarly = performance.now() < this.#tryAgainAtMs;
      if (isSame && (isEarly || this.#excess(0) <= 0)) return;
      // A moment ago it may have been open still, and is not looked for again so soon.
      this.#tryAgainMs = isSame ? Math.min(this.#tryAgainMs * 2, MOST_TRY_AGAIN_MS) : TRY_AGAIN_MS;
      this.#tryAgainAtMs = performance.now() + this.#tryAgainMs;
      this.#handlesBefore = tree.openHandles;
      // For what was fetched there was made room before.
      const isWritten = grown > this.#announced;
      this.#storedBefore = tree.storedBytes;
      this.#announced = 0;
      if (this.#steadyMs() - this.#lookedAtMs >= LOOK_AT_DISK_MS) await this.#lookAtDisk();
      this.#tidy(isWritten ? this.#headroom : 0, true);
      this.#options.onChanged();
    } catch (error) {
      logger.warn("the drive's cache could not be looked at", { error: String(error) });
    } finally {
      this.#isLooking = false;
      const isBusy = tree.openHandles > 0 || tree.storedBytes !== this.#storedBefore;
      const isOver = this.#excess(0) > 0;
      if (isBusy) this.#schedule(BUSY_MS);
      else this.#schedule(isOver ? this.#tryAgainMs : QUIET_MS);
    }
  }

  get #headroom(): number {
    const { limitBytes = Number.POSITIVE_INFINITY } = this.#options.limits;
    return Math.min(HEADROOM_BYTES, limitBytes * HEADROOM_PART);
  }

  #tidy(headroom = 0, isNow = false): void {
    if (this.#isClosed) return;
    const excess = this.#excess(headroom);
    if (excess > 0) this.#order.giveUp(excess);
    this.#tellRoom(isNow);
  }

  #tellRoom(isNow: boolean): void {
    if (this.#isClosed) return;
    const { tree } = this.#options;
    const givable = this.#order.givableBytes(isNow);
    const writableBytes = Math.max(0, Math.floor(givable - this.#excess(0)));
    const freeBytes = Math.min(writableBytes, this.#quota?.freeBytes ?? Number.POSITIVE_INFINITY);
    const usedBytes = this.#quota?.usedBytes ?? tree.storedBytes;
    const room: DriveRoom = {
      freeBytes,
      totalBytes: usedBytes + freeBytes,
      writableBytes: Math.min(writableBytes, freeBytes),
    };
    tree.setRoom(room);
  }

  async #lookAtDisk(): Promise<void> {
    const { tree, directory } = this.#options;
    const { bavail, blocks, bsize } = await statfs(directory);
    this.#lookedAtMs = this.#steadyMs();
    const storedBytes = tree.storedBytes;
    this.#disk = { freeBytes: bavail * bsize, totalBytes: blocks * bsize, storedBytes };
  }
}
