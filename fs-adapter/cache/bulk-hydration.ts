import {
  type ErrorCode,
  type FerryError,
  throwIfAborted,
  toFerryError,
} from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { ContentHydrations } from './content-hydrations.ts';
import type { DriveEntry, DriveFile, DriveTree } from './drive-tree.ts';
import { filesBelow } from './walk.ts';

export interface BulkOptions {
  readonly tree: Pick<DriveTree, 'children' | 'entry' | 'pathOf'>;
  readonly hydrations: Pick<ContentHydrations, 'hydrate'>;
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

/** So many files are fetched at a time. */
const AT_A_TIME = 4;
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
  const files = filesBelow(tree, start);
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
  const lane = async (): Promise<void> => {
    while (end === null) {
      const next = await files.next();
      if (next.done) return;
      const isMissing = next.value.state === 'placeholder' && (isWanted?.(next.value) ?? true);
      if (isMissing) await fetchOne(next.value);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  if (end !== null) throw end;
  return failures;
}
