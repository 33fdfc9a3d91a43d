import { systemError } from './system-error.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;
/** An empty, `.` or `..` segment. */
const NO_NAME = /(?:^|\/)\.{0,2}(?:\/|$)/u;

/**
 * Returns `text` when it is a path that a SafeRoot takes: relative, without empty, `.` or `..` segments, NUL and lone
 * surrogates (which UTF-8 cannot carry: they would reach another name); '' is the root.
 * @throws EINVAL
 */
export function parseRelativePath(text: string): string {
  if (text === '') return text;
  const usable = !text.includes('\0') && !LONE_SURROGATE.test(text) && !NO_NAME.test(text);
  if (!usable) throw systemError('EINVAL', 'path', text);
  return text;
}

/**
 * As `parseRelativePath`, for what acts on a name in a directory: the root has none.
 * @throws EINVAL
 */
export function parseChildPath(text: string): string {
  if (text === '') throw systemError('EINVAL', 'path', text);
  return parseRelativePath(text);
}

/** Returns the directory of a path and its last name. */
export function splitPath(path: string): readonly [directory: string, name: string] {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)];
}
