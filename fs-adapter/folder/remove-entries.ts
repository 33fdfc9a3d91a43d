import type { Version } from '../../core/model/entry.ts';
import type { FerryError } from '../../core/model/errors.ts';
import { parentPath, type SyncPath } from '../../core/model/path.ts';
import type { Removal } from '../../core/ports.ts';
import { forEachLimited } from '../../core/transfer/pool.ts';
import type { NodeStat, SafeRoot } from '../../native/index.ts';
import { changed, folderError } from './errno.ts';
import { DIRECTORY_VERSION, isSameContent } from './node-version.ts';
import { keepDisplaced, type PublishContext, requireVersion } from './publish.ts';
import type { PutAway } from './version-store.ts';
import { addAncestors } from './write-group.ts';

const REMOVED_AT_ONCE = 16;

export interface RemoveContext extends PublishContext {
  /** Takes the directories, on the disk, whose names are to be made durable. */
  readonly touched: Set<string>;
}

/** Returns what is at the path when it is what was expected. @throws CHANGED */
export async function requireExpected(
  root: SafeRoot,
  path: SyncPath,
  real: string,
  expected: Version | 'directory',
): Promise<NodeStat> {
  if (expected !== DIRECTORY_VERSION) return requireVersion(root, path, real, expected as Version);
  const stat = await root.stat(real);
  if (stat?.kind !== 'directory') throw changed(path, 'it is no longer a directory');
  return stat;
}

/**
 * Removes entries, each if it is what was expected: files and links into the version store, several at a time, then the
 * directories in the order given, if they are empty by then. Answers for each why it is still there.
 */
export async function removeEntries(
  items: readonly Removal[],
  context: RemoveContext,
): Promise<readonly (null | FerryError)[]> {
  const { root, versions } = context;
  const refused = new Map<Removal, FerryError>();
  const attempt = async (item: Removal, work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      refused.set(item, folderError(error, item.path, 'remove'));
    }
  };
  const kept = new Map<Removal, PutAway>();
  const files = items.filter(({ expected }) => expected !== DIRECTORY_VERSION);
  await forEachLimited(files, REMOVED_AT_ONCE, (item) =>
    attempt(
      item,
      putAway(item, context).then((put) => {
        kept.set(item, put);
      }),
    ),
  );
  for (const item of items)
    if (item.expected === DIRECTORY_VERSION)
      await attempt(item, removeDirectory(item.path, context));
  try {
    await versions.remember(root, [...kept.values()]);
  } catch (error) {
    for (const item of kept.keys()) refused.set(item, folderError(error, item.path, 'remove'));
  }
  return items.map((item) => refused.get(item) ?? null);
}

async function removeDirectory(
  path: SyncPath,
  { root, names, touched }: RemoveContext,
): Promise<void> {
  const real = names.realPath(path);
  await requireExpected(root, path, real, 'directory');
  touched.add(names.realPath(parentPath(path)));
  await root.removeDirectory(real);
  names.forget(path);
}

/** Moves a file into the version store, and back if it was not the expected one after all. */
async function putAway(
  { path, expected, displacement }: Removal,
  context: RemoveContext,
): Promise<PutAway> {
  const { root, names, versions, touched } = context;
  const real = names.realPath(path);
  const stat = await requireExpected(root, path, real, expected);
  touched.add(names.realPath(parentPath(path)));
  const kept = await keepDisplaced(real, { path, stat, displacement }, context);
  addAncestors(kept.stored, touched);
  const now = await root.stat(kept.stored);
  if (now && isSameContent(now, expected as Version)) {
    names.forget(path);
    return kept;
  }
  try {
    await root.rename(kept.stored, real, 'no-replace');
  } catch {
    await versions.giveBack(root, kept.stored, path); // another file has the name by now
  }
  throw changed(path, 'it was changed in the moment it was to be removed');
}
