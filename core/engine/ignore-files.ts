import type { Side } from '../model/entry.ts';
import { nameOf, parentPath, type SyncPath } from '../model/path.ts';
import type { Replica } from '../ports.ts';
import type { Records } from '../records/records.ts';
import { IGNORE_FILE, IgnoreRules, type IgnoreSource, type IsIgnored } from './ignore-rules.ts';
import { readWhole } from './read-whole.ts';
import type { SideView } from './side-view.ts';

/** Files of rules can hide each other; after so many observations no more are looked for. */
const MAX_ROUNDS = 5;
const NOTE = 'ignore-files';

export interface IgnoreFilesOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  readonly records: Records;
  /** The pair's own patterns; they come after those of the file in the root. */
  readonly ignore: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * The rules in all files of that name, as they are on the local side, and on the remote one where the local side has
 * none. They are known before anything is observed, so that both sides are seen by the same rules: what a new rule
 * leaves out vanishes from both at once, and nothing is taken for deleted.
 */
export class IgnoreFiles {
  readonly #options: IgnoreFilesOptions;
  readonly #lines = new Map<SyncPath, readonly string[]>();
  #rules: IgnoreRules;
  #noted: readonly SyncPath[] = [];
  #rounds = 0;

  private constructor(options: IgnoreFilesOptions) {
    this.#options = options;
    this.#rules = rulesOf([], options.replicas);
  }

  /**
   * Reads the file in the root and those that earlier runs have found.
   * @throws CONFIG_INVALID when one is too large or has a regular expression that is none; LOCAL_*, REMOTE_*
   */
  static async load(options: IgnoreFilesOptions): Promise<IgnoreFiles> {
    const files = new IgnoreFiles(options);
    const noted = (await options.records.notes.read<readonly SyncPath[]>(NOTE)) ?? [];
    files.#noted = noted;
    await files.#read(new Set([IGNORE_FILE as SyncPath, ...noted]));
    return files;
  }

  isIgnored: IsIgnored = (path, isDirectory) => this.#rules.isIgnored(path, isDirectory);

  /** The lines of each file. */
  get lines(): ReadonlyMap<SyncPath, readonly string[]> {
    return this.#lines;
  }

  /** The rules with their sources, in words. */
  get rules(): IgnoreRules {
    return this.#rules;
  }

  /**
   * Takes in the files that were seen for the first time. Returns whether there were any: then both sides have to be
   * observed again.
   */
  async learn(views: Readonly<Record<Side, SideView>>): Promise<boolean> {
    const found = new Set<SyncPath>();
    for (const view of [views.local, views.remote])
      for (const [path, { kind }] of view.entries)
        if (kind === 'file' && nameOf(path) === IGNORE_FILE && !this.#lines.has(path))
          found.add(path);
    this.#rounds++;
    if (found.size === 0 || this.#rounds > MAX_ROUNDS) return false;
    await this.#read(found);
    return true;
  }

  /** Notes where files are, for the next run; becomes durable with the records. */
  note(): void {
    const paths = [...this.#lines.keys()].sort();
    if (JSON.stringify(paths) === JSON.stringify(this.#noted)) return;
    this.#options.records.notes.put(NOTE, paths);
    this.#noted = paths;
  }

  async #read(paths: Iterable<SyncPath>): Promise<void> {
    for (const path of paths) {
      const text = await this.#text(path);
      if (text !== null) this.#lines.set(path, text.split(/\r?\n/));
    }
    this.#compile();
  }

  async #text(path: SyncPath): Promise<string | null> {
    const { replicas, signal } = this.#options;
    const own = await readWhole(replicas.local, path, signal);
    // One in the remote root that is not here yet is found when that side is observed: it costs no request then.
    const isAsked = path === IGNORE_FILE && this.#rounds === 0;
    const found = own ?? (isAsked ? null : await readWhole(replicas.remote, path, signal));
    return found?.toString('utf8') ?? null;
  }

  #compile(): void {
    const { ignore, replicas } = this.#options;
    const sources = [...this.#lines].map(([path, lines]): IgnoreSource => {
      const directory = parentPath(path);
      return { directory, lines, nameOf: (line) => `${path}:${line}` };
    });
    this.#rules = rulesOf([...sources, settingsSource(ignore)], replicas);
  }
}

/** Returns the patterns of a pair's settings as a source of rules. */
export function settingsSource(lines: readonly string[]): IgnoreSource {
  return { lines, nameOf: () => 'pair settings' };
}

/** Returns rules for a pair; the built-in ones count unless the local side does without them. */
export function rulesOf(
  sources: readonly IgnoreSource[],
  { local }: Readonly<Record<Side, Replica>>,
): IgnoreRules {
  return new IgnoreRules(sources, { builtIn: local.hidesTemporaryNames !== true });
}
