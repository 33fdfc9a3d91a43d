import type { FileEntry, Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Displacement } from '../../core/ports.ts';
import { codeOf, type NodeStat, type SafeRoot, systemError } from '../../native/index.ts';
import { changed, folderError } from './errno.ts';
import { entryOf, isSameContent, versionAfterChange, versionOf } from './node-version.ts';
import { removeIfThere } from './private-files.ts';
import type { RealNames } from './real-names.ts';
import type { StagedFile } from './stage.ts';
import type { PutAway, VersionStore } from './version-store.ts';

export interface PublishContext {
  readonly root: SafeRoot;
  readonly names: RealNames;
  readonly versions: VersionStore;
}

/** A staged file that got the name of another, and the version that it took the place of. */
export interface Published {
  readonly entry: FileEntry;
  readonly displaced: PutAway;
}

/**
 * Gives new files their names, if those are free. Failed ones are CHANGED or the translated errno; their staged files
 * are gone then.
 */
export async function publishNew(
  group: readonly StagedFile[],
  context: PublishContext,
): Promise<readonly (FileEntry | FerryError)[]> {
  const { root, names } = context;
  const pairs = group.map(({ item, stage }) => ({ from: stage, to: names.realPath(item.path) }));
  const renamed = await root.renameFiles(pairs);
  const published: (FileEntry | FerryError)[] = [];
  for (const [index, staged] of group.entries()) {
    const now = renamed[index] ?? { errno: 'EIO' };
    published.push(
      'errno' in now
        ? await giveUp(staged, systemError(now.errno, 'rename', staged.stage), context)
        : publishedEntry(staged, now, context),
    );
  }
  return published;
}

/**
 * Gives a staged file the name of an existing one by an exchange, after which the displaced file is looked at. If it is
 * not the expected one, an edit slipped in between the check and the exchange: then everything is put back.
 * @throws CHANGED, or the translated errno; the staged file is gone then
 */
export async function publishOver(
  staged: StagedFile,
  expected: Version,
  context: PublishContext,
): Promise<Published> {
  const { root, names } = context;
  try {
    const displaced = await exchange(staged, expected, context);
    const now = await root.stat(names.realPath(staged.item.path));
    return { entry: publishedEntry(staged, now, context), displaced };
  } catch (error) {
    throw await giveUp(staged, error, context);
  }
}

/** Clears away a staged file that did not get its name, and says why. */
async function giveUp(
  staged: StagedFile,
  error: unknown,
  { root }: PublishContext,
): Promise<FerryError> {
  const { path } = staged.item;
  try {
    await removeOwn(root, staged);
  } catch (failed) {
    return folderError(failed, path, 'write');
  }
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')
    ? changed(path, 'its directory is no longer there')
    : folderError(error, path, 'write');
}

/** Removes the staged file unless an exchange has left something else under its name. */
async function removeOwn(root: SafeRoot, { stage, stat }: StagedFile): Promise<void> {
  const left = await root.stat(stage);
  if (left?.ino === stat.ino) await removeIfThere(root, stage);
}

async function exchange(
  staged: StagedFile,
  expected: Version,
  context: PublishContext,
): Promise<PutAway> {
  const { root, names } = context;
  const { path, displacement } = staged.item;
  const real = names.realPath(path);
  await requireVersion(root, path, real, expected);
  await root.rename(staged.stage, real, 'exchange');
  const displaced = await root.stat(staged.stage);
  if (!displaced || !isSameContent(displaced, expected)) {
    await undoExchange(staged, real, context);
    throw changed(path, 'it was changed in the moment it was to be replaced');
  }
  return keepDisplaced(staged.stage, { path, stat: displaced, displacement }, context);
}

/** Checks that the file at the path is of the expected version. @throws CHANGED */
export async function requireVersion(
  root: SafeRoot,
  path: SyncPath,
  real: string,
  expected: Version,
): Promise<NodeStat> {
  const stat = await root.stat(real);
  const isLeaf = stat?.kind === 'file' || stat?.kind === 'symlink';
  if (!stat || !isLeaf) throw changed(path, stat ? 'it is something else by now' : 'it is gone');
  if (versionOf(stat) !== expected) throw changed(path, 'it changed since it was looked at');
  return stat;
}

/** Gives the user's file its place again. Whatever comes back instead of ours is the user's too, and kept. */
async function undoExchange(
  { item, stage, stat }: StagedFile,
  real: string,
  { root, versions }: PublishContext,
): Promise<void> {
  try {
    await root.rename(stage, real, 'exchange');
  } catch {
    // Ours was removed or moved away in that moment: then the name may be free, or another's.
    await versions.giveBack(root, stage, item.path);
    return;
  }
  const back = await root.stat(stage);
  const isOurs =
    back?.ino === stat.ino && back.sizeBytes === stat.sizeBytes && back.mtimeNs === stat.mtimeNs;
  if (back && !isOurs) await versions.giveBack(root, stage, item.path);
}

/** A version that has lost its name, what it is, and why. */
export interface Displaced {
  readonly path: SyncPath;
  readonly stat: NodeStat;
  readonly displacement: Displacement | undefined;
}

/** Moves a displaced version into the version store, and says what it was when it came there. */
export async function keepDisplaced(
  from: string,
  { path, stat, displacement }: Displaced,
  { root, versions }: PublishContext,
): Promise<PutAway> {
  return {
    path,
    stored: await versions.keep(root, from, path, displacement),
    ino: `${stat.ino}`,
    sizeBytes: stat.sizeBytes,
    mtimeNs: `${stat.mtimeNs}`,
    ...(displacement === undefined ? {} : { displacement }),
  };
}

/** `now` is what was found under the name right after it got it. */
function publishedEntry(
  { item, stat }: StagedFile,
  now: NodeStat | null,
  { root }: PublishContext,
): FileEntry {
  const after = now?.ino === stat.ino ? { ...stat, ctimeNs: now.ctimeNs, links: now.links } : stat;
  const entry = entryOf(item.path, after, root);
  if (entry.kind !== 'file') throw new FerryError('INTERNAL', `${item.path}: staged as no file`);
  return { ...entry, version: versionAfterChange(stat, after) };
}
