import type { ChunkList, ChunkOptions } from '../../core/chunks.ts';
import { chunkAverageFor } from '../../core/model/chunk-average.ts';
import type { ContentHash } from '../../core/model/entry.ts';
import { throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { SafeRoot } from '../../native/index.ts';
import { readError, requireSame, type Source } from './read-file.ts';

/**
 * Cuts a regular file of the expected version into chunks.
 * @throws CHANGED, LOCAL_PERMISSION, LOCAL_IO
 */
export async function chunksOfFile(
  root: SafeRoot,
  path: SyncPath,
  real: string,
  { averageBytes, expected, signal }: ChunkOptions,
): Promise<ChunkList> {
  throwIfAborted(signal);
  const source: Source = { root, path, real, expected };
  try {
    const average = averageBytes ?? chunkAverageFor((await root.stat(real))?.sizeBytes ?? 0);
    const cut = await root.chunkFile(real, average, signal === undefined ? {} : { signal });
    requireSame(cut.before, source);
    requireSame(cut.after, source);
    const { sizeBytes } = cut.before;
    return { hash: cut.hash as ContentHash, sizeBytes, averageBytes: average, chunks: cut.chunks };
  } catch (error) {
    throw readError(error, path);
  }
}
