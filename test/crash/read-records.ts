import { join } from 'node:path';
import { checkedStore } from '../../core/records/checked-store.ts';
import { decodeRecord, type PairRecord, RECORD_PREFIX } from '../../core/records/record.ts';
import { openStore, type Store } from '../../core/records/store.ts';

/** A recorded file: what both sides are said to hold at a path. */
export interface RecordedFile {
  readonly path: string;
  readonly hash: string | undefined;
}

/** What the records keep besides the files: paths of what is parked, and of conflict copies. */
export interface Notes {
  readonly parked: readonly string[];
  readonly conflicts: readonly string[];
  /** A reset has begun and is not complete. */
  readonly isResetting: boolean;
}

const STORE = 'records';
const STATE_KEY = 'm!state';
const PARKED_PREFIX = 'p!';
const CONFLICT_PREFIX = 'c!';

async function withStore<T>(directory: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = checkedStore(await openStore(join(directory, STORE)));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function rowsOf(
  store: Store,
  prefix: string,
): Promise<readonly (readonly [string, string])[]> {
  const rows: (readonly [string, string])[] = [];
  for await (const batch of store.scan(prefix)) rows.push(...batch);
  return rows;
}

/** Returns what is parked and which conflicts are noted. The pair must not be in use. */
export function readNotes(directory: string): Promise<Notes> {
  return withStore(directory, async (store) => {
    const [parked, conflicts] = [PARKED_PREFIX, CONFLICT_PREFIX].map(async (prefix) =>
      (await rowsOf(store, prefix)).map(([key]) => key.slice(prefix.length)),
    );
    const state = JSON.parse((await store.get(STATE_KEY)) ?? '{}') as { resetting?: boolean };
    return {
      parked: (await parked) ?? [],
      conflicts: (await conflicts) ?? [],
      isResetting: state.resetting === true,
    };
  });
}

/** Returns every recorded file. To be given a copy of the records: opening a store writes to it. */
export function readRecordedFiles(directory: string): Promise<readonly RecordedFile[]> {
  return withStore(directory, async (store) => {
    const records = new Map<number, PairRecord>();
    for (const [key, value] of await rowsOf(store, RECORD_PREFIX)) {
      const record = decodeRecord(key, value);
      records.set(record.id, record);
    }
    const pathOf = (record: PairRecord): string => {
      const parent = records.get(record.parentId);
      return parent === undefined ? record.name : `${pathOf(parent)}/${record.name}`;
    };
    const files = [...records.values()].filter(({ kind }) => kind === 'file');
    return files.map((record) => ({ path: pathOf(record), hash: record.hash }));
  });
}
