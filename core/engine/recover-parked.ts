import { conflictCopyName } from '../model/conflict-name.ts';
import type { Side } from '../model/entry.ts';
import { childPath, nameOf, parentPath, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { ParkedMove, Records } from '../records/records.ts';

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
  for (const parked of brought) await bringBack(replicas[parked.side], parked, naming, signal);
  for (const side of new Set(brought.map((parked) => parked.side))) await replicas[side].flush();
  for (const { parked } of brought) records.dropParked(parked);
  await records.commit();
}

async function bringBack(
  replica: Replica,
  { parked, from, to }: ParkedMove,
  naming: { readonly device: string; readonly timestamp: string },
  signal: AbortSignal,
): Promise<void> {
  const entry = await replica.stat(parked, { signal });
  if (!entry) return;
  const target = await freeTarget(replica, [to, from], naming, signal);
  await replica.move(parked, target, {
    expected: entry.kind === 'directory' ? 'directory' : entry.version,
    signal,
  });
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
