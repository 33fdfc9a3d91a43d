import { randomUUID } from 'node:crypto';
import type { Logger } from '../../core/ports.ts';
import type { DriveCheck, DriveStore } from './drive-store.ts';

/** What was taken of the rows until now. */
export interface LoadedRows {
  readonly count: number;
  /** Sum of the rows' digests, modulo 2^32. */
  readonly digest: number;
  /** The highest number that is in use: an id, an identity, or a backing file's. */
  readonly highest: number;
}

/** Takes a drive's rows into memory: the addon's or JavaScript's. */
export interface RowLoader {
  /** Takes rows that lie one behind another. Directories may come after what is in them. */
  add(packed: Buffer): LoadedRows;
  /** Links the entries to one tree; what has lost its directory goes into the root. Returns how many had. */
  link(): number;
}

export interface FedRows {
  /** Stays the same for ever, unless rows were lost. */
  readonly identity: string;
  readonly check: DriveCheck;
  /** There may be contents here that no row speaks of any more. */
  readonly lostRows: boolean;
}

const FED_AT_ONCE_BYTES = 1024 * 1024;

/**
 * Brings the rows from the store into memory. A store that lost some gives the drive a new identity, so that no run
 * infers a deletion.
 * @throws RECORD_CORRUPT
 */
export async function feedRows(
  store: DriveStore,
  loader: RowLoader,
  logger: Logger,
): Promise<FedRows> {
  const [meta, check] = [await store.meta(), await store.check()];
  let loaded: LoadedRows = { count: 0, digest: 0, highest: 0 };
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const feed = (): void => {
    if (waiting.length > 0) loaded = loader.add(Buffer.concat(waiting));
    waiting = [];
    waitingBytes = 0;
  };
  for await (const rows of store.rows())
    for (const row of rows) {
      waiting.push(row);
      waitingBytes += row.length;
      if (waitingBytes >= FED_AT_ONCE_BYTES) feed();
    }
  feed();
  const orphans = loader.link();
  const isWhole = loaded.count === check.count && loaded.digest === check.digest && orphans === 0;
  if (!isWhole && meta !== null)
    logger.error('the drive lost records; nothing is deleted, all is compared anew', {
      found: loaded.count,
      expected: check.count,
      withoutDirectory: orphans,
    });
  const identity = meta !== null && isWhole ? meta.identity : randomUUID();
  if (identity !== meta?.identity) await store.setIdentity(identity);
  const nextId = Math.max(check.nextId, loaded.highest + 1);
  const lostRows = meta === null || !isWhole;
  return { identity, lostRows, check: { count: loaded.count, digest: loaded.digest, nextId } };
}
