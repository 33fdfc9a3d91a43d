import {
  type ErrorCode,
  type FerryError,
  throwIfAborted,
  toFerryError,
} from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import { GROUP_BYTES } from '../../core/ports.ts';
import type { ContentHydrations } from './content-hydrations.ts';
import type { DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';
import { filesBelow } from './walk.ts';

export interface BulkOptions {
  readonly tree: Pick<DriveTree, 'children' | 'entry' | 'pathOf'>;
  readonly hydrations: Pick<ContentHydrations, 'hydrate' | 'hydrateGroup'>;
  readonly signal: AbortSignal;
  /** Called before a file is fetched; false: it is not wanted any more. */
  readonly isWanted?: (file: DriveFile) => boolean;
  /** Called with each file that is here now, and how much of it was missing. */
  readonly onFile?: (file: DriveFile, missingBytes: number) => void;
}

/** One file that could not be brought here. */
export interface NotHydrated {
  readonly path: SyncPath;
  readonly error: FerryError;
}

/** So many files, or groups of files, are fetched at a time. */
const AT_A_TIME = 4;
/** Larger files gain nothing by coming with others; a group is small enough that it can be seen how far it all is. */
const SMALL_BYTES = 256 * 1024;
const GROUP = 250;
/** Of so many files it is said why they could not be fetched. */
const MOST_FAILURES = 1_000;

/** What one file's error says about all others: there is no point in going on. */
const ENDS_ALL: ReadonlySet<ErrorCode> = new Set([
  'REMOTE_UNREACHABLE',
  'REMOTE_UNAUTHORIZED',
  'REMOTE_RATE_LIMITED',
  'LOCAL_NO_SPACE',
  'ABORTED',
]);

/**
 * Fetches all that is missing of a file, or of all files below a directory, and returns what could not be fetched.
 * @throws REMOTE_*, LOCAL_NO_SPACE, ABORTED when going on is pointless; what has come stays
 */
export async function hydrateBelow(
  start: DriveEntry,
  options: BulkOptions,
): Promise<readonly NotHydrated[]> {
  const { tree, hydrations, signal, isWanted, onFile } = options;
  const works = inGroups(filesBelow(tree, start), (file) => {
    return file.state === 'placeholder' && (isWanted?.(file) ?? true);
  });
  const failures: NotHydrated[] = [];
  let end: FerryError | null = null;
  const fetchOne = async (file: DriveFile): Promise<void> => {
    try {
      throwIfAborted(signal);
      await hydrations.hydrate(file.id, { urgency: 'background', signal });
      onFile?.(file, file.sizeBytes - file.storedBytes);
    } catch (caught) {
      const path = tree.pathOf(file.id);
      const error = toFerryError(caught, path ?? undefined);
      if (ENDS_ALL.has(error.code)) end ??= error;
      else if (path !== null && failures.length < MOST_FAILURES) failures.push({ path, error });
    }
  };
  const fetchGroup = async (files: readonly DriveFile[]): Promise<void> => {
    const failed = await hydrations.hydrateGroup(files, signal).catch(() => null);
    for (const file of files) {
      // What did not come with the others is tried alone: it says why, and whether there is a point in going on.
      if (failed === null || failed.has(file.id)) await fetchOne(file);
      else onFile?.(file, file.sizeBytes - file.storedBytes);
      if (end !== null) return;
    }
  };
  const lane = async (): Promise<void> => {
    while (end === null) {
      const next = await works.next();
      if (next.done) return;
      const [first] = next.value;
      if (next.value.length > 1) await fetchGroup(next.value);
      else if (first !== undefined) await fetchOne(first);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  if (end !== null) throw end;
  return failures;
}

/** Yields the files that are wanted: small ones together, as far as one request may bring them, large ones alone. */
async function* inGroups(
  files: AsyncIterable<DriveFile>,
  isWanted: (file: DriveFile) => boolean,
): AsyncGenerator<readonly DriveFile[], void, undefined> {
  let group: DriveFile[] = [];
  let bytes = 0;
  for await (const file of files) {
    if (!isWanted(file)) continue;
    if (file.sizeBytes > SMALL_BYTES || file.storedBytes > 0) {
      yield [file];
      continue;
    }
    if (group.length >= GROUP || bytes + file.sizeBytes > GROUP_BYTES) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(file);
    bytes += file.sizeBytes;
  }
  if (group.length > 0) yield group;
}
