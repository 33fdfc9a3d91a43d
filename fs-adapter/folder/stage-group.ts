import { FerryError } from '../../core/model/errors.ts';
import type { WriteItem, WriteOptions, WriteResult } from '../../core/ports.ts';
import { forEachLimited } from '../../core/transfer/pool.ts';
import { systemError } from '../../native/index.ts';
import { finalMode, type StagedFile, stageError, writtenMode, wrongLength } from './stage.ts';
import type { GroupContext } from './write-group.ts';

const STATS_AT_ONCE = 8;

/** What came of a group: files that are complete beside the tree, and why others are not. */
export interface StagedGroup {
  readonly staged: readonly StagedFile[];
  readonly failed: readonly WriteResult[];
}

/** Reads the contents of small items in one step and writes them beside the tree in another; one failing stops no other. */
export async function stageGroup(
  items: readonly WriteItem[],
  contents: NonNullable<WriteOptions['contents']>,
  context: GroupContext,
  signal: AbortSignal,
): Promise<StagedGroup> {
  const failed: WriteResult[] = [];
  const fail = (item: WriteItem, error: unknown): void => {
    failed.push({ item, error: stageError(item, error) });
  };
  try {
    const read = await contents(items, signal);
    const whole: { readonly item: WriteItem; readonly content: Uint8Array }[] = [];
    for (const [index, item] of items.entries()) {
      const content = read[index] ?? new FerryError('INTERNAL', `${item.path}: it was not read`);
      if (content instanceof FerryError) fail(item, content);
      else if (content.length === item.sizeBytes) whole.push({ item, content });
      else fail(item, wrongLength(item, content.length));
    }
    return { staged: await createAll(whole, context, fail), failed };
  } catch (error) {
    return { staged: [], failed: items.map((item) => ({ item, error: stageError(item, error) })) };
  }
}

async function createAll(
  files: readonly { readonly item: WriteItem; readonly content: Uint8Array }[],
  { root, names, stage }: GroupContext,
  fail: (item: WriteItem, error: unknown) => void,
): Promise<readonly StagedFile[]> {
  const modes = new Map<WriteItem, number>();
  const without = files.filter(({ item }) => item.mode === undefined && item.expected !== 'absent');
  await forEachLimited(without, STATS_AT_ONCE, async ({ item }) => {
    modes.set(item, await finalMode(root, item, names.realPath(item.path)));
  });
  const places = await stage.places(root, files.length);
  const created = await root.createFiles(
    files.map(({ item, content }, index) => ({
      path: places[index] as string,
      content,
      mode: modes.get(item) ?? writtenMode(item.mode),
      ...(item.mtimeNs === undefined ? {} : { mtimeNs: item.mtimeNs }),
    })),
  );
  return files.flatMap(({ item }, index): StagedFile[] => {
    const stat = created[index] ?? { errno: 'EIO' };
    if (!('errno' in stat)) return [{ item, stage: places[index] as string, stat }];
    fail(item, systemError(stat.errno, 'create', item.path));
    return [];
  });
}
