import { FerryError } from '../../core/model/errors.ts';
import { parentPath } from '../../core/model/path.ts';
import type { WriteResult } from '../../core/ports.ts';
import { forEachLimited } from '../../core/transfer/pool.ts';
import type { Durability } from './durability.ts';
import { folderError } from './errno.ts';
import { removeIfThere } from './private-files.ts';
import { type PublishContext, publishNew, publishOver } from './publish.ts';
import type { Stage, StagedFile } from './stage.ts';
import type { PutAway } from './version-store.ts';

const PUBLISH_AT_ONCE = 8;

export interface GroupContext extends PublishContext {
  readonly stage: Stage;
  readonly durability: Durability;
}

/**
 * Publishes a group of staged files durably: contents to the disk, then names, then the names to the disk. A result
 * with an entry survives a power cut. When the first sync fails, nothing is published (and it is not tried again:
 * after a failed sync the kernel takes the pages for written).
 */
export async function commitGroup(
  group: readonly StagedFile[],
  context: GroupContext,
): Promise<readonly WriteResult[]> {
  const { durability, root, stage, versions } = context;
  const replaces = group.some(({ item }) => item.expected !== 'absent');
  try {
    const journal = await stage.journal(root, group);
    const files = [...group.map((staged) => staged.stage), ...(replaces ? [journal] : [])];
    await durability.sync(root, files, new Set(replaces ? [stage.folder] : []));
  } catch (error) {
    await forEachLimited(group, PUBLISH_AT_ONCE, (staged) => removeIfThere(root, staged.stage));
    return failAll(group, error);
  }
  const { results, kept } = await publishGroup(group, context);
  const directories = new Set<string>();
  for (const result of results)
    if ('entry' in result) directories.add(context.names.realPath(parentPath(result.item.path)));
  try {
    await versions.remember(root, kept);
    for (const { stored } of kept) addAncestors(stored, directories);
    await durability.sync(root, [], directories);
    return results;
  } catch (error) {
    return failAll(group, error);
  }
}

/** Gives the files of a group their names, in whatever order is the quickest. */
async function publishGroup(
  group: readonly StagedFile[],
  context: GroupContext,
): Promise<{ readonly results: readonly WriteResult[]; readonly kept: readonly PutAway[] }> {
  const results: WriteResult[] = [];
  const kept: PutAway[] = [];
  const created = group.filter(({ item }) => item.expected === 'absent');
  const published = created.length === 0 ? [] : await publishNew(created, context);
  for (const [index, { item }] of created.entries()) {
    const entry = published[index];
    if (entry instanceof FerryError) results.push({ item, error: entry });
    else if (entry) results.push({ item, entry });
  }
  await forEachLimited(group, PUBLISH_AT_ONCE, async (staged) => {
    const { item } = staged;
    if (item.expected === 'absent') return;
    try {
      const { entry, displaced } = await publishOver(staged, item.expected, context);
      kept.push(displaced);
      results.push({ item, entry });
    } catch (error) {
      results.push({ item, error: folderError(error, item.path, 'write') });
    }
  });
  return { results, kept };
}

/** Adds every directory above `path`. */
export function addAncestors(path: string, directories: Set<string>): void {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
    directories.add(path.slice(0, slash));
}

function failAll(group: readonly StagedFile[], cause: unknown): readonly WriteResult[] {
  return group.map(({ item }) => {
    const error = folderError(cause, item.path, 'make durable');
    return { item, error: new FerryError(error.code, error.message, { path: item.path, cause }) };
  });
}
