import { ROOT, type SyncPath } from '../../core/model/path.ts';
import type { DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';
import { filesBelowAll } from './walk.ts';

/** Why the content of a file was not given back. */
export type KeptReason = 'dirty' | 'open' | 'pinned' | 'conflict';

export interface KeptFile {
  readonly path: SyncPath;
  readonly reason: KeptReason;
}

/** What became of contents that were to be given back. */
export interface FreeReport {
  readonly freedFiles: number;
  readonly freedBytes: number;
  readonly keptFiles: number;
  /** The first of what was kept. */
  readonly kept: readonly KeptFile[];
}

export interface FreeOptions {
  readonly tree: Pick<DriveTree, 'children' | 'entry' | 'pathOf' | 'dehydrate'>;
  readonly isPinned: (entry: DriveEntry) => boolean;
  readonly isInConflict: (id: number) => boolean;
}

const MOST_NAMED = 1_000;

/** Gives back the contents of files, or of all files below directories, except those that must stay. */
export async function freeBelow(
  starts: readonly DriveEntry[],
  options: FreeOptions,
): Promise<FreeReport> {
  const { tree } = options;
  const kept: KeptFile[] = [];
  let keptFiles = 0;
  let freedFiles = 0;
  let freedBytes = 0;
  for await (const seen of filesBelowAll(tree, starts)) {
    const file = tree.entry(seen.id);
    if (file?.kind !== 'file') continue;
    // What is pinned is kept as a whole, whatever of it is here already.
    const reason = reasonToKeep(file, options);
    const isHere = file.storedBytes > 0 || reason === 'dirty';
    if (!isHere) continue;
    const because = reason ?? tree.dehydrate(file.id);
    if (because === null) {
      freedFiles += 1;
      freedBytes += file.storedBytes;
      continue;
    }
    keptFiles += 1;
    if (kept.length < MOST_NAMED) kept.push({ path: shownPath(tree, file), reason: because });
  }
  return { freedFiles, freedBytes, keptFiles, kept };
}

/** What has a name that is not UTF-8 in it has no path for sync; people are told where it is all the same. */
function shownPath(tree: FreeOptions['tree'], { id, parentId, name }: DriveEntry): SyncPath {
  const path = tree.pathOf(id);
  const parent = parentId === null ? null : tree.entry(parentId);
  if (path !== null || parent === null) return path ?? (name as SyncPath);
  const above = shownPath(tree, parent);
  return (above === ROOT ? name : `${above}/${name}`) as SyncPath;
}

function reasonToKeep(file: DriveFile, options: FreeOptions): KeptReason | null {
  if (file.state === 'dirty' || file.source === null) return 'dirty';
  if (options.isInConflict(file.id)) return 'conflict';
  if (options.isPinned(file)) return 'pinned';
  return file.handles > 0 ? 'open' : null;
}
