import type { Logger } from '../../core/ports.ts';
import type { DriveLog } from './drive-log.ts';
import { type DriveNode, ROOT_ID } from './drive-node.ts';
import { digestOfRow, encodeRemoval, encodeRow } from './drive-row.ts';
import type { DriveCheck, DriveStore } from './drive-store.ts';

/** The log goes to the store when it has grown so much, or so long after a change. */
const STORE_AT_BYTES = 8 * 1024 * 1024;
const STORE_AFTER_MS = 1000;
const STORED_AT_ONCE = 5000;

export interface JournalOptions {
  readonly store: DriveStore;
  readonly log: DriveLog;
  readonly check: DriveCheck;
  readonly logger: Logger;
}

/**
 * Carries changed nodes to the log, and from there to the store. What one call of a program changes goes into one
 * record of the log, so that after a crash there is a tree that existed.
 */
export class DriveJournal {
  /** Waited for before rows go to the store, as to what they speak of. */
  beforeStoring: () => Promise<void> = async () => {};
  readonly #options: JournalOptions;
  #unlogged = new Map<number, DriveNode>();
  #unstored = new Map<number, DriveNode>();
  #check: DriveCheck;
  #nextId: number;
  #isScheduled = false;
  #storing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #closed: Promise<void> | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#check = options.check;
    this.#nextId = options.check.nextId;
  }

  /** Returns an id that was never given before. */
  nextId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** Notes that a node has changed, was put into the tree or was taken out of it. */
  note(node: DriveNode): void {
    this.#unlogged.set(node.id, node);
    this.#unstored.set(node.id, node);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      try {
        this.commit();
      } catch (error) {
        this.#options.logger.error("the drive's log cannot be written", { error: String(error) });
      }
    });
  }

  /** Appends what has changed to the log, where it outlives this process. @throws LOCAL_NO_SPACE, LOCAL_IO */
  commit(): void {
    if (this.#unlogged.size === 0) return;
    this.#options.log.append(Array.from(this.#unlogged.values(), rowOf));
    this.#unlogged = new Map();
    if (this.#options.log.bytes > STORE_AT_BYTES) this.#storeSoon(0);
    else this.#storeSoon(STORE_AFTER_MS);
  }

  /** Resolves when all changes made until now outlive a power cut. @throws LOCAL_NO_SPACE, LOCAL_IO */
  async flush(): Promise<void> {
    this.commit();
    await this.#options.log.sync();
  }

  /** Stores everything and lets go of the log. @throws LOCAL_NO_SPACE, LOCAL_IO, RECORD_CORRUPT */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      await this.flush();
      await this.#storing;
      await this.#store();
    } finally {
      await this.#options.log.close();
    }
  }

  #storeSoon(afterMs: number): void {
    if (this.#timer !== null) {
      if (afterMs > 0) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#storing = this.#storing
        .then(() => this.#store())
        .catch((error) => {
          // The log has it all; the next change starts over.
          this.#options.logger.error('the drive cannot be stored', { error: String(error) });
        });
    }, afterMs);
    this.#timer.unref();
  }

  /** Brings what the log has into the store, and drops the log's files that are not needed any more. */
  async #store(): Promise<void> {
    if (this.#unstored.size === 0) return;
    await this.beforeStoring();
    this.commit();
    const { log } = this.#options;
    const changed = this.#unstored;
    this.#unstored = new Map();
    const sequence = log.rotate();
    const nodes = [...changed.values()];
    try {
      while (nodes.length > 0) {
        const some = nodes.slice(-STORED_AT_ONCE);
        await this.#storeNodes(some, nodes.length <= STORED_AT_ONCE);
        nodes.length -= some.length;
      }
    } catch (error) {
      for (const node of nodes) this.#unstored.set(node.id, node);
      throw error;
    }
    await log.drop(sequence);
  }

  async #storeNodes(nodes: readonly DriveNode[], sync: boolean): Promise<void> {
    const rows: Buffer[] = [];
    const removed: number[] = [];
    const digests: (number | null)[] = [];
    let { count, digest } = this.#check;
    for (const node of nodes) {
      if (node.digest !== null) {
        count -= 1;
        digest = (digest - node.digest) >>> 0;
      }
      const row = rowOf(node);
      const isHeld = isInTree(node);
      const own = isHeld ? digestOfRow(row) : null;
      if (isHeld) rows.push(row);
      else removed.push(node.id);
      digests.push(own);
      if (own === null) continue;
      count += 1;
      digest = (digest + own) >>> 0;
    }
    const check = { count, digest, nextId: this.#nextId };
    await this.#options.store.write(rows, removed, check, { sync });
    this.#check = check;
    for (const [index, node] of nodes.entries()) node.digest = digests[index] ?? null;
  }
}

function isInTree(node: DriveNode): boolean {
  return node.parent !== null || node.id === ROOT_ID;
}

function rowOf(node: DriveNode): Buffer {
  return isInTree(node) ? encodeRow(node, node.parent?.id ?? 0) : encodeRemoval(node.id);
}
