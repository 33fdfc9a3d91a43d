import { forEachLimited } from '../../core/transfer/pool.ts';
import type { NodeStat } from '../../native/safe-root.ts';
import type { DeleteEntry, MkcolEntry } from '../../protocol/batch.ts';
import { DavError, errnoOf } from '../dav-error.ts';
import { etagOf, fileIdOf, isSameContent } from '../etag.ts';
import { parentOf } from '../request-path.ts';
import { disposeOf } from '../storage/dispose.ts';
import { takeMeant } from '../storage/swap.ts';
import { type Change, failure, type Group, modeOf, modeText, notAsExpected } from './group.ts';

const AT_ONCE = 16;

/** Makes the collections of a group; one that is there already is as good as made. */
export async function makeCollections(group: Group): Promise<void> {
  const { exchange } = group;
  const { root } = exchange.site;
  const parentsFirst = group.collections.toSorted((one, other) => depthOf(one) - depthOf(other));
  // No await between these checks and the call: a lock granted later does not cover it.
  const allowed = parentsFirst.filter((change) => group.isUnlocked(change, { membership: true }));
  if (allowed.length === 0) return;
  const made = await root.makeDirectories(
    allowed.map(({ path, entry }) => ({ path, mode: modeOf(entry) ?? 0o777 })),
  );
  const found = new Map(allowed.map((change, index) => [change, made[index]]));
  await forEachLimited(found, AT_ONCE, ([change, stat]) =>
    attempt(group, change, async () => {
      if (stat === undefined || 'errno' in stat) await adopt(group, change, failure(stat));
      else await finish(group, change, stat);
    }),
  );
}

function depthOf({ path }: Change): number {
  return path.split('/').length;
}

async function finish(group: Group, change: Change<MkcolEntry>, stat: NodeStat): Promise<void> {
  const { root, properties } = group.exchange.site;
  const { entry, path } = change;
  const mode = modeOf(entry) ?? stat.mode & 0o777;
  if (mode !== (stat.mode & 0o777)) await root.setMode(path, mode);
  await properties.forget(path);
  group.changed.add(parentOf(path));
  group.done(change, { status: 201, id: fileIdOf(stat), mode: modeText(mode) });
}

async function adopt(group: Group, change: Change<MkcolEntry>, error: Error): Promise<void> {
  const { path } = change;
  const errno = errnoOf(error) ?? '';
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errno))
    throw new DavError(409, `/${path} cannot be made: its parent collection does not exist`);
  if (errno !== 'EEXIST') throw error;
  const stat = await group.exchange.site.look(path);
  if (stat?.kind !== 'directory') throw new DavError(405, `/${path} is something else already`);
  group.done(change, { status: 200, id: fileIdOf(stat), mode: modeText(stat.mode) });
}

/** Removes the files of a group, and then its collections in the order of the list. */
export async function removeEntries(group: Group): Promise<void> {
  const files = group.deletions.filter(({ entry }) => entry.if !== 'collection');
  await forEachLimited(files, AT_ONCE, (change) =>
    attempt(group, change, () => removeFile(group, change)),
  );
  for (const change of group.deletions)
    if (change.entry.if === 'collection')
      await attempt(group, change, () => removeCollection(group, change));
}

async function attempt(group: Group, change: Change, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    group.refuse(change, error);
  }
}

async function removeFile(group: Group, change: Change<DeleteEntry>): Promise<void> {
  const { exchange, stage } = group;
  const { site } = exchange;
  const { entry, path } = change;
  const current = await site.look(path);
  if (current === null) throw new DavError(404, `/${path}: nothing is there`);
  if (current.kind === 'directory' || etagOf(current) !== entry.if) throw notAsExpected(path);
  exchange.requireUnlocked(path, { membership: true });
  const taken = await takeMeant(
    site.root,
    stage,
    path,
    (found) => found !== null && isSameContent(found, current),
  );
  if (taken === null) throw notAsExpected(path);
  group.changed.add(parentOf(path));
  const kept = await disposeOf(site, taken, { path, isOnlyCopy: entry.onlyCopy === true });
  for (const directory of kept?.changed ?? []) group.changed.add(directory);
  await forget(group, change);
  group.done(change, { status: 204, ...(kept === null ? {} : { kept: kept.id }) });
}

async function removeCollection(group: Group, change: Change<DeleteEntry>): Promise<void> {
  const { exchange } = group;
  const { path } = change;
  exchange.requireUnlocked(path, { membership: true, tree: true });
  try {
    await exchange.site.root.removeDirectory(path);
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (['ENOTEMPTY', 'EEXIST'].includes(errno)) throw new DavError(409, `/${path} is not empty`);
    throw errno === 'ENOTDIR' ? notAsExpected(path) : error;
  }
  group.changed.add(parentOf(path));
  await forget(group, change);
  group.done(change, { status: 204 });
}

async function forget({ exchange }: Group, { path, entry }: Change<DeleteEntry>): Promise<void> {
  const { locks, properties } = exchange.site;
  locks.forget(path);
  if (entry.if === 'collection' || properties.of(path).size > 0) await properties.forget(path);
}
