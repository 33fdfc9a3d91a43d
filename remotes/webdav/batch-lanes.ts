import { GROUP_BYTES, GROUP_FILE_BYTES, GROUP_FILES, type WriteItem } from '../../core/ports.ts';

/** Items that may wait in each lane. */
const WAITING = 2 * GROUP_FILES;
/** The first groups are small, so that the server has something to do at once. */
const FIRST_GROUPS = 3;
const FIRST_SHARE = 4;

/** A queue with an end, and a bound that its source waits at. */
class Lane<T> {
  readonly #capacity: number;
  readonly #values: T[] = [];
  #isEnded = false;
  #failure: { readonly error: unknown } | null = null;
  #wakeConsumer: () => void = () => undefined;
  #wakeSource: () => void = () => undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Resolves when there is room for another one. */
  async push(value: T): Promise<void> {
    this.#values.push(value);
    this.#wakeConsumer();
    while (this.#values.length >= this.#capacity && !this.#isEnded)
      await new Promise<void>((resolve) => {
        this.#wakeSource = resolve;
      });
  }

  /** No more will come; of what waits, nothing is lost. */
  end(failure: { readonly error: unknown } | null = null): void {
    this.#isEnded = true;
    this.#failure ??= failure;
    this.#wakeConsumer();
    this.#wakeSource();
  }

  /** Returns the next one as soon as there is one; undefined at the end. */
  async take(): Promise<T | undefined> {
    while (this.#values.length === 0 && !this.#isEnded)
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    if (this.#values.length === 0 && this.#failure !== null) throw this.#failure.error;
    return this.takeNow(() => true);
  }

  /** Returns the next one if it is there already and `isWanted`. */
  takeNow(isWanted: (value: T) => boolean): T | undefined {
    const [next] = this.#values;
    if (next === undefined || !isWanted(next)) return undefined;
    this.#values.shift();
    this.#wakeSource();
    return next;
  }
}

/** The same items in two lanes that do not wait for each other. */
export interface Lanes {
  /** Small ones, in groups within the limits of one. */
  readonly small: AsyncIterable<readonly WriteItem[]>;
  readonly large: AsyncIterable<WriteItem>;
  /** Ends both: nothing more is taken from the source. */
  close(): void;
}

/** Divides items by size. The source is asked only for what has room in the lane that it goes to. */
export function inLanes(items: AsyncIterable<WriteItem> | Iterable<WriteItem>): Lanes {
  const small = new Lane<WriteItem>(WAITING);
  const large = new Lane<WriteItem>(WAITING);
  let isClosed = false;
  const pull = async (): Promise<void> => {
    for await (const item of items) {
      if (isClosed) return;
      await (item.sizeBytes <= GROUP_FILE_BYTES ? small : large).push(item);
      if (isClosed) return;
    }
  };
  void pull().then(
    () => end(null),
    (error: unknown) => end({ error }),
  );
  const end = (failure: { readonly error: unknown } | null): void => {
    small.end(failure);
    large.end(failure);
  };
  return {
    small: groupsIn(small),
    large: singlesIn(large),
    close: () => {
      isClosed = true;
      end(null);
    },
  };
}

async function* groupsIn(lane: Lane<WriteItem>): AsyncGenerator<readonly WriteItem[]> {
  for (let count = 0; ; count += 1) {
    const share = count < FIRST_GROUPS ? FIRST_SHARE : 1;
    const first = await lane.take();
    if (first === undefined) return;
    // The source gives what it has at hand before the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    const group = [first];
    let bytes = first.sizeBytes;
    const fits = ({ sizeBytes }: WriteItem): boolean =>
      group.length < GROUP_FILES / share && bytes + sizeBytes <= GROUP_BYTES / share;
    for (let next = lane.takeNow(fits); next !== undefined; next = lane.takeNow(fits)) {
      group.push(next);
      bytes += next.sizeBytes;
    }
    yield group;
  }
}

async function* singlesIn(lane: Lane<WriteItem>): AsyncGenerator<WriteItem> {
  for (let next = await lane.take(); next !== undefined; next = await lane.take()) yield next;
}

/** Yields what several sources yield, as it comes. */
export async function* merged<T>(...sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const step = async (source: AsyncGenerator<T>) => ({ source, next: await source.next() });
  const running = new Map(sources.map((source) => [source, step(source)]));
  try {
    while (running.size > 0) {
      const { source, next } = await Promise.race(running.values());
      if (next.done === true) {
        running.delete(source);
        continue;
      }
      running.set(source, step(source));
      yield next.value;
    }
  } finally {
    const ends = [...running].map(async ([source, pending]) => {
      await pending.catch(() => undefined); // the first failure is the one that is told
      await source.return(undefined);
    });
    await Promise.all(ends);
  }
}
