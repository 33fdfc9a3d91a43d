import { FerryError } from '../model/errors.ts';
import type { Conflict } from '../model/problem.ts';
import type { Logger } from '../ports.ts';
import { Records } from './records.ts';
import type { RecordsHome } from './records-home.ts';

export interface OpenRecordsOptions {
  readonly home: RecordsHome;
  /** Milliseconds since 1970, for the names of copies. */
  readonly nowMs: number;
  readonly logger: Logger;
}

async function load(home: RecordsHome): Promise<Records> {
  const store = await home.open();
  try {
    const records = await Records.load(store);
    const noted = await home.notedSequence();
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

/**
 * Opens the pair's records. A store that is damaged or not complete is set aside and an empty one takes its place:
 * the next run compares both sides and deletes nothing.
 * @throws RECORD_LOCKED, RECORD_SCHEMA_NEWER, LOCAL_NO_SPACE
 */
export async function openRecords({ home, nowMs, logger }: OpenRecordsOptions): Promise<Records> {
  try {
    return await load(home);
  } catch (error) {
    if (!(error instanceof FerryError) || error.code !== 'RECORD_CORRUPT') throw error;
    logger.warn('sync records set aside, both sides will be compared', { reason: error.message });
    await home.setAside('damaged', nowMs);
    return load(home);
  }
}

/**
 * Sets aside records that turned out damaged while they were in use, and returns empty ones. What is still parked and
 * what conflicts are about was read when they were opened, and goes along.
 */
export async function replaceRecords(
  records: Records,
  { home, nowMs, logger }: OpenRecordsOptions,
  reason: string,
): Promise<Records> {
  logger.warn('sync records set aside, both sides will be compared', { reason });
  const [parked, conflicts] = [records.parked(), conflictsWithoutIds(records)];
  await records.close();
  await home.setAside('damaged', nowMs);
  const fresh = await load(home);
  for (const move of parked) fresh.putParked(move);
  for (const conflict of conflicts) fresh.putConflict(conflict);
  await fresh.commit();
  return fresh;
}

/**
 * Closes `records`, keeps a copy of them and returns empty ones of the next generation, in the state of a reset.
 * What is still parked and what conflicts are about is not the user's to lose: it goes along.
 */
export async function resetRecords(
  records: Records,
  { home, nowMs }: OpenRecordsOptions,
): Promise<Records> {
  const { generation, roots } = records.state;
  const fresh = await Records.load(await home.openNext());
  try {
    fresh.setState({ generation: generation + 1, resetting: true, roots });
    for (const move of records.parked()) fresh.putParked(move);
    for (const conflict of conflictsWithoutIds(records)) fresh.putConflict(conflict);
    await records.runLog.copyTo(fresh.runLog);
    await fresh.commit();
  } finally {
    await fresh.close();
  }
  await records.close();
  await home.setAside('bak', nowMs);
  await home.promoteNext();
  return load(home);
}

/** Returns the conflicts for records whose ids begin again: the old ones would lead to other entries. */
function conflictsWithoutIds(records: Records): readonly Conflict[] {
  return records.conflicts().map(({ trail: _trail, ...conflict }) => conflict);
}
