import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import { isHiddenName } from '../request-path.ts';

const PARALLEL = 16;

/** Something below a removed collection that could not be removed. */
export interface Leftover {
  readonly path: string;
  readonly error: unknown;
}

export interface RemoveOptions {
  /** Leaves a folder of Ferry's own below where it is, and with it its parents. */
  readonly keepHidden?: boolean;
  /** Takes a file away in another manner than removing it. */
  readonly takeFile?: (path: string) => Promise<void>;
}

/**
 * Removes a file, a link itself, or a whole directory, and returns what could not be removed. What is gone already
 * counts as removed.
 */
export async function removeTree(
  root: SafeRoot,
  path: string,
  options: RemoveOptions = {},
): Promise<readonly Leftover[]> {
  try {
    const stat = await root.stat(path);
    if (stat === null) return [];
    if (stat.kind === 'directory') return await removeDirectory(root, path, options);
    await takeFileOf(root, options)(path);
    return [];
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? [] : [{ path, error }];
  }
}

function takeFileOf(root: SafeRoot, { takeFile }: RemoveOptions): (path: string) => Promise<void> {
  return takeFile ?? ((path) => root.removeFile(path));
}

async function removeDirectory(
  root: SafeRoot,
  path: string,
  options: RemoveOptions,
): Promise<readonly Leftover[]> {
  const leftovers: Leftover[] = [];
  const files: string[] = [];
  for (const { name, rawName, stat } of await root.list(path)) {
    const child = `${path}/${name ?? rawName}`;
    if (name === null) leftovers.push({ path: child, error: new Error('its name is not UTF-8') });
    else if (options.keepHidden && isHiddenName(name))
      leftovers.push({ path: child, error: Object.assign(new Error('kept'), { code: 'EPERM' }) });
    else if (stat !== null && stat.kind !== 'directory') files.push(child);
    else leftovers.push(...(await removeTree(root, child, options)));
  }
  const takeFile = takeFileOf(root, options);
  for (let at = 0; at < files.length; at += PARALLEL) {
    const group = files.slice(at, at + PARALLEL);
    const results = await Promise.all(group.map((file) => removeOne(takeFile, file)));
    leftovers.push(...results.filter((result) => result !== null));
  }
  if (leftovers.length === 0) await root.removeDirectory(path);
  return leftovers;
}

async function removeOne(
  takeFile: (path: string) => Promise<void>,
  path: string,
): Promise<Leftover | null> {
  try {
    await takeFile(path);
    return null;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : { path, error };
  }
}
