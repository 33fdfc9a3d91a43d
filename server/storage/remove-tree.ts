import type { SafeRoot } from '../../native/safe-root.ts';
import { errnoOf } from '../dav-error.ts';
import { isHiddenName } from '../request-path.ts';

const PARALLEL = 16;

/** Something below a removed collection that could not be removed. */
export interface Leftover {
  readonly path: string;
  readonly error: unknown;
}

/**
 * Removes a file, a link itself, or a whole directory, and returns what could not be removed. What is gone already
 * counts as removed. With `keepHidden`, a folder of Ferry's own below is left where it is, and with it its parents.
 */
export async function removeTree(
  root: SafeRoot,
  path: string,
  keepHidden = false,
): Promise<readonly Leftover[]> {
  try {
    const stat = await root.stat(path);
    if (stat === null) return [];
    if (stat.kind === 'directory') return await removeDirectory(root, path, keepHidden);
    await root.removeFile(path);
    return [];
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? [] : [{ path, error }];
  }
}

async function removeDirectory(
  root: SafeRoot,
  path: string,
  keepHidden: boolean,
): Promise<readonly Leftover[]> {
  const leftovers: Leftover[] = [];
  const files: string[] = [];
  for (const { name, rawName, stat } of await root.list(path)) {
    const child = `${path}/${name ?? rawName}`;
    if (name === null) leftovers.push({ path: child, error: new Error('its name is not UTF-8') });
    else if (keepHidden && isHiddenName(name))
      leftovers.push({ path: child, error: Object.assign(new Error('kept'), { code: 'EPERM' }) });
    else if (stat !== null && stat.kind !== 'directory') files.push(child);
    else leftovers.push(...(await removeTree(root, child, keepHidden)));
  }
  for (let at = 0; at < files.length; at += PARALLEL) {
    const group = files.slice(at, at + PARALLEL);
    const results = await Promise.all(group.map((file) => removeOne(root, file)));
    leftovers.push(...results.filter((result) => result !== null));
  }
  if (leftovers.length === 0) await root.removeDirectory(path);
  return leftovers;
}

async function removeOne(root: SafeRoot, path: string): Promise<Leftover | null> {
  try {
    await root.removeFile(path);
    return null;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : { path, error };
  }
}
