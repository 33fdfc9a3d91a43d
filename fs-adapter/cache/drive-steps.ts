import { FerryError, throwIfAborted, toFerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Observation } from '../../core/observation.ts';
import { entryOf } from './drive-entry.ts';
import type { DriveEntry, DriveFile, DriveSpecial } from './drive-tree.ts';

/** What sync can know of. */
export type SyncedEntry = Exclude<DriveEntry, DriveSpecial>;

/** Does one after the other; one that fails does not stop the others. */
export async function each<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly (R | FerryError)[]> {
  const answers: (R | FerryError)[] = [];
  for (const item of items) answers.push(await work(item).catch(toFerryError));
  return answers;
}

/** Returns what the engine sees of an entry: of a file that is being written, what it was when it was last closed. */
export function observationOf(entry: SyncedEntry, path: SyncPath): Observation {
  if (entry.kind !== 'file' || entry.closed === null)
    return { type: 'entry', entry: entryOf(entry, path) };
  if (entry.closed !== 'never')
    return { type: 'entry', entry: entryOf({ ...entry, ...entry.closed }, path) };
  const message = `${path} is being written; it is taken up when it is closed`;
  const error = new FerryError('LOCAL_BUSY', message, { path });
  return { type: 'problem', path, error };
}

/** Returns what a change of the tree expects an entry to be. */
export function expectationOf(entry: DriveEntry): number | 'directory' {
  return entry.kind === 'directory' ? 'directory' : entry.counter;
}

/** @throws LOCAL_BUSY */
export function mustBeClosed({ writers }: DriveFile, path: SyncPath): void {
  if (writers === 0) return;
  const message = `${path} is open for writing; it is synced when it is closed`;
  throw new FerryError('LOCAL_BUSY', message, { path });
}

/** Lets what the tree refuses name the path. */
export function atPath<T>(path: SyncPath, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FerryError) || error.path !== undefined) throw error;
    throw new FerryError(error.code, `${path}: ${error.message}`, { path, cause: error });
  }
}

/** Stops waiting, not the work: others may wait for the same content. */
export async function unlessAborted(
  work: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return work;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  throwIfAborted(signal);
}

/** Says that a precondition does not hold. */
export function changed(path: SyncPath, what: string): FerryError {
  return new FerryError('CHANGED', `${path}: ${what}`, { path });
}
