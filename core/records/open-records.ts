import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FerryError } from '../model/errors.ts';
import type { Logger } from '../ports.ts';
import { Records } from './records.ts';
import { openStore } from './store.ts';

const STORE_FOLDER = 'records';
const SEQUENCE_FILE = 'sequence';
const KEPT_COPIES = 3;

export interface OpenRecordsOptions {
  /** The pair's own directory; it holds the store, copies of earlier ones, and the sequence file. */
  readonly directory: string;
  /** Milliseconds since 1970, for the names of copies. */
  readonly nowMs: number;
  readonly logger: Logger;
}

/** Returns the last sequence number that a finished run noted outside the store; 0 when there is none. */
async function notedSequence(directory: string): Promise<number> {
  try {
    return Number.parseInt(await readFile(join(directory, SEQUENCE_FILE), 'utf8'), 10) || 0;
  } catch {
    return 0; // none noted yet, or unreadable: the store's own digest still counts
  }
}

async function load(directory: string): Promise<Records> {
  const store = await openStore(join(directory, STORE_FOLDER));
  try {
    const records = await Records.load(store);
    const noted = await notedSequence(directory);
    if (records.state.sequence < noted)
      throw new FerryError(
        'RECORD_CORRUPT',
        `the sync records end at commit ${records.state.sequence}, ${noted} was reached: their end is lost`,
      );
    return records;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function setAside(directory: string, label: string, nowMs: number): Promise<void> {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-');
  const suffix = `.${label}`;
  await rename(join(directory, STORE_FOLDER), join(directory, `${STORE_FOLDER}.${stamp}${suffix}`));
  await rm(join(directory, SEQUENCE_FILE), { force: true });
  const copies = (await readdir(directory)).filter(
    (name) => name.startsWith(`${STORE_FOLDER}.`) && name.endsWith(suffix),
  );
  for (const old of copies.sort().slice(0, -KEPT_COPIES))
    await rm(join(directory, old), { recursive: true, force: true });
}

/**
 * Opens the pair's records. A store that is damaged or not complete is set aside and an empty one takes its place:
 * the next run compares both sides and deletes nothing.
 * @throws RECORD_LOCKED, RECORD_SCHEMA_NEWER, LOCAL_NO_SPACE
 */
export async function openRecords(options: OpenRecordsOptions): Promise<Records> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  try {
    return await load(options.directory);
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'RECORD_CORRUPT') throw error;
    options.logger.warn('sync records set aside, both sides will be compared', {
      reason: error.message,
    });
    await setAside(options.directory, 'damaged', options.nowMs);
    return load(options.directory);
  }
}

/** Closes `records`, keeps a copy of them and returns empty ones of the next generation, in the state of a reset. */
export async function resetRecords(
  records: Records,
  options: OpenRecordsOptions,
): Promise<Records> {
  const { generation, roots } = records.state;
  await records.close();
  await setAside(options.directory, 'bak', options.nowMs);
  const fresh = await load(options.directory);
  fresh.setState({ generation: generation + 1, resetting: true, roots });
  await fresh.commit();
  return fresh;
}

/** Notes durably, outside the store, how far its commits reached, so that a lost end is noticed when it is opened again. */
export async function noteSequence(directory: string, sequence: number): Promise<void> {
  const path = join(directory, SEQUENCE_FILE);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${sequence}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const parent = await open(dirname(path), 'r');
  await parent.sync().finally(() => parent.close());
}
