import type { Site } from '../site.ts';
import { removeTree } from './remove-tree.ts';

/**
 * Keeps what lies at `taken` and was at `path`, or removes it where nothing is kept; returns the directories to be made
 * durable. What cannot be removed stays in the stage until the next start.
 */
export async function dispose(
  { logger, root, versions }: Pick<Site, 'logger' | 'root' | 'versions'>,
  taken: string,
  path: string,
): Promise<readonly string[]> {
  const changed = (await versions?.keep(taken, path)) ?? null;
  if (changed !== null) return changed;
  const leftovers = await removeTree(root, taken);
  if (leftovers.length > 0)
    logger.warn('replaced content could not be removed from the stage', {
      count: leftovers.length,
    });
  return [];
}
