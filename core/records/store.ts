import { Level } from 'level';
import { FerryError } from '../model/errors.ts';

export type StoreOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

/** An ordered key-value store on LevelDB; keys sort by UTF-8 bytes. One process at a time. */
export interface Store {
  get(key: string): Promise<string | undefined>;
  /** Applies all operations or none. With `sync` they survive a power cut once this resolves. */
  batch(
    operations: readonly StoreOperation[],
    options?: { readonly sync?: boolean },
  ): Promise<void>;
  /** Yields batches of [key, value] with `key` beginning with `prefix`, in key order. */
  scan(prefix: string): AsyncIterable<readonly (readonly [string, string])[]>;
  /** Removes every key that begins with `prefix`. */
  clear(prefix: string): Promise<void>;
  close(): Promise<void>;
}

const SCAN_BATCH = 1000;

function translated(error: unknown, location: string): FerryError {
  const code = (error as { code?: string }).code ?? '';
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  if (code === 'LEVEL_LOCKED' || cause?.code === 'LEVEL_LOCKED')
    return new FerryError('RECORD_LOCKED', `${location} is in use by another ferry process`, {
      cause: error,
      path: location,
    });
  if (/No space left|ENOSPC/.test(`${cause?.message ?? ''} ${String(error)}`))
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

/**
 * Opens (or makes) the store in the directory `location`.
 * @throws RECORD_LOCKED when another process has it, RECORD_CORRUPT when LevelDB cannot open it, LOCAL_NO_SPACE
 */
export async function openStore(location: string): Promise<Store> {
  const level = new Level<string, string>(location);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translated(error, location);
    }
  };
  await guarded(() => level.open());
  return {
    get: (key) => guarded(() => level.get(key)),
    batch: (operations, options) =>
      guarded(() => level.batch([...operations], { sync: options?.sync ?? false })),
    async *scan(prefix) {
      const iterator = level.iterator({ gte: prefix, lt: `${prefix}\uffff` });
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
    clear: (prefix) => guarded(() => level.clear({ gte: prefix, lt: `${prefix}\uffff` })),
    close: () => level.close(),
  };
}
