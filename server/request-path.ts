import { isValidName, PRIVATE_FOLDER } from '../core/model/path.ts';
import { DavError } from './dav-error.ts';

/**
 * A path below the served directory: segments joined by `/`, none of them empty, `.`, `..` or private; '' is the
 * root. Unlike a SyncPath it is not normalised: it names exactly the bytes on the disk.
 */
export type ResourcePath = string & { readonly __brand: 'ResourcePath' };

/** The served directory itself. */
export const ROOT_PATH = '' as ResourcePath;

/** What a request target names. */
export interface ParsedTarget {
  readonly path: ResourcePath;
  readonly hasTrailingSlash: boolean;
}

// macOS and Windows find `.FERRY` under the name `.ferry`.
const isCaseBlind = process.platform !== 'linux';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What fingerprints of listings leave out; nothing else begins like this: no name has a NUL in it. */
export const HIDDEN_NAMES = { folder: PRIVATE_FOLDER, prefix: '\0' };

/** Tells whether `name` is Ferry's own folder, which no request sees or reaches. */
export function isHiddenName(name: string): boolean {
  return name === PRIVATE_FOLDER || (isCaseBlind && name.toLowerCase() === PRIVATE_FOLDER);
}

/**
 * Returns the resource that a request target names: `/a/b`, or an absolute URI, whose authority is not looked at.
 * Percent signs are decoded once; a slash, NUL or dot segment hidden behind them is refused like a bare one.
 * @throws DavError 400 for what is not a path below the root, 404 for Ferry's own folder
 */
export function parseTarget(target: string): ParsedTarget {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length) || '/';
  if (rest.includes('#')) throw new DavError(400, 'a request target has no fragment');
  const query = rest.indexOf('?');
  const text = query < 0 ? rest : rest.slice(0, query);
  if (!text.startsWith('/')) throw new DavError(400, 'a request target begins with a slash');
  if (text === '/') return { path: ROOT_PATH, hasTrailingSlash: true };
  const hasTrailingSlash = text.endsWith('/');
  const segments = text.slice(1, hasTrailingSlash ? -1 : undefined).split('/');
  const names = segments.map(parseSegment);
  if (names.some(isHiddenName)) throw new DavError(404, 'nothing is there');
  return { path: names.join('/') as ResourcePath, hasTrailingSlash };
}

/**
 * Returns the resource that a plain path below a collection names, as the bodies of Ferry's own requests have it: names
 * joined by slashes, not percent-encoded; null for Ferry's own folder.
 * @throws DavError 400 for what is not a path below the collection
 */
export function parseBelow(collection: ResourcePath, text: string): ResourcePath | null {
  const names = text.split('/');
  const wrong = names.find((name) => !isValidName(name));
  if (wrong !== undefined) throw unusableName(wrong);
  return names.some(isHiddenName) ? null : childOf(collection, text);
}

/**
 * Returns the resource that a `Destination` header or a tagged `If` list names.
 * @throws DavError 400 as parseTarget, 502 when it is on another server
 */
export function parseReference(reference: string, host: string | undefined): ParsedTarget {
  const absolute = /^https?:\/\/([^/?#]*)/i.exec(reference);
  const authority = absolute?.[1];
  // The scheme is not compared: a proxy in front may speak TLS where this server does not.
  if (authority !== undefined && withoutDefaultPort(authority) !== withoutDefaultPort(host ?? ''))
    throw new DavError(502, 'the destination is on another server');
  return parseTarget(reference);
}

function withoutDefaultPort(authority: string): string {
  return authority.toLowerCase().replace(/:(?:80|443)?$/, '');
}

/** Returns the URL path of a resource; collections end with a slash. */
export function hrefOf(path: string, isCollection: boolean): string {
  if (path === '') return '/';
  const href = `/${path.split('/').map(encodeSegment).join('/')}`;
  return isCollection ? `${href}/` : href;
}

const PLAIN = /^[\w.~!$'()*,:@-]*$/;

/** Returns one name percent-encoded for a URL path. */
export function encodeSegment(name: string): string {
  return PLAIN.test(name) ? name : encodeURIComponent(name);
}

/** Returns the path of `name` in the collection `parent`. */
export function childOf(parent: ResourcePath, name: string): ResourcePath {
  return (parent === '' ? name : `${parent}/${name}`) as ResourcePath;
}

/** Returns the collection that holds `path`. */
export function parentOf(path: ResourcePath): ResourcePath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as ResourcePath;
}

/** Tells whether `path` lies below `ancestor`, which itself does not count. */
export function isBelow(path: string, ancestor: string): boolean {
  return ancestor === '' ? path !== '' : path.startsWith(`${ancestor}/`);
}

function parseSegment(segment: string): string {
  const name = segment.includes('%') || /[^\x20-\x7e]/.test(segment) ? decode(segment) : segment;
  if (!isValidName(name)) throw unusableName(name);
  return name;
}

function unusableName(name: string): DavError {
  return new DavError(400, `not a usable name in a path: ${JSON.stringify(name)}`);
}

/** Node hands a target over as latin1, so each character is one byte of the UTF-8 that was sent. */
function decode(segment: string): string {
  const bytes = Buffer.alloc(segment.length);
  let length = 0;
  for (let at = 0; at < segment.length; at++) {
    let code = segment.charCodeAt(at);
    if (code === 0x25) {
      const digits = segment.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits))
        throw new DavError(400, 'broken percent-encoding in a path');
      code = Number.parseInt(digits, 16);
      at += 2;
    }
    if (code > 0xff) throw new DavError(400, 'a path is sent as percent-encoded UTF-8');
    bytes[length++] = code;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch (error) {
    throw new DavError(400, 'a name in a path is not UTF-8', { cause: error });
  }
}
