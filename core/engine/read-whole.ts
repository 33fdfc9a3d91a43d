import { FerryError } from '../model/errors.ts';
import type { SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';

const LIMIT_BYTES = 1024 * 1024;

/**
 * Reads a small file of a replica; null when there is none, or it is no file.
 * @throws CONFIG_INVALID when it is larger than 1 MiB
 */
export async function readWhole(
  replica: Replica,
  path: SyncPath,
  signal?: AbortSignal,
): Promise<Buffer | null> {
  const options = signal === undefined ? {} : { signal };
  const entry = await replica.stat(path, options);
  if (entry?.kind !== 'file') return null;
  if (entry.sizeBytes > LIMIT_BYTES)
    throw new FerryError(
      'CONFIG_INVALID',
      `${path} is larger than 1 MiB, so it is not read; shorten it`,
      {
        path,
      },
    );
  const { stream } = await replica.read(path, { expected: entry.version, ...options });
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
