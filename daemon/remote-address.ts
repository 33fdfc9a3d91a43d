import { isAbsolute, resolve } from 'node:path';
import { FerryError } from '../core/model/errors.ts';
import type { Config, RemoteConfig } from './config.ts';
import type { Credentials } from './secrets.ts';

/** What the text REMOTE means. */
export type RemoteAddress =
  | {
      readonly kind: 'webdav';
      readonly url: string;
      /** Where its password is kept. */
      readonly secretKey: string;
      readonly remote?: RemoteConfig;
      /** True below the URL that was added: what was proven there holds here as well. */
      readonly inside: boolean;
    }
  | { readonly kind: 'folder'; readonly absolutePath: string; readonly remote?: RemoteConfig };

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const NOT_BUILT = new Set(['sftp', 'ftp', 'ftps', 's3']);

/** Returns a URL without user and password, and those by themselves. @throws CONFIG_INVALID */
export function splitCredentials(text: string): {
  readonly url: string;
  readonly credentials?: Credentials;
} {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    const hidden = text.replace(/\/\/[^/@]*@/, '//');
    throw new FerryError('CONFIG_INVALID', `not a URL: ${hidden}`, { cause: error });
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  if (username === '') return { url: url.href };
  return {
    url: url.href,
    credentials: { user: decodeURIComponent(username), password: decodeURIComponent(password) },
  };
}

function withFolder(url: string, folder: string): string {
  const segments = folder.split('/').filter((segment) => segment !== '');
  if (segments.includes('..') || segments.includes('.'))
    throw new FerryError('CONFIG_INVALID', `a folder of a remote has no "." or "..": ${folder}`);
  return `${url.replace(/\/*$/, '/')}${segments.map(encodeURIComponent).join('/')}`;
}

function fromUrl(text: string, more: { secretKey?: string; remote?: RemoteConfig }): RemoteAddress {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase() ?? '';
  if (NOT_BUILT.has(scheme))
    throw new FerryError(
      'CONFIG_INVALID',
      `${scheme}:// remotes cannot be used in this version: use http://, https:// or a path`,
    );
  if (scheme !== 'http' && scheme !== 'https')
    throw new FerryError(
      'CONFIG_INVALID',
      `${scheme}:// is not known: use http://, https:// or a path`,
    );
  const { url } = splitCredentials(text);
  return { kind: 'webdav', url, inside: false, ...more, secretKey: more.secretKey ?? `url:${url}` };
}

/**
 * Returns what REMOTE means: a remote's name, `NAME:FOLDER` of one, a URL, or else a path, taken from `cwd`.
 * @throws CONFIG_INVALID for a URL that cannot be used
 */
export function parseRemote(text: string, config: Config, cwd: string): RemoteAddress {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const remote = config.remotes.get(name);
  if (remote !== undefined && !text.startsWith('://', name.length)) {
    const folder = colon < 0 ? '' : text.slice(colon + 1);
    if (!SCHEME.test(remote.url))
      return { kind: 'folder', absolutePath: resolve(cwd, remote.url, folder), remote };
    const url = folder === '' ? remote.url : withFolder(remote.url, folder);
    const address = fromUrl(url, { secretKey: `remote:${name}`, remote });
    return address.kind === 'webdav' ? { ...address, inside: folder !== '' } : address;
  }
  if (SCHEME.test(text)) return fromUrl(text, {});
  return { kind: 'folder', absolutePath: resolve(cwd, text) };
}

/**
 * Returns what a remote in the configuration means. Paths are absolute there, so anything else that is neither a URL
 * nor the name of a remote was one: taking it for a folder would sync with the wrong place.
 * @throws CONFIG_INVALID
 */
export function storedRemote(text: string, config: Config): RemoteAddress {
  const address = parseRemote(text, config, '/');
  if (address.kind === 'webdav' || address.remote !== undefined || isAbsolute(text)) return address;
  const [name] = text.split(':', 1);
  throw new FerryError(
    'CONFIG_INVALID',
    `there is no remote named ${name} any more: see ferry remote list, and add it again under that name`,
  );
}
