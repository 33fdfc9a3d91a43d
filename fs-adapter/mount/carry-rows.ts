import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../core/ports.ts';
import type { DrainedChanges, NativeDrive } from '../../native/drive-addon.ts';
import { idOfRow, isRemoval, rowsIn } from '../cache/drive-row.ts';
import type { DriveCheck, DriveStore } from '../cache/drive-store.ts';
import { errorOf } from './native-error.ts';

/** Changes gather for so long before they are carried on: a program seldom makes just one. */
const GATHER_MS = 20;
const RETRY_MS = 1000;
/** Between two batches for the store: each costs a flush of the disk. */
const STORE_PAUSE_MS = 200;
const KIND_AT = 4;
const FILE_KIND = 1;
const BACKING_AT = 80;

export interface CarryOptions {
  readonly drive: NativeDrive;
  readonly store: DriveStore;
  readonly logger: Logger;
  /** Hears at once of what was drained, before it is stored. */
  readonly onDrained: (drained: DrainedChanges) => void;
}

/**
 * Carries changed rows from the addon to the store. They are in the log already, so nothing waits for this but the log
 * itself, whose files are removed when their rows have arrived.
 */
export class RowCarrier {
  readonly #options: CarryOptions;
  /** Rows to write; null: to remove. */
  #waiting = new Map<number, Buffer | null>();
  #check: DriveCheck | null = null;
  #log = 0;
  #timer: NodeJS.Timeout | null = null;
  #storing: Promise<void> | null = null;
  #closed = false;
  #endPause: () => void = () => {};

  constructor(options: CarryOptions) {
    this.#options = options;
  }

  /** Says that the addon has changes. */
  wake(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => this.drain(), GATHER_MS);
  }

  /** Takes over what has changed until now; storing it goes on by itself. */
  drain(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { drive, onDrained } = this.#options;
    const drained = drive.drain();
    for (const row of rowsIn(drained.rows))
      this.#waiting.set(idOfRow(row), isRemoval(row) ? null : row);
    const { count, digest, nextId } = drained;
    this.#check = { count, digest, nextId };
    if (drained.log > 0) this.#log = drained.log;
    onDrained(drained);
    void drive.sweep();
    if (this.#waiting.size > 0 || this.#log > 0) this.#storing ??= this.#store();
  }

  /** Carries everything and ends. @throws LOCAL_NO_SPACE, RECORD_CORRUPT; what was not stored is still in the log */
  async close(): Promise<void> {
    this.drain();
    this.#closed = true;
    this.#endPause();
    await this.#storing;
    if (this.#waiting.size > 0 || this.#log > 0) await this.#storeOnce();
  }

  async #store(): Promise<void> {
    try {
      while (this.#waiting.size > 0 || this.#log > 0) {
        await this.#storeOnce();
        if (this.#closed) return;
        // What comes meanwhile goes together; it is in the log.
        await this.#pause();
      }
    } catch (error) {
      this.#options.logger.error('changes of the drive stay in its log: they cannot be stored', {
        error: String(error),
      });
      if (!this.#closed) await delay(RETRY_MS, undefined, { ref: false });
      setImmediate(() => this.wake());
    } finally {
      this.#storing = null;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, STORE_PAUSE_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #storeOnce(): Promise<void> {
    const { drive, store } = this.#options;
    const [taken, check, log] = [this.#waiting, this.#check, this.#log];
    this.#waiting = new Map();
    this.#log = 0;
    const rows: Buffer[] = [];
    const removed: number[] = [];
    for (const [id, row] of taken)
      if (row === null) removed.push(id);
      else rows.push(row);
    try {
      // A row never says more than what a power cut leaves of the content.
      const withContent = rows.filter(hasContent);
      if (withContent.length > 0) {
        const synced = await drive.syncContent(
          Float64Array.from(withContent, (row) => idOfRow(row)),
        );
        if (synced < 0) throw errorOf(synced, "the drive's content");
      }
      if (check !== null) await store.write(rows, removed, check, { sync: true });
      drive.drained(log);
    } catch (error) {
      this.#waiting = new Map([...taken, ...this.#waiting]);
      this.#log = Math.max(this.#log, log);
      throw error;
    }
  }
}

function hasContent(row: Buffer): boolean {
  return row[KIND_AT] === FILE_KIND && row.readUInt32LE(BACKING_AT) !== 0;
}
