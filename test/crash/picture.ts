import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authorOf } from './workload.ts';

/** What one side holds. */
export interface Picture {
  /** Path to `directory`, to who wrote the content, or to `nobody's …` for a content that nobody wrote. */
  readonly entries: ReadonlyMap<string, string>;
  /** Path to what changes with every write. */
  readonly stats: ReadonlyMap<string, string>;
  /** Who wrote what the version store keeps. */
  readonly kept: ReadonlySet<string>;
  /** Names that only exist while something is under way. */
  readonly residue: readonly string[];
}

const PRIVATE = '.ferry';
const VERSIONS = `${PRIVATE}/versions`;
const TEMPORARY = '.ferry-tmp-';
const CONFLICT = / \(conflict [^()]*\)( \d+)?/;

/** Tells whether a path is that of a conflict copy. */
export function isConflictCopy(path: string): boolean {
  return CONFLICT.test(path);
}

/** Walks a root and gathers its picture. */
class Gathering implements Picture {
  readonly entries = new Map<string, string>();
  readonly stats = new Map<string, string>();
  readonly kept = new Set<string>();
  readonly residue: string[] = [];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async gather(): Promise<this> {
    const stage = `${PRIVATE}/stage`;
    for (const left of await below(join(this.#root, stage))) this.residue.push(`${stage}/${left}`);
    for (const path of await below(join(this.#root, VERSIONS))) await this.#keep(path);
    await this.#visit('');
    return this;
  }

  async #visit(path: string): Promise<void> {
    for (const name of (await readdir(join(this.#root, path))).sort()) {
      const at = path === '' ? name : `${path}/${name}`;
      if (at === PRIVATE) continue;
      if (name.startsWith(TEMPORARY)) this.residue.push(at);
      const stat = await lstat(join(this.#root, at), { bigint: true });
      if (stat.isDirectory()) {
        this.entries.set(at, 'directory');
        await this.#visit(at);
      } else {
        this.entries.set(at, await authorAt(join(this.#root, at)));
        this.stats.set(at, `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`);
      }
    }
  }

  async #keep(path: string): Promise<void> {
    const at = join(this.#root, VERSIONS, path);
    if ((await lstat(at)).isFile()) this.kept.add(await authorAt(at));
  }
}

async function authorAt(absolutePath: string): Promise<string> {
  const content = await readFile(absolutePath);
  const begin = content.toString('latin1', 0, 60);
  return authorOf(content) ?? `nobody's ${content.length} bytes ${JSON.stringify(begin)}`;
}

/** Returns the picture of a root. */
export function pictureOf(root: string): Promise<Picture> {
  return new Gathering(root).gather();
}

/** Returns the paths of all files below a directory; none when it is not there. */
export async function below(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory, { recursive: true })).map(String).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Returns the picture as lines that are equal when two sides are, whenever their conflict copies were made. */
export function linesOf({ entries }: Picture): readonly string[] {
  return [...entries]
    .map(([path, content]) => `${path.replace(CONFLICT, ' (conflict)')}: ${content}`)
    .sort();
}

/** Returns the lines that only one of two pictures has, each with a sign of which one; empty when they are equal. */
export function unlike(found: readonly string[], expected: readonly string[]): readonly string[] {
  const left = [...expected];
  const added = found.filter((line) => {
    const index = left.indexOf(line);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
  return [...left.map((line) => `- ${line}`), ...added.map((line) => `+ ${line}`)];
}
