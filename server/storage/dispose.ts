import type { Exchange } from '../exchange.ts';
import type { Site } from '../site.ts';
import { removeTree } from './remove-tree.ts';
import type { Kept } from './version-store.ts';

/** Keeps or removes what a request displaced. */
export function dispose(exchange: Exchange, taken: string, path: string): Promise<Kept | null> {
  return disposeOf(exchange.site, taken, { path, isOnlyCopy: isOnlyCopy(exchange) });
}

/**
 * Keeps what lies at `taken` and was at `path`, or removes it where nothing is kept; then null. What cannot be removed
 * stays in the stage until the next start.
 */
export async function disposeOf(
  { logger, root, versions }: Pick<Site, 'logger' | 'root' | 'versions'>,
  taken: string,
  { path, isOnlyCopy }: { readonly path: string; readonly isOnlyCopy: boolean },
): Promise<Kept | null> {
  const kept = (await versions?.keep(taken, path, isOnlyCopy)) ?? null;
  if (kept !== null) return kept;
  const leftovers = await removeTree(root, taken);
  if (leftovers.length > 0)
    logger.warn('replaced content could not be removed from the stage', {
      count: leftovers.length,
    });
  return null;
}

/** The client says that what gives way is nowhere else. */
export function isOnlyCopy(exchange: Exchange): boolean {
  return exchange.header('ferry-only-copy')?.trim().toUpperCase() === 'T';
}

/** Returns the header that names a kept version. */
export function keptHeader(kept: Kept | null): Readonly<Record<string, string>> {
  return kept === null ? {} : { 'ferry-kept': kept.id };
}
