import { Level } from 'level';
import { FerryError } from '../model/errors.ts';

export type StoreOperation<Value = string> =
  | { readonly type: 'put'; readonly key: string; readonly value: Value }
  | { readonly type: 'del'; readonly key: string };

/** An ordered key-value store on LevelDB; keys sort by UTF-8 bytes. One process at a time. */
export interface Store<Value = string> {
  get(key: string): Promise<Value | undefined>;
  /** Applies all operations or none. With `sync` they survive a power cut once this resolves. */
  batch(
    operations: readonly StoreOperation<Value>[],
    options?: { readonly sync?: boolean },
  ): Promise<void>;
  /** Yields batches of [key, value] with `key` beginning with `prefix`, in key order. */
  scan(prefix: string): AsyncIterable<readonly (readonly [string, Value])[]>;
  /** Removes every key that begins with `prefix`. */
  clear(prefix: string): Promise<void>;
  close(): Promise<void>;
}

/** A store of bytes, which also reads many of them at once. */
export interface ByteStore extends Store<Buffer> {
  getMany(keys: readonly string[]): Promise<readonly (Buffer | undefined)[]>;
  /** As `scan`, without the keys and in larger batches. */
  values(prefix: string): AsyncIterable<readonly Buffer[]>;
}

const SCAN_BATCH = 1000;
const VALUES_BATCH = 8192;
const VALUES_BATCH_BYTES = 1024 * 1024;

/** What LevelDB says of a system that refuses now; it says nothing about what is in the files. */
const REFUSED_BY_SYSTEM =
  /Permission denied|Too many open files|Cannot allocate memory|Read-only file system|Input\/output error/;

/** Returns what an error of LevelDB means for the store in `location`. */
export function storeError(error: unknown, location: string): FerryError {
  const code = (error as { code?: string }).code ?? '';
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  if (code === 'LEVEL_LOCKED' || cause?.code === 'LEVEL_LOCKED')
    return new FerryError('RECORD_LOCKED', `${location} is in use by another ferry process`, {
      cause: error,
      path: location,
    });
  const text = `${cause?.message ?? ''} ${String(error)}`;
  if (REFUSED_BY_SYSTEM.test(text))
    return new FerryError(
      'LOCAL_IO',
      `the sync records in ${location} cannot be used now: ${cause?.message ?? String(error)}`,
      { cause: error, path: location },
    );
  if (/No space left|ENOSPC/.test(text))
    return new FerryError('LOCAL_NO_SPACE', `no room for the sync records in ${location}`, {
      cause: error,
      path: location,
    });
  return new FerryError(
    'RECORD_CORRUPT',
    `the sync records in ${location} cannot be read: ${cause?.message ?? String(error)}`,
    { cause: error, path: location },
  );
}

/** Returns the first key behind all that begin with `prefix`, whatever their next character is. */
function behind(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

/**
 * Opens (or makes) the store in the directory `location`.
 * @throws RECORD_LOCKED when another process has it, RECORD_CORRUPT when LevelDB cannot open it, LOCAL_NO_SPACE
 */
export async function openStore(location: string): Promise<Store> {
  const level = new Level<string, string>(location);
  const guarded = guardOf(location);
  await guarded(() => level.open());
  return storeOn(level, guarded);
}

/** As openStore, for values that are bytes. */
export async function openByteStore(location: string): Promise<ByteStore> {
  const level = new Level<string, Buffer>(location, { valueEncoding: 'buffer' });
  const guarded = guardOf(location);
  await guarded(() => level.open());
  return {
    ...storeOn(level, guarded),
    getMany: (keys) => guarded(() => level.getMany([...keys])),
    async *values(prefix) {
      const range = { gte: prefix, lt: behind(prefix), highWaterMarkBytes: VALUES_BATCH_BYTES };
      const iterator = level.values(range);
      try {
        for (;;) {
          const batch = await guarded(() => iterator.nextv(VALUES_BATCH));
          if (batch.length === 0) return;
          yield batch;
        }
      } finally {
        await iterator.close();
      }
    },
  };
}

type Guard = <T>(work: () => Promise<T>) => Promise<T>;

function guardOf(location: string): Guard {
  return async (work) => {
    try {
      return await work();
    } catch (error) {
      throw storeError(error, location);
    }
  };
}

function storeOn<Value>(level: Level<string, Value>, guarded: Guard): Store<Value> {
  return {
    get: (key) => guarded(() => level.get(key)),
    // An array of operations would be copied one by one, with all their options.
    batch: (operations, options) =>
      guarded(async () => {
        const batch = level.batch();
        for (const operation of operations)
          if (operation.type === 'put') batch.put(operation.key, operation.value);
          else batch.del(operation.key);
        await batch.write({ sync: options?.sync ?? false });
      }),
    async *scan(prefix) {
      const iterator = level.iterator({ gte: prefix, lt: behind(prefix) });
      try {
        for (;;) {
          const batch = await guarded(() => iterator.nextv(SCAN_BATCH));
          if (batch.length === 0) return;
          yield batch;
        }
      } finally {
        await iterator.close();
      }
    },
    clear: (prefix) => guarded(() => level.clear({ gte: prefix, lt: behind(prefix) })),
    close: () => level.close(),
  };
}
