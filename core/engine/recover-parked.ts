import { conflictCopyName } from '../model/conflict-name.ts';
import type { Entry, Side } from '../model/entry.ts';
import { childPath, nameOf, parentPath, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { ParkedMove } from '../records/parked-move.ts';
import type { PairRecord } from '../records/record.ts';
import type { Records } from '../records/records.ts';
import { asideRecord } from '../transfer/aside-record.ts';

/**
 * Brings back what an interrupted run had put aside under a temporary name: to where it was going, else to where it
 * came from, else beside it under a conflict name. Runs before anything is observed.
 */
export async function recoverParked(
  replicas: Readonly<Record<Side, Replica>>,
  records: Records,
  naming: { readonly device: string; readonly timestamp: string },
  signal: AbortSignal,
): Promise<void> {
  const brought = records.parked();
  if (brought.length === 0) return;
  for (const move of brought) await bringBack(replicas[move.side], records, move, naming, signal);
  for (const side of new Set(brought.map((parked) => parked.side))) await replicas[side].flush();
  for (const { parked } of brought) records.dropParked(parked);
  await records.commit();
}

async function bringBack(
  replica: Replica,
  records: Records,
  move: ParkedMove,
  naming: { readonly device: string; readonly timestamp: string },
  signal: AbortSignal,
): Promise<void> {
  const { parked, from, to } = move;
  const entry = await replica.stat(parked, { signal });
  if (!entry) return;
  const target = await freeTarget(replica, [to, from], naming, signal);
  await recordAt(records, move, target, entry);
  await replica.move(parked, target, {
    expected: entry.kind === 'directory' ? 'directory' : entry.version,
    signal,
  });
}

/**
 * Records the entry where it is brought back to, unless that is a place that the records or the plan knew, so that
 * nobody takes it for a move by the user. In the middle of a ring of three names, both its own places are taken, and
 * its record may have made room already for that of the entry that has its name now.
 */
async function recordAt(
  records: Records,
  move: ParkedMove,
  target: SyncPath,
  entry: Entry,
): Promise<void> {
  const { side, from, to, parked } = move;
  const isIt = (record: PairRecord | undefined): boolean =>
    entry.identity !== undefined && record?.[side].identity === entry.identity;
  const aside = await records.find(asideRecord(from, parked));
  const atFrom = await records.find(from);
  const record = isIt(aside) ? aside : isIt(atFrom) ? atFrom : undefined;
  const isKnown = record === atFrom && (target === to || target === from);
  const parentId = records.directoryId(parentPath(target));
  if (record === undefined || isKnown || parentId === undefined) return;
  if ((await records.find(target)) !== undefined) return;
  await records.load([parentId]);
  records.put({ ...record, parentId, name: nameOf(target) });
  // Recorded before it is brought back: when this is interrupted, too, it goes to the same place.
  records.putParked({ ...move, to: target });
  await records.commit();
}

async function freeTarget(
  replica: Replica,
  wanted: readonly SyncPath[],
  naming: { readonly device: string; readonly timestamp: string },
  signal: AbortSignal,
): Promise<SyncPath> {
  const isFree = async (path: SyncPath): Promise<boolean> =>
    (await replica.stat(path, { signal })) === null &&
    (parentPath(path) === '' || (await replica.stat(parentPath(path), { signal })) !== null);
  for (const path of wanted) if (await isFree(path)) return path;
  const original = wanted.at(-1) as SyncPath;
  const parentExists = (await replica.stat(parentPath(original), { signal })) !== null;
  const directory = parentExists ? parentPath(original) : ('' as SyncPath);
  const taken = new Set<string>();
  for (;;) {
    const name = conflictCopyName(nameOf(original), {
      ...naming,
      isTaken: (candidate) => taken.has(candidate),
    });
    const path = childPath(directory, name);
    if (await isFree(path)) return path;
    taken.add(name);
  }
}
