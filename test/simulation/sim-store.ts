import { FerryError } from '../../core/model/errors.ts';
import type { AsideReason, RecordsHome } from '../../core/records/records-home.ts';
import type { Store, StoreOperation } from '../../core/records/store.ts';
import type { Scheduler } from './scheduler.ts';

/** One batch that was applied, so that it can be lost again. */
interface AppliedBatch {
  readonly before: readonly (readonly [key: string, value: string | undefined])[];
  readonly isSynced: boolean;
}

/** What is in a store: rows, and how they came about. */
export class StoreRows {
  readonly rows = new Map<string, string>();
  #batches: AppliedBatch[] = [];

  apply(operations: readonly StoreOperation[], isSynced: boolean): void {
    const before: [string, string | undefined][] = [];
    for (const operation of operations) {
      before.push([operation.key, this.rows.get(operation.key)]);
      if (operation.type === 'put') this.rows.set(operation.key, operation.value);
      else this.rows.delete(operation.key);
    }
    this.#batches.push({ before, isSynced });
  }

  /** Loses what came after the last synced batch. */
  losePower(): void {
    while (this.#batches.at(-1)?.isSynced === false) this.loseBatches(1);
  }

  /** Loses the last batches, durable or not. */
  loseBatches(count: number): void {
    for (const { before } of this.#batches.splice(-count).reverse())
      for (const [key, value] of before.toReversed())
        if (value === undefined) this.rows.delete(key);
        else this.rows.set(key, value);
  }

  /** Loses a row without a trace. */
  damage(index: number): void {
    const key = [...this.rows.keys()].sort()[index % Math.max(1, this.rows.size)];
    if (key !== undefined) this.rows.delete(key);
  }
}

/** The home of a pair's records that survives crashes. */
export class SimRecords {
  current: StoreRows | null = null;
  next: StoreRows | null = null;
  /** Commits that a finished run noted outside the store. */
  noted = 0;
  setAsideCount = 0;

  losePower(): void {
    this.current?.losePower();
    this.next?.losePower();
  }

  loseStore(): void {
    this.current = null;
    this.next = null;
    this.noted = 0;
  }
}

/** Returns the home as a process sees it: each step waits for its turn. */
export function recordsHomeOf(home: SimRecords, scheduler: Scheduler): RecordsHome {
  const step = <T>(label: string, perform: () => T): Promise<T> =>
    scheduler.call('store', `store ${label}`, perform);
  return {
    open: () =>
      step('open', () => {
        home.current ??= home.next ?? new StoreRows();
        home.next = null;
        return storeOf(home.current, step);
      }),
    openNext: () =>
      step('open next', () => {
        home.next = new StoreRows();
        return storeOf(home.next, step);
      }),
    promoteNext: () =>
      step('promote', () => {
        home.current = home.next;
        home.next = null;
      }),
    async setAside(_reason: AsideReason) {
      await step('forget sequence', () => {
        home.noted = 0;
      });
      await step('set aside', () => {
        home.current = null;
        home.setAsideCount++;
      });
    },
    notedSequence: async () => home.noted,
    noteSequence: (sequence) =>
      step('note', () => {
        home.noted = sequence;
      }),
  };
}

type Step = <T>(label: string, perform: () => T) => Promise<T>;

const SCAN_BATCH = 3;

function storeOf(data: StoreRows, step: Step): Store {
  let isClosed = false;
  const check = (): void => {
    if (isClosed) throw new FerryError('INTERNAL', 'the store is closed');
  };
  const keysFrom = (prefix: string): string[] =>
    [...data.rows.keys()].filter((key) => key.startsWith(prefix)).sort();
  return {
    async get(key) {
      check();
      return data.rows.get(key);
    },
    batch: (operations, options) =>
      step(`commit ${operations.length}`, () => {
        check();
        data.apply(operations, options?.sync ?? false);
      }),
    async *scan(prefix) {
      check();
      const keys = keysFrom(prefix);
      for (let start = 0; start < keys.length; start += SCAN_BATCH)
        yield keys.slice(start, start + SCAN_BATCH).flatMap((key) => {
          const value = data.rows.get(key);
          return value === undefined ? [] : [[key, value] as const];
        });
    },
    async clear(prefix) {
      check();
      for (const key of keysFrom(prefix)) data.rows.delete(key);
    },
    async close() {
      isClosed = true;
    },
  };
}
