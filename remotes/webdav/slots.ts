/** Lets a bounded number of tasks run at a time, in the order in which they came. */
export class Slots {
  #count: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes room for so many tasks at a time, from now on. */
  widenTo(count: number): void {
    for (; this.#count < count; this.#count += 1) this.#give();
  }

  /** Tells whether nothing runs. */
  get isIdle(): boolean {
    return this.#free === this.#count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#take();
    try {
      return await task();
    } finally {
      this.#give();
    }
  }

  /** Runs a part of a task that needs no slot, and waits for one again afterwards. */
  async without<T>(part: () => Promise<T>): Promise<T> {
    this.#give();
    try {
      return await part();
    } finally {
      await this.#take();
    }
  }

  async #take(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

/**
 * Runs `task` for each item, at most `width` at a time, and yields results in groups as they finish: at once when
 * `groupSize` are there, else what there is after `groupMs`.
 */
export async function* grouped<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  task: (item: Item) => Promise<Result>,
  limits: { readonly width: number; readonly groupSize: number; readonly groupMs: number },
): AsyncGenerator<readonly Result[], void, undefined> {
  const source =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const running = new Set<Promise<void>>();
  const ready: Result[] = [];
  const bell = new Bell();
  let isPulling = false;
  let ended = false;
  let failure: { readonly error: unknown } | null = null;

  const start = (item: Item): void => {
    const work = task(item)
      .then(
        (result) => {
          ready.push(result);
        },
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .finally(() => {
        running.delete(work);
        bell.ring();
      });
    running.add(work);
  };
  const pull = async (): Promise<void> => {
    try {
      const next = await source.next();
      if (next.done === true) ended = true;
      else if (!ended) start(next.value);
    } catch (error) {
      ended = true;
      failure ??= { error };
    }
    isPulling = false;
    bell.ring();
  };

  let due = Date.now() + limits.groupMs;
  try {
    while (!ended || running.size > 0) {
      if (failure !== null) break;
      if (!ended && !isPulling && running.size < limits.width) {
        isPulling = true;
        void pull();
      }
      const isFull = ready.length >= limits.groupSize || (ready.length > 0 && Date.now() >= due);
      if (isFull) {
        yield ready.splice(0);
        due = Date.now() + limits.groupMs;
        continue;
      }
      await bell.wait(ready.length > 0 ? due - Date.now() : null);
    }
    if (ready.length > 0) yield ready.splice(0);
    if (failure !== null) throw (failure as { error: unknown }).error;
  } finally {
    ended = true;
    // Not waited for: a source that is in the middle of something answers only after that.
    void Promise.resolve(source.return?.()).catch(() => {});
    await Promise.allSettled(running);
  }
}

/** Lets one loop sleep until something has happened since it last looked. */
class Bell {
  #isRung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves when the bell was rung, or after `timeoutMs` where that is given. */
  async wait(timeoutMs: number | null): Promise<void> {
    if (!this.#isRung) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (timeoutMs !== null) timer = setTimeout(resolve, Math.max(1, timeoutMs));
      });
      clearTimeout(timer);
      this.#wake = null;
    }
    this.#isRung = false;
  }
}
