import type { ContentHash, Side } from '../model/entry.ts';
import { toFerryError } from '../model/errors.ts';
import type { Logger, Replica, StoredVersion, VersionShelf } from '../ports.ts';
import type { Records } from '../records/records.ts';
import { hashStream } from '../transfer/verified-stream.ts';

export interface PruneVersionsOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Lets both sides remove kept versions that are past their time or have no room. A failure is logged, and no more. */
export async function pruneVersions(options: PruneVersionsOptions): Promise<void> {
  const { logger, records, replicas, signal } = options;
  for (const side of ['local', 'remote'] as const) {
    const shelf = replicas[side].versions;
    try {
      await shelf?.prune({
        signal,
        reached: (versions) => recorded(versions, shelf, records, signal),
      });
    } catch (caught) {
      const error = toFerryError(caught);
      if (error.code !== 'ABORTED')
        logger.warn('old versions could not be removed', { side, reason: error.message });
    }
  }
}

/** Returns the versions whose content is recorded: then both sides have it. Only sizes that are recorded are read. */
async function recorded(
  versions: readonly StoredVersion[],
  shelf: VersionShelf,
  records: Records,
  signal: AbortSignal,
): Promise<ReadonlySet<StoredVersion>> {
  const hashes = new Map<number, Set<ContentHash>>(
    versions.map(({ sizeBytes }) => [sizeBytes, new Set()]),
  );
  for await (const rows of records.committed())
    for (const { hash, sizeBytes } of rows)
      if (hash !== undefined) hashes.get(sizeBytes)?.add(hash);
  const found = new Set<StoredVersion>();
  for (const version of versions) {
    const { kind, path, sizeBytes } = version;
    const known = hashes.get(sizeBytes);
    if (kind !== 'file' || !known || known.size === 0) continue;
    const { stream } = await shelf.read(version, { signal });
    if (known.has(await hashStream(stream, { path, sizeBytes }))) found.add(version);
  }
  return found;
}
