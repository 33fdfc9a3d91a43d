import type { Logger } from '../../core/ports.ts';
import type { Store, StoreOperation } from '../../core/records/store.ts';
import { type DriveNode, encodeNode, rowDigest } from './drive-node.ts';

/** What is kept beside the rows, in the same batch, so that a store that lost some of them is noticed. */
export interface JournalCheck {
  readonly count: number;
  readonly digest: number;
  /** Ids below it may be in use or may have been. */
  readonly nextId: number;
}

export const NODE_PREFIX = 'n/';
export const CHECK_KEY = 'm/check';
const ID_DIGITS = 12;

/** Returns the key of a node's row. */
export function nodeKey(id: number): string {
  return NODE_PREFIX + id.toString().padStart(ID_DIGITS, '0');
}

/**
 * Carries changed nodes to the store. Everything that changed until a batch is written goes into that one atomic
 * batch, so that the store always holds a tree that existed. Callers that wait at the same time share a batch.
 */
export class DriveJournal {
  readonly #store: Store;
  readonly #log: Logger;
  /** Nodes to write; null: to remove. */
  #pending = new Map<number, DriveNode | null>();
  /** What each stored row adds to the digest. */
  readonly #digests: Map<number, number>;
  #digest: number;
  #nextId: number;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  #wantsSync = false;
  #hasUnsynced = false;
  #scheduled = false;

  constructor(store: Store, log: Logger, digests: Map<number, number>, nextId: number) {
    this.#store = store;
    this.#log = log;
    this.#digests = digests;
    this.#digest = [...digests.values()].reduce((sum, one) => (sum + one) >>> 0, 0);
    this.#nextId = nextId;
  }

  /** Returns an id that was never given before; it is used up once the next batch is written. */
  nextId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  put(node: DriveNode): void {
    this.#pending.set(node.id, node);
    this.#schedule();
  }

  remove(node: DriveNode): void {
    this.#pending.set(node.id, null);
    this.#schedule();
  }

  /**
   * Resolves when all changes made until now are in the store: they outlive this process, with `sync` a power cut too.
   * @throws LOCAL_NO_SPACE, RECORD_CORRUPT; the changes are kept and tried again with the next flush
   */
  flush(options: { readonly sync?: boolean } = {}): Promise<void> {
    if (options.sync) this.#wantsSync = true;
    if (this.#queued === null) {
      const next = this.#running.then(() => {
        this.#queued = null;
        return this.#write();
      });
      this.#queued = next;
      this.#running = next.catch(() => {
        // Whoever waits for this batch is told; the next one starts over with the same changes.
      });
    }
    return this.#queued;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush().catch((error) =>
        this.#log.error('the drive journal cannot be written', { error: String(error) }),
      );
    });
  }

  async #write(): Promise<void> {
    const sync = this.#wantsSync;
    this.#wantsSync = false;
    if (this.#pending.size === 0 && !(sync && this.#hasUnsynced)) return;
    const changed = this.#pending;
    this.#pending = new Map();
    const operations: StoreOperation[] = [];
    const before = new Map<number, number | undefined>();
    for (const [id, node] of changed) {
      const row = node === null ? null : encodeNode(node);
      before.set(id, this.#digests.get(id));
      this.#count(id, row === null ? undefined : rowDigest(id, row));
      if (row === null) operations.push({ type: 'del', key: nodeKey(id) });
      else operations.push({ type: 'put', key: nodeKey(id), value: row });
    }
    const { size: count } = this.#digests;
    const check: JournalCheck = { count, digest: this.#digest, nextId: this.#nextId };
    operations.push({ type: 'put', key: CHECK_KEY, value: JSON.stringify(check) });
    try {
      await this.#store.batch(operations, { sync });
      this.#hasUnsynced = !sync;
    } catch (error) {
      for (const [id, digest] of before) this.#count(id, digest);
      this.#pending = new Map([...changed, ...this.#pending]);
      if (sync) this.#wantsSync = true;
      throw error;
    }
  }

  #count(id: number, digest: number | undefined): void {
    this.#digest = (this.#digest - (this.#digests.get(id) ?? 0)) >>> 0;
    if (digest === undefined) this.#digests.delete(id);
    else this.#digests.set(id, digest);
    this.#digest = (this.#digest + (digest ?? 0)) >>> 0;
  }
}
