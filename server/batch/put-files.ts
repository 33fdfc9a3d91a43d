import { forEachLimited } from '../../core/transfer/pool.ts';
import { hashesOf } from '../../core/transfer/verified-stream.ts';
import type { NodeStat } from '../../native/safe-root.ts';
import type { BatchResult, PutEntry } from '../../protocol/batch.ts';
import { DavError, errnoOf, toDavError } from '../dav-error.ts';
import { etagOf, fileIdOf, isSameContent } from '../etag.ts';
import { isKeepableTime } from '../methods/write-headers.ts';
import { parentOf } from '../request-path.ts';
import { disposeOf } from '../storage/dispose.ts';
import { requireSpace } from '../storage/space.ts';
import { DEFAULT_MODE } from '../storage/stage.ts';
import { swapExpected } from '../storage/swap.ts';
import { type Change, failure, type Group, modeOf, modeText, notAsExpected } from './group.ts';

const AT_ONCE = 8;

/** A file whose content is complete in the stage. */
export interface StagedPut {
  readonly change: Change<PutEntry>;
  /** Where it is. */
  readonly place: string;
  readonly stat: NodeStat;
}

/** Checks the contents of a group and puts them into the stage, durably; what is not sound is refused. */
export async function stagePuts(group: Group): Promise<readonly StagedPut[]> {
  const { root, sync } = group.exchange.site;
  const sound = await withRoom(group, await soundOnes(group));
  if (sound.length === 0) return [];
  const files = await Promise.all(sound.map(async (change) => fileOf(group, change)));
  const made = await root.createFiles(files);
  const staged = sound.flatMap((change, index): readonly StagedPut[] => {
    const [stat, place] = [made[index], files[index]?.path];
    if (stat !== undefined && place !== undefined && !('errno' in stat))
      return [{ change, place, stat }];
    group.refuse(change, failure(stat));
    return [];
  });
  try {
    await sync.everything();
    return staged;
  } catch (error) {
    await discardPuts(group, staged);
    throw error;
  }
}

/** Removes what is still in the stage. */
export async function discardPuts(group: Group, staged: readonly StagedPut[]): Promise<void> {
  const { root } = group.exchange.site;
  await forEachLimited(staged, AT_ONCE, async ({ place }) => {
    await root.removeFile(place).catch(() => undefined); // what stays is swept at the next start
  });
}

/** Gives the staged files their names, each only where its condition holds in that very moment. */
export async function publishPuts(group: Group, staged: readonly StagedPut[]): Promise<void> {
  await createAll(
    group,
    staged.filter(({ change }) => change.entry.if === 'absent'),
  );
  const replacing = staged.filter(({ change }) => change.entry.if !== 'absent');
  await forEachLimited(replacing, AT_ONCE, async (one) => {
    try {
      await replace(group, one);
    } catch (error) {
      await refuse(group, one, error);
    }
  });
}

/** Returns the puts whose contents came as they were sent; the others are refused. */
async function soundOnes(group: Group): Promise<readonly Change<PutEntry>[]> {
  const hashes = await hashesOf(group.puts.map(({ content }) => content));
  return group.puts.filter((change, index) => {
    if (hashes[index] === change.entry.hash) return true;
    const message = `/${change.path}: the content has another hash than it should`;
    group.refuse(change, new DavError(422, message));
    return false;
  });
}

async function withRoom(
  group: Group,
  changes: readonly Change<PutEntry>[],
): Promise<readonly Change<PutEntry>[]> {
  const bytes = changes.reduce((sum, { content }) => sum + content.length, 0);
  try {
    await requireSpace(group.exchange.site, bytes);
    return changes;
  } catch (error) {
    for (const change of changes) group.refuse(change, error);
    return [];
  }
}

async function fileOf({ stage, exchange }: Group, { entry, path, content }: Change<PutEntry>) {
  // A file that takes the place of another keeps its permission bits unless others are named.
  const keepsMode = entry.mode === undefined && entry.if !== 'absent';
  const before = keepsMode ? await exchange.site.look(path) : null;
  const mode = modeOf(entry) ?? (before === null ? DEFAULT_MODE : before.mode & 0o777);
  return { path: stage.freshPath(), content, mode, ...timeOf(entry) };
}

