import { access, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FerryError } from '../model/errors.ts';
import type { Logger } from '../ports.ts';
import { Records } from './records.ts';
import { openStore } from './store.ts';

const STORE_FOLDER = 'records';
/** What a reset makes before it takes the place of the store. */
const NEXT_FOLDER = 'records.next';
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
  // First: it would call the store that comes next incomplete.
  await rm(join(directory, SEQUENCE_FILE), { force: true });
  await rename(join(directory, STORE_FOLDER), join(directory, `${STORE_FOLDER}.${stamp}${suffix}`));
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
  await finishReset(options.directory);
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

/** Puts the new store of a reset in its place when the process ended right between the two renames. */
async function finishReset(directory: string): Promise<void> {
  const exists = (name: string): Promise<boolean> =>
    access(join(directory, name)).then(
      () => true,
      () => false,
    );
  if ((await exists(STORE_FOLDER)) || !(await exists(NEXT_FOLDER))) return;
  await rename(join(directory, NEXT_FOLDER), join(directory, STORE_FOLDER));
}

/**
 * Closes `records`, keeps a copy of them and returns empty ones of the next generation, in the state of a reset.
 * What is still parked and what conflicts are about is not the user's to lose: it goes along.
 */
export async function resetRecords(
  records: Records,
  options: OpenRecordsOptions,
): Promise<Records> {
  const { directory, nowMs } = options;
  const { generation, roots } = records.state;
  const next = join(directory, NEXT_FOLDER);
  await rm(next, { recursive: true, force: true });
  const fresh = await Records.load(await openStore(next));
  try {
    fresh.setState({ generation: generation + 1, resetting: true, roots });
    for (const move of records.parked()) fresh.putParked(move);
    for (const conflict of records.conflicts()) fresh.putConflict(conflict);
    await fresh.commit();
  } finally {
    await fresh.close();
  }
  await records.close();
  await setAside(directory, 'bak', nowMs);
  await rename(next, join(directory, STORE_FOLDER));
  await syncDirectory(directory);
  return load(directory);
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
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}
