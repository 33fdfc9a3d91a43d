import type { ContentHash, FileEntry, Side } from '../model/entry.ts';
import type { Replica } from '../ports.ts';
import { CHUNKED_BYTES } from '../records/chunk-shelf.ts';
import type { Records } from '../records/records.ts';
import { orNull } from '../transfer/or-null.ts';

export interface HashByChunksOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly signal: AbortSignal;
  readonly onBytes: (side: Side, count: number) => void;
  readonly onSpared: (count: number) => void;
}

/**
 * Returns the hash of a large file together with what it is cut into, which the next edit will need; null where that is
 * of no use, or the side does not tell. A side far away cuts the file itself: only the list travels.
 */
export async function hashByChunks(
  side: Side,
  { path, sizeBytes, version }: FileEntry,
  { replicas, records, signal, onBytes, onSpared }: HashByChunksOptions,
): Promise<ContentHash | null> {
  const isFarApart = replicas.local.isDistant === true || replicas.remote.isDistant === true;
  if (!isFarApart || sizeBytes < CHUNKED_BYTES) return null;
  const replica = replicas[side];
  const cut = replica.chunksOf?.(path, { expected: version, signal });
  const list = (await cut?.catch(orNull)) ?? null;
  if (list === null || list.sizeBytes !== sizeBytes) return null;
  records.chunks.note(list);
  const travelled = replica.isDistant ? list.chunks.length : sizeBytes;
  onBytes(side, travelled);
  onSpared(sizeBytes - travelled);
  return list.hash;
}
