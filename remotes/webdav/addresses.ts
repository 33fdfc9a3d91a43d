import { FerryError } from '../../core/model/errors.ts';
import {
  isValidName,
  parentPath,
  parseSyncPath,
  ROOT,
  type SyncPath,
} from '../../core/model/path.ts';

/**
 * Turns paths into addresses below one collection, and a server's hrefs into paths. No text of a server becomes a
 * path but through `pathOf`.
 */
export class Addresses {
  readonly base: URL;
  readonly #baseSegments: readonly string[];
  /** Names that the server has in another normal form than NFC, by path. */
  readonly #rawNames = new Map<SyncPath, string>();

  /** @throws CONFIG_INVALID for anything but an http(s) URL without query */
  constructor(url: string) {
    this.base = collectionUrl(url);
    this.#baseSegments = (decodedSegments(this.base.pathname) ?? []).filter((name) => name !== '');
  }

  /** Returns the address of a path; `isCollection` ends it with a slash, as RFC 4918 section 5.2 asks. */
  urlOf(path: SyncPath, isCollection = false): URL {
    if (path === ROOT) return new URL(this.base);
    const encoded = this.#names(path).map(encodeURIComponent).join('/');
    return new URL(`${this.base.href}${encoded}${isCollection ? '/' : ''}`);
  }

  /** Returns a path as the server has it, as text: how the bodies of the companion server's own requests name things. */
  plainPathOf(path: SyncPath): string {
    return this.#names(path).join('/');
  }

  /**
   * Returns the path that an href names: decoded once, `..` and slashes in names refused. Scheme and host are not
   * looked at, as servers behind a proxy often know them wrong. Null: not a usable path below the collection.
   */
  pathOf(href: string): SyncPath | null {
    const segments = decodedSegments(pathnameOf(href));
    if (segments === null) return null;
    const { length } = this.#baseSegments;
    const names = segments.filter((name, index) => name !== '' || index < segments.length - 1);
    const below = names.slice(length);
    if (!this.#baseSegments.every((name, index) => sameName(name, names[index]))) return null;
    if (!below.every(isValidName)) return null;
    const path = parseSyncPath(below.join('/'));
    this.#remember(path, below);
    return path;
  }

  /** Tells whether something directly in the directory has another name on the server than in paths. */
  hasRawNamesIn(directory: SyncPath): boolean {
    for (const path of this.#rawNames.keys()) if (parentPath(path) === directory) return true;
    return false;
  }

  #remember(path: SyncPath, rawNames: readonly string[]): void {
    const raw = rawNames.at(-1);
    if (raw === undefined) return;
    if (raw !== raw.normalize('NFC')) this.#rawNames.set(path, raw);
    else if (this.#rawNames.size > 0) this.#rawNames.delete(path);
  }

  #names(path: SyncPath): readonly string[] {
    const names = path.split('/');
    if (this.#rawNames.size === 0) return names;
    return names.map((name, index) => {
      const upTo = names.slice(0, index + 1).join('/') as SyncPath;
      return this.#rawNames.get(upTo) ?? name;
    });
  }
}

function collectionUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new FerryError('CONFIG_INVALID', `not the address of a WebDAV folder: ${text}`);
  url.username = '';
  url.password = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function pathnameOf(href: string): string {
  const withoutOrigin = href.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return withoutOrigin.replace(/[?#].*$/s, '').replace(/^\//, '');
}

function decodedSegments(pathname: string): string[] | null {
  try {
    return pathname.replace(/^\//, '').split('/').map(decodeURIComponent);
  } catch {
    // A stray % or bytes that are no UTF-8: not a name that Ferry could ask for again.
    return null;
  }
}

function sameName(expected: string, actual: string | undefined): boolean {
  return actual !== undefined && expected.normalize('NFC') === actual.normalize('NFC');
}
