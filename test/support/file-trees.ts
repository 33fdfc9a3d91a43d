import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a file is compared by: size, hash, and its time where asked for. */
export type TreeListing = Readonly<Record<string, string>>;

export interface ListTreeOptions {
  /** Compare modification times: in whole ms, or in whole seconds as servers tell them. */
  readonly times?: 'ms' | 's' | null;
  /** Names left out at any depth; `.ferry` and servers' own folders by default. */
  readonly without?: readonly string[];
}

/** Lists a folder recursively: path to a line that is equal when the entries are. Symbolic links are left out. */
export async function listTree(
  directory: string,
  { times = null, without = ['.ferry', '.DAV'] }: ListTreeOptions = {},
): Promise<TreeListing> {
  const found: Record<string, string> = {};
  const describeFile = async (path: string): Promise<string> => {
    const content = await readFile(join(directory, path));
    const { mtimeMs } = await lstat(join(directory, path));
    const time = times === null ? '' : ` ${Math.trunc(times === 's' ? mtimeMs / 1000 : mtimeMs)}`;
    return `${content.length} ${createHash('sha256').update(content).digest('hex')}${time}`;
  };
  const visit = async (path: string): Promise<void> => {
    const items = await readdir(join(directory, path), { withFileTypes: true });
    for (const item of items.filter(({ name }) => !without.includes(name))) {
      const at = path === '' ? item.name : `${path}/${item.name}`;
      if (item.isFile()) found[at] = await describeFile(at);
      if (!item.isDirectory()) continue;
      found[`${at}/`] = '';
      await visit(at);
    }
  };
  await visit('');
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Returns the paths in which two listings differ, with what each says; empty when they are equal. */
export function differences(left: TreeListing, right: TreeListing): readonly string[] {
  const paths = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...paths]
    .filter((path) => left[path] !== right[path])
    .map((path) => `${path}: ${left[path] ?? 'missing'} | ${right[path] ?? 'missing'}`);
}

/** Makes `files` files with odd names, nested directories, sizes from 0 to some 10 kB and times in the past. */
export async function makeTree(directory: string, files: number, seed = 1): Promise<void> {
  for (let index = 0; index < files; index++) {
    const folder = join(
      directory,
      `dir ${index % 17}`,
      index % 5 === 0 ? `ünter ${index % 3}` : '.',
    );
    await mkdir(folder, { recursive: true });
    const size = index % 11 === 0 ? 0 : (index * 7919 * seed) % 9000;
    const content = Buffer.alloc(size, `${seed}:${index} `);
    const path = join(folder, `file #${index} 100%.txt`);
    await writeFile(path, content);
    const time = 1_500_000_000 + index * 1000 + 0.25;
    await utimes(path, time, time);
  }
}
