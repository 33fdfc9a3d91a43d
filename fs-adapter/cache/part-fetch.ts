import { closeSync, constants, openSync } from 'node:fs';
import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Content } from '../../core/ports.ts';
import { backingError } from './backing-error.ts';
import type { Extent, FillTarget } from './drive-tree.ts';
import type { Urgency } from './fetch-lanes.ts';
import { StallWatch } from './stall-watch.ts';
import { WriteBehind } from './write-behind.ts';

export interface PartSource {
  readonly path: SyncPath;
  readonly target: FillTarget;
  readonly stallMs: number;
  /** Asks the other side for the part. */
  readonly open: (part: Extent, signal: AbortSignal) => Promise<Content>;
  /** Runs the request when it is its turn. */
  readonly inTurn: (signal: AbortSignal, work: () => Promise<void>) => Promise<void>;
  /** Something came; those who wait for their turn do not wait in vain. */
  readonly onBytes: (count: number) => void;
  /** Tells whether something came lately, for anybody. */
  readonly isAnythingComing: () => boolean;
  /** Told of each further piece that is in the backing file. */
  readonly onWritten: (part: Extent) => void;
}

/** A request that has this much or less to go to a byte is waited for; for one further away another one is made. */
const WORTH_WAITING_BYTES = 2 * 1024 * 1024;

/** One request for a part of a content, on its way into the backing file. */
export class PartFetch {
  readonly urgency: Urgency;
  readonly #controller = new AbortController();
  /** Up to where everybody knows that it is here; what has come and is being written is beyond it. */
  #told: number;
  #position: number;
  #end: number;
  /** The source gives no parts: everything comes, from the beginning. */
  #isWhole = false;
  #hasBegun = false;
  #hasWritten = false;

  constructor(part: Extent, urgency: Urgency) {
    this.urgency = urgency;
    this.#told = part.offset;
    this.#position = part.offset;
    this.#end = part.offset + part.length;
  }

  /** What has not come yet. */
  get ahead(): Extent {
    return { offset: this.#position, length: this.#end - this.#position };
  }

  /** Something of it is in the backing file: if it ends badly, that may be of another version. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  /** The other side has turned out to give no parts. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Tells whether the byte at `offset` will come by this request, and soon enough for `urgency`. */
  brings(offset: number, urgency: Urgency): boolean {
    if (offset < this.#told || offset >= this.#end) return false;
    if (this.#isWhole || urgency === 'background') return true;
    // In the background it may still wait for its turn for long.
    if (!this.#hasBegun && this.urgency === 'background') return false;
    return offset - this.#position <= WORTH_WAITING_BYTES;
  }

  /** Notes that the tree knows of everything before `offset`. */
  told(offset: number): void {
    this.#told = offset;
  }

  /** Leaves what is at and after `offset` to a more urgent request; all of it, where it has not begun. */
  leave(offset: number): void {
    if (this.#isWhole || offset >= this.#end) return;
    if (!this.#hasBegun && this.urgency === 'background') this.cancel();
    else if (offset > this.#position) this.#end = offset;
  }

  cancel(): void {
    this.#controller.abort();
  }

  /**
   * Fetches the part and writes it.
   * @throws CHANGED when the other side has another version, REMOTE_*, LOCAL_NO_SPACE
   */
  async run(source: PartSource): Promise<void> {
    const { path, stallMs, inTurn } = source;
    const { signal } = this.#controller;
    const watch = new StallWatch({
      path,
      stallMs,
      isInQueue: () => !this.#hasBegun && source.isAnythingComing(),
    });
    try {
      const work = inTurn(signal, () => {
        this.#hasBegun = true;
        watch.progress();
        return this.#transfer(source, watch);
      });
      // When it stalls, nobody waits for what becomes of it.
      work.catch(() => undefined);
      await Promise.race([work, watch.stalled]);
    } finally {
      watch.stop();
      this.#controller.abort();
    }
  }

  async #transfer(source: PartSource, watch: StallWatch): Promise<void> {
    const { path, target, open, onBytes, onWritten } = source;
    const { signal } = this.#controller;
    const content = await open(this.ahead, signal);
    watch.progress();
    if (content.sizeBytes !== target.sizeBytes) throw otherSize(path, content, target);
    if (content.part !== undefined) this.#becomeWhole(content.part);
    const fd = openSync(target.backingPath, constants.O_WRONLY);
    let writtenTo = this.#position;
    const file = new WriteBehind(fd, this.#position, (to) => {
      const part = { offset: writtenTo, length: to - writtenTo };
      this.#hasWritten = true;
      writtenTo = to;
      onWritten(part);
    });
    try {
      for await (const piece of content.stream) {
        throwIfAborted(signal);
        watch.progress();
        onBytes(piece.length);
        const wanted = piece.subarray(0, this.#end - this.#position);
        this.#position += wanted.length;
        if (wanted.length > 0) await file.put(wanted);
        // Up to here it was wanted; what is left to another request is not waited for.
        if (wanted.length < piece.length) break;
      }
      await file.finish();
    } catch (error) {
      throw backingError(error, path);
    } finally {
      // The number must not be given away while a write is under way.
      await file.finish().catch(() => undefined);
      closeSync(fd);
    }
    if (this.#position < this.#end) throw tooShort(path, target);
  }

  #becomeWhole(part: Extent): void {
    this.#isWhole = true;
    this.#told = part.offset;
    this.#position = part.offset;
    this.#end = part.offset + part.length;
  }
}

function otherSize(path: SyncPath, content: Content, target: FillTarget): FerryError {
  const message = `${path}: the other side holds ${content.sizeBytes} bytes, not ${target.sizeBytes}`;
  return new FerryError('CHANGED', message, { path });
}

function tooShort(path: SyncPath, target: FillTarget): FerryError {
  const message = `${path}: fewer bytes came than the ${target.sizeBytes} announced`;
  return new FerryError('REMOTE_PROTOCOL', message, { path });
}
