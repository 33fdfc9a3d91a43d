import * as fs from 'node:fs';
import type { FileEntry, Version } from '../../core/model/entry.ts';
import { FerryError } from '../../core/model/errors.ts';
import { parentPath, ROOT, type SyncPath } from '../../core/model/path.ts';
import type { Replica, WriteItem } from '../../core/ports.ts';
import { openSafeRoot, type SafeRoot } from '../../native/index.ts';
import { translated } from './errno.ts';
import { runFolderTime, VERSIONS } from './version-store.ts';

/** An earlier version of a file, as a sync put it away. */
export interface StoredVersion {
  /** Names the version among those of its path: the folder of the run that put it away. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly keptAtMs: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

async function inFolder<T>(
  absolutePath: string,
  path: SyncPath,
  use: (root: SafeRoot) => Promise<T>,
): Promise<T> {
  return translated(path, 'look for versions of', async () => {
    const root = await openSafeRoot(absolutePath);
    try {
      return await use(root);
    } finally {
      await root.close();
    }
  });
}

/** Returns the kept versions of a file in the folder `absolutePath`, the latest first. */
export function listVersions(
  absolutePath: string,
  path: SyncPath,
): Promise<readonly StoredVersion[]> {
  return inFolder(absolutePath, path, async (root) => {
    if (!(await root.stat(VERSIONS))) return [];
    const versions: StoredVersion[] = [];
    for (const { name } of await root.list(VERSIONS)) {
      const keptAtMs = runFolderTime(name ?? '');
      const stat = Number.isNaN(keptAtMs) ? null : await root.stat(`${VERSIONS}/${name}/${path}`);
      if (name === null || stat?.kind !== 'file') continue;
      versions.push({ id: name, keptAtMs, sizeBytes: stat.sizeBytes, mtimeNs: stat.mtimeNs });
    }
    // Runs of one second are numbered: -2 came after the first, -10 after -2.
    const order = new Intl.Collator('en', { numeric: true });
    return versions.sort((a, b) => b.keptAtMs - a.keptAtMs || order.compare(b.id, a.id));
  });
}

export interface RestoreOptions {
  readonly absolutePath: string;
  readonly path: SyncPath;
  /** Id of one of `listVersions`. */
  readonly version: string;
  /** The replica of the same folder. */
  readonly replica: Replica;
}

/**
 * Writes a kept version back to its path. What is there now goes to the version store itself, and the kept version
 * stays, so that nothing is lost by a restore.
 * @throws LOCAL_NOT_FOUND when there is no such version, CHANGED when the file is edited meanwhile
 */
export async function restoreVersion(options: RestoreOptions): Promise<FileEntry> {
  const { absolutePath, path, replica, version } = options;
  const stored = (await listVersions(absolutePath, path)).find(({ id }) => id === version);
  if (!stored)
    throw new FerryError('LOCAL_NOT_FOUND', `${path}: no version ${version} is kept of it`, {
      path,
    });
  await makeParents(replica, path);
  const current = await replica.stat(path);
  if (current?.kind === 'directory')
    throw new FerryError('CHANGED', `${path}: a directory is there now; move it away first`, {
      path,
    });
  const item: WriteItem = {
    path,
    expected: current?.version ?? 'absent',
    sizeBytes: stored.sizeBytes,
    mtimeNs: stored.mtimeNs,
    sourceVersion: stored.id as Version,
    open: async () => contentOf(absolutePath, path, `${VERSIONS}/${stored.id}/${path}`),
  };
  for await (const [result] of replica.writeMany([item])) {
    if (!result) continue;
    if ('error' in result) throw result.error;
    return result.entry;
  }
  throw new FerryError('INTERNAL', `${path}: the version was not written`, { path });
}

async function makeParents(replica: Replica, path: SyncPath): Promise<void> {
  const parent = parentPath(path);
  if (parent === ROOT || (await replica.stat(parent)) !== null) return;
  await makeParents(replica, parent);
  await replica.makeDirectory(parent);
}

async function* contentOf(
  absolutePath: string,
  path: SyncPath,
  stored: string,
): AsyncIterable<Uint8Array> {
  const fd = await inFolder(absolutePath, path, (root) => root.open(stored, fs.constants.O_RDONLY));
  yield* fs.createReadStream('', { fd });
}
