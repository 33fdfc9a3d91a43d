/** The chunks of one state of a file. */
export interface KeptList {
  readonly hash: string;
  readonly chunks: Uint8Array;
}

/** All lists together; one of a GiB has 5 MiB. */
const MAX_BYTES = 24 * 1024 * 1024;
/** Files that are cut at the same time: each takes a thread of the pool, and others must not wait for all of them. */
const AT_ONCE = 2;

/** The lists of chunks that were asked for lately. Each is made once, however many ask for it meanwhile. */
export class ChunkLists {
  readonly #kept = new Map<string, KeptList>();
  readonly #making = new Map<string, Promise<KeptList>>();
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  #keptBytes = 0;
  #running = 0;

  /** Returns the list of that state; `make` makes it when it is not kept, and ends when its signal says so. */
  of(state: string, make: (signal: AbortSignal) => Promise<KeptList>): Promise<KeptList> {
    const kept = this.#kept.get(state);
    if (kept !== undefined) {
      this.#kept.delete(state);
      this.#kept.set(state, kept); // the latest is the last to go
      return Promise.resolve(kept);
    }
    const making = this.#making.get(state) ?? this.#make(state, make);
    this.#making.set(state, making);
    return making;
  }

  /** Ends what is being made, and resolves when nothing uses the tree any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#making.values());
  }

  async #make(state: string, make: (signal: AbortSignal) => Promise<KeptList>): Promise<KeptList> {
    if (this.#running >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    try {
      this.#closing.signal.throwIfAborted();
      const list = await make(this.#closing.signal);
      this.#keep(state, list);
      return list;
    } finally {
      this.#making.delete(state);
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #keep(state: string, list: KeptList): void {
    this.#kept.set(state, list);
    this.#keptBytes += list.chunks.length;
    for (const [oldest, { chunks }] of this.#kept) {
      if (this.#keptBytes <= MAX_BYTES) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= chunks.length;
    }
  }
}
