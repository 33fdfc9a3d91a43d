import type { FileEntry, Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Displacement } from '../../core/ports.ts';
import { codeOf, type NodeStat, type SafeRoot } from '../../native/index.ts';
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

/** A staged file that got its name, and the version that it took the place of. */
export interface Published {
  readonly entry: FileEntry;
  readonly displaced: PutAway | null;
}

/**
 * Gives a staged file its name: a new one only if that is free, an existing one by an exchange, after which the
 * displaced file is looked at. If it is not the expected one, an edit slipped in between the check and the exchange:
 * then everything is put back.
 * @throws CHANGED, or the translated errno; the staged file is gone then
 */
export async function publish(staged: StagedFile, context: PublishContext): Promise<Published> {
  const { path, expected } = staged.item;
  const { root } = context;
  try {
    if (expected === 'absent') await publishNew(staged, context);
    const displaced = expected === 'absent' ? null : await publishOver(staged, expected, context);
    return { entry: await publishedEntry(staged, context), displaced };
  } catch (error) {
    await removeOwn(root, staged);
    throw ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')
      ? changed(path, 'its directory is no longer there')
      : folderError(error, path, 'write');
  }
}

/** Removes the staged file unless an exchange has left something else under its name. */
async function removeOwn(root: SafeRoot, { stage, stat }: StagedFile): Promise<void> {
  const left = await root.stat(stage);
  if (left?.ino === stat.ino) await removeIfThere(root, stage);
}

async function publishNew({ item, stage }: StagedFile, { root, names }: PublishContext) {
  await root.rename(stage, names.realPath(item.path), 'no-replace');
}

async function publishOver(
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

async function publishedEntry(
  { item, stat }: StagedFile,
  { root, names }: PublishContext,
): Promise<FileEntry> {
  const now = await root.stat(names.realPath(item.path));
  const after = now?.ino === stat.ino ? { ...stat, ctimeNs: now.ctimeNs, links: now.links } : stat;
  const entry = entryOf(item.path, after, root);
  if (entry.kind !== 'file') throw new FerryError('INTERNAL', `${item.path}: staged as no file`);
  return { ...entry, version: versionAfterChange(stat, after) };
}
