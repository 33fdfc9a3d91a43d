import type { ChunkList } from '../chunks.ts';
import type { ContentHash } from '../model/entry.ts';
import type { PairRecord } from './record.ts';
import type { Store, StoreOperation } from './store.ts';

/** Chunks are of use in files from this size on. */
export const CHUNKED_BYTES = 1024 * 1024;

const PREFIX = 'k!';
/** Lists that wait for the record of their content; the oldest are given up. */
const WAITING_BYTES = 24 * 1024 * 1024;
/** Lists that wait for the next commit: from so much on it is due, and beyond this they are given up. */
const DUE_CHARS = 8 * 1024 * 1024;
const MAX_STAGED_CHARS = 64 * 1024 * 1024;

function keyOf(id: number): string {
  return PREFIX + id.toString(36);
}

/**
 * Keeps, beside the records, what large contents are cut into: a list that a run came by is noted, and kept as soon
 * as a record has its content. It is an aid: what is missing or damaged is computed again.
 */
export class ChunkShelf {
  readonly #store: Store;
  /** By content; in the order in which they were noted. */
  readonly #waiting = new Map<ContentHash, ChunkList>();
  #waitingBytes = 0;
  readonly #staged = new Map<string, StoreOperation>();
  #stagedChars = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Tells whether so much is staged that it is better committed soon. */
  get isCommitDue(): boolean {
    return this.#stagedChars >= DUE_CHARS;
  }

  /** Takes a list for the content that it belongs to. */
  note(list: ChunkList): void {
    if (list.sizeBytes < CHUNKED_BYTES) return;
    this.#forget(list.hash);
    this.#waiting.set(list.hash, list);
    this.#waitingBytes += list.chunks.length;
    for (const [hash] of this.#waiting) {
      if (this.#waitingBytes <= WAITING_BYTES) return;
      this.#forget(hash);
    }
  }

  /** Returns the list of a content that was noted, or is the record's; null when there is none. */
  async find(hash: ContentHash, record: PairRecord | undefined): Promise<ChunkList | null> {
    const waiting = this.#waiting.get(hash);
    if (waiting || record?.hash !== hash || record.sizeBytes < CHUNKED_BYTES)
      return waiting ?? null;
    const key = keyOf(record.id);
    const staged = this.#staged.get(key);
    if (staged) return staged.type === 'put' ? decoded(staged.value, record) : null;
    try {
      return decoded(await this.#store.get(key), record);
    } catch {
      return null; // a damaged row: the list is made anew
    }
  }

  /** Hears of each record that is put: its content's list, if there is one, is kept with it. */
  recorded({ id, hash, sizeBytes }: PairRecord): void {
    const list = hash !== undefined && sizeBytes >= CHUNKED_BYTES ? this.#waiting.get(hash) : null;
    if (!list) return;
    this.#forget(list.hash);
    if (this.#stagedChars > MAX_STAGED_CHARS) return;
    const key = keyOf(id);
    const value = encoded(list);
    this.#stagedChars += value.length;
    this.#staged.set(key, { type: 'put', key, value });
  }

  /** Hears of each record that is dropped. */
  dropped({ id, sizeBytes }: PairRecord): void {
    if (sizeBytes < CHUNKED_BYTES) return;
    const key = keyOf(id);
    this.#staged.set(key, { type: 'del', key });
  }

  /** Takes what is staged, for the batch that commits the records. */
  take(): readonly StoreOperation[] {
    const taken = [...this.#staged.values()];
    this.#staged.clear();
    this.#stagedChars = 0;
    return taken;
  }

  #forget(hash: ContentHash): void {
    this.#waitingBytes -= this.#waiting.get(hash)?.chunks.length ?? 0;
    this.#waiting.delete(hash);
  }
}

function encoded({ averageBytes, chunks, hash }: ChunkList): string {
  const bytes = Buffer.from(chunks.buffer, chunks.byteOffset, chunks.byteLength);
  return `${hash} ${averageBytes} ${bytes.toString('base64')}`;
}

/** Returns the list in a row when it is that of the record's content. */
function decoded(value: string | undefined, { hash, sizeBytes }: PairRecord): ChunkList | null {
  const [ownHash, average, text] = value?.split(' ') ?? [];
  const averageBytes = Number(average);
  if (hash === undefined || ownHash !== hash || !(averageBytes > 0) || text === undefined)
    return null;
  return { hash, sizeBytes, averageBytes, chunks: Buffer.from(text, 'base64') };
}
