import { FerryError } from '../model/errors.ts';
import { DigestSum } from './digest.ts';
import { RECORD_PREFIX } from './record.ts';
import type { Store, StoreOperation } from './store.ts';

/** Between a value and its check; JSON never has it. */
const SEPARATOR = '\u0001';

/**
 * The same store; every row that no digest covers carries a check of its own, over key and value. LevelDB does not
 * verify what it reads from a table, so a flipped bit would go unnoticed. Rows of earlier versions have none.
 */
export function checkedStore(store: Store): Store {
  return {
    async get(key) {
      const value = await store.get(key);
      return value === undefined ? undefined : verified(key, value);
    },
    batch: (operations, options) => store.batch(operations.map(withCheck), options),
    async *scan(prefix) {
      for await (const rows of store.scan(prefix))
        yield rows.map(([key, value]) => [key, verified(key, value)] as const);
    },
    clear: (prefix) => store.clear(prefix),
    close: () => store.close(),
  };
}

/** The digest of a directory proves the records in it. */
function isCovered(key: string): boolean {
  return key.startsWith(RECORD_PREFIX);
}

function withCheck(operation: StoreOperation): StoreOperation {
  if (operation.type === 'del' || isCovered(operation.key)) return operation;
  const { key, value } = operation;
  return { ...operation, value: `${value}${SEPARATOR}${checkOf(key, value)}` };
}

/** @throws RECORD_CORRUPT */
function verified(key: string, stored: string): string {
  const end = isCovered(key) ? -1 : stored.lastIndexOf(SEPARATOR);
  if (end < 0) return stored;
  const value = stored.slice(0, end);
  if (stored.slice(end + 1) !== checkOf(key, value))
    throw new FerryError('RECORD_CORRUPT', `the row ${JSON.stringify(key)} was damaged`);
  return value;
}

function checkOf(key: string, value: string): string {
  const sum = new DigestSum();
  sum.add(key, value);
  return sum.digest.sum;
}
