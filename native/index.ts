// The face of native/: what Node lacks for working safely inside one directory.
import { loadAddon } from './addon.ts';
import type { ContentHasher } from './content.ts';
import { hashAtOnce, PlainHasher } from './javascript-content.ts';
import { JavascriptRoot } from './javascript-root.ts';
import { PooledHasher } from './native-content.ts';
import { NativeRoot } from './native-root.ts';
import type { SafeRoot } from './safe-root.ts';
import { systemError } from './system-error.ts';

export type { ContentHasher, ContentOptions, FileRange } from './content.ts';
export { parseRelativePath } from './relative-path.ts';
export type {
  ChunkedFile,
  DirectoryItem,
  DirectoryListing,
  Failure,
  HashedFile,
  NewDirectory,
  NewFile,
  NodeStat,
  PrivateNames,
  ReadRequest,
  RenameMode,
  RenameRequest,
  SafeRoot,
  SmallFile,
  SurveyOptions,
  SurveyRequest,
} from './safe-root.ts';
export { surveyAhead } from './survey-ahead.ts';
export { codeOf, systemError } from './system-error.ts';
export type { TreeEvent } from './tree-events.ts';
export { TreeWatch, type TreeWatchOptions } from './tree-watch.ts';

/** Less is hashed sooner than a task is begun. */
const WORTH_A_TASK_BYTES = 64 * 1024;

/** Tells whether the addon is built and this kernel has what it needs. */
export function isNativeAvailable(): boolean {
  return loadAddon() !== null;
}

/** Returns a hasher of contents: on the addon, where large parts are hashed by the thread pool, or on this thread. */
export function createHasher(): ContentHasher {
  const addon = loadAddon();
  return addon ? new PooledHasher(addon) : new PlainHasher();
}

/**
 * Returns the BLAKE3-256 of each content, as 64 lower-case hexadecimal digits: small ones side by side, in one task of
 * the thread pool. They must stay as they are until then.
 */
export async function hashEach(contents: readonly Uint8Array[]): Promise<readonly string[]> {
  let bytes = 0;
  for (const { length } of contents) bytes += length;
  const addon = contents.length > 1 && bytes >= WORTH_A_TASK_BYTES ? loadAddon() : null;
  if (addon === null) return contents.map(hashAtOnce);
  const digits = (await addon.hashEach(contents)).toString('hex');
  return contents.map((_, index) => digits.slice(index * 64, index * 64 + 64));
}

/**
 * Opens an existing directory as a SafeRoot: on the addon where it can be used, else on node:fs with the same
 * guarantees. `backend` asks for one of the two.
 * @throws ENOENT, ENOTDIR, EACCES; ENOSYS when the addon is asked for and cannot be used
 */
export async function openSafeRoot(
  absolutePath: string,
  options: { readonly backend?: 'native' | 'javascript' } = {},
): Promise<SafeRoot> {
  const addon = options.backend === 'javascript' ? null : loadAddon();
  if (addon) return NativeRoot.open(addon, absolutePath);
  if (options.backend === 'native') throw systemError('ENOSYS', 'openat2', absolutePath);
  return JavascriptRoot.open(absolutePath);
}
