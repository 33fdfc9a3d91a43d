import ignore from 'ignore';
import { DEFAULT_PATTERNS, REGEXP_PREFIX } from './ignore-rules.ts';

/** Why a path is ignored. */
export interface IgnoredBy {
  /** As it is written. */
  readonly rule: string;
  /** `built in`, `pair settings`, or a file and line: `.ferryignore:3`. */
  readonly source: string;
}

/** Lines of patterns, and where each comes from. */
export interface IgnoreSource {
  readonly lines: readonly string[];
  readonly nameOf: (lineNumber: number) => string;
}

/** Returns the rule that makes a path ignored; null when none does. The sources are in the order in which they are compiled. */
export function ignoredBy(
  path: string,
  isDirectory: boolean,
  sources: readonly IgnoreSource[],
): IgnoredBy | null {
  const builtIn: IgnoreSource = { lines: DEFAULT_PATTERNS, nameOf: () => 'built in' };
  const patterns = ignore({ ignorecase: false });
  for (const { lines, nameOf } of [builtIn, ...sources])
    for (const [index, line] of lines.entries()) {
      const source = nameOf(index + 1);
      if (!line.startsWith(REGEXP_PREFIX)) patterns.add({ pattern: line, mark: source });
      else if (new RegExp(line.slice(REGEXP_PREFIX.length), 'u').test(path))
        return { rule: line, source };
    }
  const { ignored, rule } = patterns.test(isDirectory ? `${path}/` : path);
  return ignored && rule ? { rule: rule.pattern, source: rule.mark ?? 'built in' } : null;
}
