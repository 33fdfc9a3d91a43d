import ignore, { type Ignore } from 'ignore';
import { FerryError } from '../model/errors.ts';
import { parentPath, ROOT, type SyncPath } from '../model/path.ts';

/** File with further patterns in gitignore syntax, for the directory that it is in and all below. */
export const IGNORE_FILE = '.ferryignore';

/** Begins a line that is a regular expression over the whole path from the directory of its file. */
const EXPRESSION_LINE = /^(!?)re:(.*)$/s;

/** Scratch files of editors, desktops and systems; `!pattern` in a pair's own patterns brings one back. */
const DEFAULT_PATTERNS: readonly string[] = [
  '.DS_Store',
  '._.DS_Store',
  'Thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  '*~',
  '.*.sw[a-p]',
  '4913',
  '.#*',
  '\\#*\\#',
  '.~lock.*\\#',
  '~$*',
  '.goutputstream-*',
  '.nfs[0-9a-f]*',
  '.fuse_hidden*',
  '.Trash-*',
  '.ferry-tmp-*',
];

export type IsIgnored = (path: string, isDirectory: boolean) => boolean;

/** Why a path is ignored. */
export interface IgnoredBy {
  /** As it is written. */
  readonly rule: string;
  /** `built in`, `pair settings`, or a file and line: `.ferryignore:3`. */
  readonly source: string;
}

/** Lines of patterns for one directory and all below; those of deeper directories win, and of one the later ones. */
export interface IgnoreSource {
  /** Absent: the root. */
  readonly directory?: SyncPath;
  readonly lines: readonly string[];
  readonly nameOf: (lineNumber: number) => string;
}

interface Verdict {
  readonly ignored: boolean;
  readonly by: IgnoredBy;
}

type Decide = (relativePath: string) => Verdict | null;

/** Compiled once, as far as they are asked: a run with few files would spend much of its time on them. */
const BUILT_IN = ignore({ ignorecase: false }).add(
  DEFAULT_PATTERNS.map((pattern) => ({ pattern, mark: 'built in' })),
);
/** Most names are seen to be none of the built-in ones by their first and last characters. */
const FIRST_OF_SCRATCH = new Set(
  DEFAULT_PATTERNS.map((pattern) => pattern.replace('\\', '').charAt(0)),
);
const LAST_OF_SCRATCH = new Set(
  DEFAULT_PATTERNS.filter((pattern) => pattern.startsWith('*')).map((pattern) => pattern.at(-1)),
);

/** Tells whether a path's last name, in a directory that is not ignored, needs a look at all built-in patterns. */
function mayBeScratch(path: string): boolean {
  const end = path.endsWith('/') ? path.length - 1 : path.length;
  const first = path.charAt(path.lastIndexOf('/', end - 1) + 1);
  return FIRST_OF_SCRATCH.has(first) || LAST_OF_SCRATCH.has(path.charAt(end - 1));
}

/** Verdicts about directories are kept, up to so many. */
const MAX_KEPT = 20_000;

/** What is ignored, and by which rule. */
export class IgnoreRules {
  readonly #byDirectory = new Map<string, Decide[]>();
  readonly #ofDirectories = new Map<string, IgnoredBy | null>();

  /**
   * Rules with the built-in ones, unless `builtIn` is false.
   * @throws CONFIG_INVALID when a regular expression is not one
   */
  constructor(sources: readonly IgnoreSource[], options: { readonly builtIn?: boolean } = {}) {
    if (options.builtIn ?? true) {
      const decide = decidedByPatterns(ignore({ ignorecase: false }).add(BUILT_IN));
      this.#byDirectory.set(ROOT, [(path) => (mayBeScratch(path) ? decide(path) : null)]);
    }
    for (const source of sources) {
      const { directory = ROOT } = source;
      const deciders = this.#byDirectory.get(directory) ?? [];
      deciders.push(...decidersOf(source));
      this.#byDirectory.set(directory, deciders);
    }
  }

  isIgnored: IsIgnored = (path, isDirectory) => this.ignoredBy(path, isDirectory) !== null;

  /** Returns the rule that makes a path ignored; nothing is brought back that is in an ignored directory. */
  ignoredBy(path: string, isDirectory: boolean): IgnoredBy | null {
    const parent = parentPath(path as SyncPath);
    return (parent === ROOT ? null : this.#ofDirectory(parent)) ?? this.#own(path, isDirectory);
  }

  #ofDirectory(path: SyncPath): IgnoredBy | null {
    const known = this.#ofDirectories.get(path);
    if (known !== undefined) return known;
    const by = this.ignoredBy(path, true);
    if (this.#ofDirectories.size >= MAX_KEPT) this.#ofDirectories.clear();
    this.#ofDirectories.set(path, by);
    return by;
  }

  /** The last rule of the deepest directory that says anything counts. */
  #own(path: string, isDirectory: boolean): IgnoredBy | null {
    for (let directory = parentPath(path as SyncPath); ; directory = parentPath(directory)) {
      const deciders = this.#byDirectory.get(directory) ?? [];
      const relative = directory === ROOT ? path : path.slice(directory.length + 1);
      for (const decide of deciders.toReversed()) {
        const verdict = decide(isDirectory ? `${relative}/` : relative);
        if (verdict !== null) return verdict.ignored ? verdict.by : null;
      }
      if (directory === ROOT) return null;
    }
  }
}

/**
 * Returns the test for ignored paths: defaults, then `lines` (gitignore syntax, later ones win; `re:` begins a
 * regular expression over the whole path).
 * @throws CONFIG_INVALID when a regular expression is not one
 */
export function compileIgnoreRules(lines: readonly string[]): IsIgnored {
  return new IgnoreRules([{ lines, nameOf: () => 'pair settings' }]).isIgnored;
}

/** Lines of patterns that follow each other are one decider: what they say of one path hangs together. */
function decidersOf({ lines, nameOf }: IgnoreSource): readonly Decide[] {
  const deciders: Decide[] = [];
  let patterns: Ignore | null = null;
  for (const [index, line] of lines.entries()) {
    const source = nameOf(index + 1);
    const [, not, expression] = EXPRESSION_LINE.exec(line) ?? [];
    if (expression === undefined) {
      if (patterns === null) {
        patterns = ignore({ ignorecase: false });
        deciders.push(decidedByPatterns(patterns));
      }
      patterns.add({ pattern: line, mark: source });
      continue;
    }
    patterns = null;
    const compiled = compileExpression(expression, source);
    const verdict = { ignored: not === '', by: { rule: line, source } };
    deciders.push((path) => (compiled.test(path.replace(/\/$/, '')) ? verdict : null));
  }
  return deciders;
}

function decidedByPatterns(patterns: Ignore): Decide {
  return (path) => {
    const { ignored, unignored, rule } = patterns.test(path);
    if (!ignored && !unignored) return null;
    return { ignored, by: { rule: rule?.pattern ?? '', source: rule?.mark ?? 'built in' } };
  };
}

function compileExpression(expression: string, source: string): RegExp {
  try {
    return new RegExp(expression, 'u');
  } catch (error) {
    throw new FerryError(
      'CONFIG_INVALID',
      `the ignore pattern re:${expression} (${source}) is no regular expression; correct it`,
      { cause: error },
    );
  }
}
