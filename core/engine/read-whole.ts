import type { SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';

const LIMIT_BYTES = 1024 * 1024;

/** Reads a small file of a replica; null when there is none, it is no file, or it is larger than 1 MiB. */
export async function readWhole(
  replica: Replica,
  path: SyncPath,
  signal?: AbortSignal,
): Promise<Buffer | null> {
  const options = signal === undefined ? {} : { signal };
  const entry = await replica.stat(path, options);
  if (entry?.kind !== 'file' || entry.sizeBytes > LIMIT_BYTES) return null;
  const { stream } = await replica.read(path, { expected: entry.version, ...options });
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
