/** Methods that change nothing. */
export type ReadMethod = 'OPTIONS' | 'GET' | 'HEAD' | 'PROPFIND' | 'REPORT' | 'POST';

/** Methods that a read-only server refuses. */
export type WriteMethod =
  | 'PUT'
  | 'PATCH'
  | 'DELETE'
  | 'MKCOL'
  | 'COPY'
  | 'MOVE'
  | 'PROPPATCH'
  | 'LOCK'
  | 'UNLOCK';

const READING: readonly ReadMethod[] = ['OPTIONS', 'GET', 'HEAD', 'PROPFIND', 'REPORT', 'POST'];
const WRITING: readonly WriteMethod[] = [
  'PUT',
  'PATCH',
  'DELETE',
  'MKCOL',
  'COPY',
  'MOVE',
  'PROPPATCH',
  'LOCK',
  'UNLOCK',
];

/** Returns the methods that there are for somebody who sees the site so. */
export function allowedMethods({ readOnly }: { readonly readOnly: boolean }): readonly string[] {
  return readOnly ? READING : [...READING, ...WRITING];
}
