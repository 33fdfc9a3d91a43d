import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { Recipe } from '../../core/chunks.ts';
import { throwIfAborted } from '../../core/model/errors.ts';
import type { WriteItem } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/index.ts';
import { changed } from './errno.ts';
import { versionOf } from './node-version.ts';
import { withFile, writeAt } from './private-files.ts';

const truncate = promisify(fs.ftruncate);

/** Where a content is put together: the open file, its own path, and that of the file it comes out of. */
interface Assembly {
  readonly fd: number;
  readonly stage: string;
  readonly real: string;
}

/**
 * Puts an item's content together from the file that is there now and what is new. False when there is no recipe, or the
 * result is not what it was to be: then the file is empty again.
 * @throws CHANGED when the file that is there is not the expected one
 */
export async function assemble(
  root: SafeRoot,
  item: WriteItem,
  { fd, stage, real }: Assembly,
  signal: AbortSignal,
): Promise<boolean> {
  const recipe = item.expected === 'absent' ? null : await item.recipe?.(signal);
  if (!recipe) return false;
  const isWhole = await withFile(root, real, fs.constants.O_RDONLY, async (present) => {
    await requireExpected(root, present, item);
    const isLongEnough = await follow(root, recipe, { present, fd }, signal);
    await requireExpected(root, present, item);
    return isLongEnough;
  });
  if (isWhole && (await root.hashFile(stage, { signal })).hash === recipe.hash) return true;
  await truncate(fd, 0);
  return false;
}

async function requireExpected(root: SafeRoot, fd: number, item: WriteItem): Promise<void> {
  if (versionOf(await root.statDescriptor(fd)) !== item.expected)
    throw changed(item.path, 'it changed since it was looked at');
}

/** Tells whether the instructions gave exactly as many bytes as they were to. */
async function follow(
  root: SafeRoot,
  { instructions, sizeBytes }: Recipe,
  { present, fd }: { readonly present: number; readonly fd: number },
  signal: AbortSignal,
): Promise<boolean> {
  let at = 0;
  for await (const instruction of instructions) {
    throwIfAborted(signal);
    const length = 'copy' in instruction ? instruction.copy.length : instruction.data.length;
    if (at + length > sizeBytes) return false;
    if ('copy' in instruction) {
      const source = { fd: present, offset: instruction.copy.offset };
      if ((await root.copyRange(source, { fd, offset: at }, length)) !== length) return false;
    } else await writeAt(fd, instruction.data, at);
    at += length;
  }
  return at === sizeBytes;
}
