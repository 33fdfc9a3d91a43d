/** Lets a bounded number of tasks run at a time, in the order in which they came. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
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
  let pulling: Promise<void> | null = null;
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
      .finally(() => running.delete(work));
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
  };

  let due = Date.now() + limits.groupMs;
  try {
    while (!ended || running.size > 0) {
      if (failure !== null) break;
      if (!ended && pulling === null && running.size < limits.width)
        pulling = pull().finally(() => {
          pulling = null;
        });
      const isFull = ready.length >= limits.groupSize || (ready.length > 0 && Date.now() >= due);
      if (isFull) {
        yield ready.splice(0);
        due = Date.now() + limits.groupMs;
        continue;
      }
      await nextEvent(
        [...running, ...(pulling === null ? [] : [pulling])],
        ready.length > 0 ? due : null,
      );
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

/** Waits for one of the promises, at most until `dueMs`. */
async function nextEvent(promises: readonly Promise<void>[], dueMs: number | null): Promise<void> {
  if (dueMs === null) return Promise.race(promises);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(1, dueMs - Date.now()));
  });
  await Promise.race([...promises, timeout]);
  clearTimeout(timer);
}
