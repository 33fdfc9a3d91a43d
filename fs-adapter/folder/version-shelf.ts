import { FerryError, throwIfAborted } from '../../core/model/errors.ts';
import type { KeepVersions } from '../../core/model/keep-versions.ts';
import { childPath, isAtOrBelow, type SyncPath } from '../../core/model/path.ts';
import { holdsOnlyCopies, runFolderTime } from '../../core/model/version-folder.ts';
import type {
  Clock,
  Content,
  Logger,
  PruneOptions,
  PruneResult,
  StoredVersion,
  VersionShelf,
  WriteItem,
} from '../../core/ports.ts';
import type { NodeStat, SafeRoot } from '../../native/index.ts';
import { translated } from './errno.ts';
import { versionOf } from './node-version.ts';
import { VersionPruning } from './prune-versions.ts';
import { keepDisplaced } from './publish.ts';
import { readFolderFile } from './read-file.ts';
import type { RealNames } from './real-names.ts';
import type { Stage } from './stage.ts';
import { placeOf, readNotes, runFolders, VERSIONS, type VersionNote } from './version-folders.ts';
import { folderOf, type VersionStore } from './version-store.ts';

export interface FolderVersionsOptions {
  readonly root: () => Promise<SafeRoot>;
  readonly store: VersionStore;
  readonly stage: Stage;
  readonly names: RealNames;
  readonly keep: KeepVersions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The version store of a folder, to be looked at, read and pruned. */
export class FolderVersions implements VersionShelf {
  readonly #options: FolderVersionsOptions;
  readonly #pruning: VersionPruning;

  constructor(options: FolderVersionsOptions) {
    this.#options = options;
    this.#pruning = new VersionPruning(options, this);
  }

  async *list(
    path: SyncPath,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<readonly StoredVersion[]> {
    const root = await this.#options.root();
    const folders = await translated(path, 'look for versions of', () => runFolders(root));
    for (const folder of folders) {
      throwIfAborted(signal);
      const found = await translated(path, 'look for versions of', () =>
        versionsIn(root, folder, path),
      );
      if (found.length > 0) yield found;
    }
  }

  async find(path: SyncPath, id: string): Promise<StoredVersion | null> {
    if (Number.isNaN(runFolderTime(id))) return null;
    const root = await this.#options.root();
    return translated(path, 'look for a version of', async () => {
      const place = await placeOf(root, { id, path });
      const stat = place === null ? null : await root.stat(place);
      if (place === null || (stat?.kind !== 'file' && stat?.kind !== 'symlink')) return null;
      const found = storedVersion(id, path, stat, undefined);
      return stat.kind === 'symlink' ? { ...found, target: await root.readLink(place) } : found;
    });
  }

  async read(
    version: StoredVersion,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Content> {
    const root = await this.#options.root();
    const { id, path } = version;
    const place = await translated(path, 'read a version of', () => placeOf(root, version));
    const stat = place === null ? null : await root.stat(place);
    if (place === null || stat?.kind !== 'file')
      throw new FerryError('LOCAL_NOT_FOUND', `${path}: its version ${id} is not kept any more`, {
        path,
      });
    return readFolderFile(root, path, place, { expected: versionOf(stat), ...options });
  }

  async keep(item: WriteItem): Promise<string> {
    const { root: open, stage, store: versions, names } = this.#options;
    const { path, displacement } = item;
    const root = await open();
    return translated(path, 'keep a version of', async () => {
      const { signal } = new AbortController();
      const staged = await stage.fill(root, item, names.realPath(path), signal);
      const { stat } = staged;
      const put = await keepDisplaced(
        staged.stage,
        { path, stat, displacement },
        { root, names, versions },
      );
      await versions.note(root, [put]);
      await root.syncFileSystem();
      return folderOf(put.stored);
    });
  }

  prune(options: PruneOptions): Promise<PruneResult> {
    return this.#pruning.prune(options);
  }
}

/** Returns what a run's folder holds at and below `path`. */
async function versionsIn(
  root: SafeRoot,
  folder: string,
  path: SyncPath,
): Promise<readonly StoredVersion[]> {
  const found: [SyncPath, string, NodeStat][] = [];
  const visit = async (at: SyncPath, real: string): Promise<void> => {
    for (const { name, stat } of await root.list(real)) {
      if (name === null || stat === null) continue;
      const child = childPath(at, name);
      if (stat.kind === 'directory') await visit(child, `${real}/${name}`);
      else found.push([child, `${real}/${name}`, stat]);
    }
  };
  const top = path === '' ? `${VERSIONS}/${folder}` : `${VERSIONS}/${folder}/${path}`;
  const stat = await root.stat(top).catch(() => null); // too long a path: see the notes
  const notes = await readNotes(root, folder);
  if (stat?.kind === 'directory') await visit(path, top);
  else if (stat) found.push([path, top, stat]);
  const isElsewhere = new Set<string>();
  for (const note of notes.values()) {
    if (note.stored === undefined) continue;
    isElsewhere.add(note.stored);
    const own = isAtOrBelow(note.path, path) ? await root.stat(note.stored) : null;
    if (own) found.push([note.path, note.stored, own]);
  }
  const versions: StoredVersion[] = [];
  for (const [at, real, each] of found) {
    if (isElsewhere.has(real) && notes.get(at)?.stored !== real) continue;
    if (each.kind !== 'file' && each.kind !== 'symlink') continue;
    const target = each.kind === 'symlink' ? { target: await root.readLink(real) } : {};
    versions.push({ ...storedVersion(folder, at, each, notes.get(at)), ...target });
  }
  return versions;
}

function storedVersion(
  folder: string,
  path: SyncPath,
  stat: NodeStat,
  note: VersionNote | undefined,
): StoredVersion {
  return {
    path,
    id: folder,
    kind: stat.kind === 'symlink' ? 'symlink' : 'file',
    keptAtMs: runFolderTime(folder),
    sizeBytes: stat.sizeBytes,
    mtimeNs: stat.mtimeNs,
    cause: note?.cause ?? null,
    run: note?.run ?? null,
    isOnlyCopy: holdsOnlyCopies(folder),
  };
}