function timeOf({ mtime }: PutEntry): { mtimeNs?: bigint } {
  if (mtime === undefined) return {};
  const mtimeNs = BigInt(mtime);
  if (!isKeepableTime(mtimeNs)) throw new DavError(400, 'a time is out of range');
  return { mtimeNs };
}

async function createAll(group: Group, staged: readonly StagedPut[]): Promise<void> {
  const { exchange } = group;
  // No await between these checks and the renames' start: a lock granted later does not cover them.
  const allowed = staged.filter(({ change }) => group.isUnlocked(change, { membership: true }));
  const pairs = allowed.map(({ place, change }) => ({ from: place, to: change.path }));
  const renamed = pairs.length === 0 ? [] : await exchange.site.root.renameFiles(pairs);
  await discardPuts(
    group,
    staged.filter((one) => !allowed.includes(one)),
  );
  for (const [index, one] of allowed.entries()) {
    const stat = renamed[index];
    if (stat !== undefined && !('errno' in stat)) await finish(group, one, stat, 201);
    else await refuse(group, one, failure(stat));
  }
}

async function replace(group: Group, one: StagedPut): Promise<void> {
  const { exchange } = group;
  const { change, place } = one;
  const { path, entry } = change;
  const { site } = exchange;
  const current = await site.look(path);
  if (current?.kind === 'directory') throw isCollection(path);
  if (current === null || etagOf(current) !== entry.if) throw notAsExpected(path);
  exchange.requireUnlocked(path);
  if (!(await swapExpected(site.root, place, path, current))) throw notAsExpected(path);
  const isOnlyCopy = entry.onlyCopy === true;
  const kept = await disposeOf(site, place, { path, isOnlyCopy });
  for (const directory of kept?.changed ?? []) group.changed.add(directory);
  await finish(group, one, await site.root.stat(path), 204, kept?.id);
}

/** Notes a file that has its name; `found` is what has that name now. */
async function finish(
  group: Group,
  { change, stat }: StagedPut,
  found: NodeStat | null,
  status: number,
  kept?: string,
): Promise<void> {
  const { path } = change;
  const { properties } = group.exchange.site;
  group.changed.add(parentOf(path));
  if (status === 201 && properties.of(path).size > 0) await properties.forget(path);
  if (found !== null && isSameContent(found, stat))
    group.done(change, { ...stateOf(found), status, ...(kept === undefined ? {} : { kept }) });
  else
    group.refuse(change, new DavError(409, `/${path} was changed as soon as it had been stored`));
}

function stateOf(stat: NodeStat): Omit<BatchResult, 'status'> {
  return {
    etag: etagOf(stat),
    id: fileIdOf(stat),
    mtime: `${stat.mtimeNs}`,
    mode: modeText(stat.mode),
  };
}

async function refuse(group: Group, one: StagedPut, error: unknown): Promise<void> {
  const { change } = one;
  group.refuse(change, await reasonOf(group, one, error));
  // What a swap put back by itself is another program's file by now; only our own is removed.
  if (change.entry.if === 'absent' || error instanceof DavError) await discardPuts(group, [one]);
  else group.exchange.site.logger.warn('a staged file stays until the next start');
}

async function reasonOf(group: Group, { change }: StagedPut, error: unknown): Promise<unknown> {
  const { path, entry } = change;
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return entry.if === 'absent'
        ? new DavError(409, `/${path} cannot be stored: its parent collection does not exist`)
        : notAsExpected(path);
    case 'EEXIST': {
      const found = await group.exchange.site.look(path);
      if (found === null) return new DavError(403, `/${path} is taken by what is not shared`);
      return found.kind === 'directory' ? isCollection(path) : notAsExpected(path);
    }
    default:
      return toDavError(error, path, 'storing');
  }
}

function isCollection(path: string): DavError {
  return new DavError(405, `/${path} is a collection and cannot be replaced by a file`);
}
