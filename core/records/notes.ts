import type { Store, StoreOperation } from './store.ts';

const PREFIX = 'x!';

/**
 * What is remembered beside the records for people to look at, one row a key: read when asked for, written and forgotten
 * together with the records' next commit. Nothing that a run could not find out again is among it.
 */
export class Notes {
  readonly #store: Store;
  /** Null: to be removed. */
  readonly #staged = new Map<string, string | null>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Returns what is under a key; null when there is nothing, or nothing that can be read. */
  async read<T>(key: string): Promise<T | null> {
    const staged = this.#staged.get(key);
    const text = staged === undefined ? await this.#store.get(PREFIX + key) : staged;
    try {
      return text === undefined || text === null ? null : (JSON.parse(text) as T);
    } catch {
      return null; // it will be written again when there is something to say
    }
  }

  put(key: string, value: unknown): void {
    this.#staged.set(key, JSON.stringify(value));
  }

  drop(key: string): void {
    this.#staged.set(key, null);
  }

  /** Takes what is staged, for the batch that commits the records. */
  take(): readonly StoreOperation[] {
    const taken = [...this.#staged].map(
      ([key, value]): StoreOperation =>
        value === null
          ? { type: 'del', key: PREFIX + key }
          : { type: 'put', key: PREFIX + key, value },
    );
    this.#staged.clear();
    return taken;
  }
}
