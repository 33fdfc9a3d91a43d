import ignore from 'ignore';
import { FerryError } from '../model/errors.ts';

/** File in the local root with further patterns in gitignore syntax. */
export const IGNORE_FILE = '.ferryignore';

/** Begins a line that is a regular expression over the whole path. */
export const REGEXP_PREFIX = 're:';

/** Scratch files of editors, desktops and systems; `!pattern` in a pair's own patterns brings one back. */
export const DEFAULT_PATTERNS: readonly string[] = [
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

/**
 * Returns the test for ignored paths: defaults, then `lines` (gitignore syntax, later ones win; `re:` begins a
 * regular expression over the whole path).
 * @throws CONFIG_INVALID when a regular expression is not one
 */
export function compileIgnoreRules(lines: readonly string[]): IsIgnored {
  const patterns = ignore({ ignorecase: false }).add([...DEFAULT_PATTERNS]);
  const expressions: RegExp[] = [];
  for (const line of lines) {
    if (!line.startsWith(REGEXP_PREFIX)) patterns.add(line);
    else expressions.push(compileExpression(line.slice(REGEXP_PREFIX.length)));
  }
  return (path, isDirectory) =>
    expressions.some((expression) => expression.test(path)) ||
    patterns.ignores(isDirectory ? `${path}/` : path);
}

function compileExpression(source: string): RegExp {
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    throw new FerryError('CONFIG_INVALID', `ignore pattern re:${source} is no regular expression`, {
      cause: error,
    });
  }
}
