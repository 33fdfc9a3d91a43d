import type { SyncPath } from '../../core/model/path.ts';
import { inOrder, runFolderTime } from '../../core/model/version-folder.ts';
import type { Displacement, StoredVersion } from '../../core/ports.ts';
import type { SafeRoot } from '../../native/index.ts';
import { privatePath, readLines } from './private-files.ts';

/** Where replaced and removed files are kept, one folder for each run. */
export const VERSIONS = privatePath('versions');

/** What is noted beside a run's folder about one version in it. */
export interface VersionNote {
  readonly path: SyncPath;
  readonly cause: Displacement['cause'];
  readonly run: number;
  /** Where it is, when its own path was too long to be kept below the folder. */
  readonly stored?: string;
}

/** Returns the file with the notes about a folder. */
export function notesFile(folder: string): string {
  return `${VERSIONS}/${folder}.ndjson`;
}

function isNote(line: unknown): line is VersionNote {
  const { path, cause, run } = line as Partial<VersionNote>;
  return typeof path === 'string' && typeof cause === 'string' && typeof run === 'number';
}

/** Returns the notes about a folder's versions by their paths. */
export async function readNotes(
  root: SafeRoot,
  folder: string,
): Promise<ReadonlyMap<SyncPath, VersionNote>> {
  const lines = (await readLines(root, notesFile(folder))).filter(isNote);
  return new Map(lines.map((note) => [note.path, note]));
}

/** Returns the folders of runs, the latest first. */
export async function runFolders(root: SafeRoot): Promise<readonly string[]> {
  if (!(await root.stat(VERSIONS))) return [];
  const names: string[] = [];
  for (const { name, stat } of await root.list(VERSIONS))
    if (name !== null && stat?.kind === 'directory' && !Number.isNaN(runFolderTime(name)))
      names.push(name);
  return inOrder(names);
}

/** Returns where a version is, on the disk; null when it is gone. */
export async function placeOf(
  root: SafeRoot,
  { id, path }: Pick<StoredVersion, 'id' | 'path'>,
): Promise<string | null> {
  const own = `${VERSIONS}/${id}/${path}`;
  const stat = await root.stat(own).catch(() => null); // longer than a path may be: then it is noted where it is
  if (stat !== null && stat.kind !== 'directory') return own;
  return (await readNotes(root, id)).get(path)?.stored ?? null;
}
