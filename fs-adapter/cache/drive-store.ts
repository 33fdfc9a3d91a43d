import { join } from 'node:path';
import { FerryError } from '../../core/model/errors.ts';
import { type ByteStore, openByteStore, type StoreOperation } from '../../core/records/store.ts';
import { KEPT_VERSIONS } from './backing-files.ts';
import { dropLog, readLog } from './drive-log.ts';
import { migrateRows } from './drive-migration.ts';
import { digestOfRow, highestIn, idOfRow, isRemoval, rowsIn, withKnownMap } from './drive-row.ts';

/** What is kept beside the rows, in the same batch, so that a store that lost some of them is noticed. */
export interface DriveCheck {
  readonly count: number;
  /** Sum of the rows' digests, modulo 2^32. */
  readonly digest: number;
  /** Ids below it may be in use or may have been. */
  readonly nextId: number;
}

export interface DriveMeta {
  readonly schema: number;
  /** Names the drive's tree; another one from when rows were lost. */
  readonly identity: string;
}

/** The rows of a drive on LevelDB, each under its id. One process at a time. */
export interface DriveStore {
  /** Null: this drive was never opened. */
  meta(): Promise<DriveMeta | null>;
  setIdentity(identity: string): Promise<void>;
  check(): Promise<DriveCheck>;
  /** Yields all rows in the order of their ids. */
  rows(): AsyncIterable<readonly Buffer[]>;
  /** Puts and removes rows and writes the check that holds then, all in one step. @throws LOCAL_NO_SPACE, RECORD_CORRUPT */
  write(
    rows: readonly Uint8Array[],
    removedIds: readonly number[],
    check: DriveCheck,
    options?: { readonly sync?: boolean },
  ): Promise<void>;
  close(): Promise<void>;
}

export const SCHEMA = 2;
export const ROW_PREFIX = 'n/';
export const META_KEY = 'm/drive';
export const CHECK_KEY = 'm/check';
const ID_DIGITS = 12;
const FIRST_ID = 2;
const REPLAYED_AT_ONCE = 10_000;

/** Returns the key of an entry's row. */
export function rowKey(id: number): string {
  return ROW_PREFIX + String(id).padStart(ID_DIGITS, '0');
}

/**
 * Opens the store of the drive in that directory: rows of an older schema are rewritten, and what the log holds is
 * taken into the store.
 * @throws RECORD_LOCKED when another process has it, RECORD_CORRUPT, RECORD_SCHEMA_NEWER, LOCAL_NO_SPACE
 */
export async function openDriveStore(stateDirectory: string): Promise<DriveStore> {
  const store = await openByteStore(tableDirectory(stateDirectory)).catch((error: unknown) => {
    throw advised(error, stateDirectory);
  });
  try {
    const opened = driveStoreOn(store);
    const schema = (await opened.meta())?.schema ?? SCHEMA;
    if (schema > SCHEMA)
      throw new FerryError(
        'RECORD_SCHEMA_NEWER',
        'this drive was used by a newer version of ferry; update ferry, or mount it with another state directory',
      );
    if (schema < SCHEMA) await migrateRows(store);
    await replayLog(store, opened, stateDirectory);
    return opened;
  } catch (error) {
    await store.close();
    throw advised(error, stateDirectory);
  }
}

function tableDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'table');
}

/** Returns what opening a drive fails with; where its records are damaged, that says what to do. */
export function advised(error: unknown, stateDirectory: string): unknown {
  if (!(error instanceof FerryError) || error.code !== 'RECORD_CORRUPT') return error;
  const table = tableDirectory(stateDirectory);
  return new FerryError(
    'RECORD_CORRUPT',
    `the drive's records are damaged: move ${table} away and mount it again; its tree then comes from the server, and contents whose records were lost are in ${join(stateDirectory, KEPT_VERSIONS)} (${error.message})`,
    { path: table, cause: error },
  );
}

function driveStoreOn(store: ByteStore): DriveStore {
  return {
    meta: async () => parse<DriveMeta>(await store.get(META_KEY)),
    setIdentity: (identity) =>
      store.batch([{ type: 'put', key: META_KEY, value: json({ schema: SCHEMA, identity }) }]),
    check: async () =>
      parse<DriveCheck>(await store.get(CHECK_KEY)) ?? { count: 0, digest: 0, nextId: FIRST_ID },
    rows: () => store.values(ROW_PREFIX),
    write(rows, removedIds, check, options) {
      const operations: StoreOperation<Buffer>[] = [];
      for (const row of rows) {
        const value = asBuffer(row);
        operations.push({ type: 'put', key: rowKey(idOfRow(value)), value });
      }
      for (const id of removedIds) operations.push({ type: 'del', key: rowKey(id) });
      operations.push({ type: 'put', key: CHECK_KEY, value: json(check) });
      return store.batch(operations, options);
    },
    close: () => store.close(),
  };
}

/** Brings the log's rows into the store, where a crash left some; afterwards there is no log. */
async function replayLog(
  store: ByteStore,
  opened: DriveStore,
  stateDirectory: string,
): Promise<void> {
  const latest = new Map<number, Buffer>();
  let { count, digest, nextId } = await opened.check();
  let isLost = false;
  const onLost = (): void => {
    isLost = true;
  };
  for await (const packed of readLog(stateDirectory, onLost))
    for (const row of rowsIn(packed)) {
      latest.set(idOfRow(row), row);
      nextId = Math.max(nextId, highestIn(row) + 1);
    }
  const ids = [...latest.keys()];
  while (ids.length > 0) {
    const some = ids.splice(0, REPLAYED_AT_ONCE);
    const before = await store.getMany(some.map(rowKey));
    const rows: Buffer[] = [];
    const removed: number[] = [];
    for (const [index, id] of some.entries()) {
      const old = before[index];
      if (old !== undefined) {
        count -= 1;
        digest -= digestOfRow(old);
      }
      const logged = latest.get(id);
      if (logged === undefined || isRemoval(logged)) removed.push(id);
      else {
        const row = old === undefined ? logged : withKnownMap(logged, old);
        rows.push(row);
        count += 1;
        digest += digestOfRow(row);
      }
    }
    digest = modulo(digest);
    await opened.write(rows, removed, { count, digest, nextId }, { sync: ids.length === 0 });
  }
  // The check must not hold then: that is how whoever loads the rows knows.
  if (isLost)
    await opened.write([], [], { count, digest: modulo(digest + 1), nextId }, { sync: true });
  await dropLog(stateDirectory);
}

function modulo(digest: number): number {
  const range = 2 ** 32;
  return ((digest % range) + range) % range;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse<T>(bytes: Buffer | undefined): T | null {
  return bytes === undefined ? null : (JSON.parse(bytes.toString()) as T);
}
