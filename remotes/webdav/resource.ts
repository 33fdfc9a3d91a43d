import type { DirectoryEntry, Entry, FileEntry, Version } from '../../core/model/entry.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { DavResponse } from './multistatus.ts';

/** Namespace of Ferry's own properties, live on the companion server and dead elsewhere. */
export const FERRY_NAMESPACE = 'urn:ferry';

const MTIME = `{${FERRY_NAMESPACE}}mtime`;
const MODE = `{${FERRY_NAMESPACE}}mode`;
const ROOT_ID = `{${FERRY_NAMESPACE}}root-id`;
const FILE_ID = '{http://owncloud.org/ns}fileid';

/** What is asked about each resource; never all properties, which some servers compute at great cost. */
export const PROPFIND_BODY = [
  '<?xml version="1.0" encoding="utf-8"?>',
  '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:f="urn:ferry"><d:prop>',
  '<d:resourcetype/><d:getetag/><d:getlastmodified/><d:getcontentlength/>',
  '<oc:fileid/><f:mtime/><f:mode/><f:root-id/>',
  '</d:prop></d:propfind>',
].join('');

/** What a server says about one resource, read but not yet believed. */
export interface Resource {
  readonly path: SyncPath;
  readonly isCollection: boolean;
  readonly version: Version;
  readonly sizeBytes: number;
  /** Milliseconds since 1970 by the server's clock; whole seconds. */
  readonly lastModifiedMs: number | null;
  readonly fileId: string | null;
  readonly storedMtime: string | null;
  readonly mode: number | null;
  readonly rootId: string | null;
}

/** What stands for the version of every collection: it has none of its own. */
export const DIRECTORY_VERSION = 'directory' as Version;

/** Returns the opaque part of an ETag: weakness and what a compressing proxy appends do not name another state. */
export function opaqueTag(etag: string): string | null {
  const opaque = /^\s*(?:W\/)?"([^"]*)"\s*$/.exec(etag)?.[1];
  return opaque === undefined || opaque === '' ? null : opaque.replace(/[;-](?:gzip|br)$/, '');
}

/** Returns the version that an ETag, or where there is none time and size, stand for; null: nothing does. */
export function versionFrom(
  etag: string | undefined,
  lastModifiedMs: number | null,
  sizeBytes: number,
): Version | null {
  const opaque = etag === undefined ? null : opaqueTag(etag);
  if (opaque !== null) return `e:${opaque}` as Version;
  return lastModifiedMs === null ? null : (`m:${lastModifiedMs}-${sizeBytes}` as Version);
}

/** Returns the strong ETag to send for a version; null when the version is not one. */
export function etagOf(version: Version): string | null {
  return version.startsWith('e:') ? `"${version.slice(2)}"` : null;
}

/** Reads a response's properties; null when they do not describe a file or a collection that can be synced. */
export function resourceOf(response: DavResponse, path: SyncPath): Resource | null {
  const text = (name: string): string | undefined => {
    const value = response.properties.get(name)?.text.trim();
    return value === '' ? undefined : value;
  };
  const type = response.properties.get('{DAV:}resourcetype');
  const isCollection = type?.children.includes('{DAV:}collection') === true;
  const length = text('{DAV:}getcontentlength') ?? (isCollection ? '0' : undefined);
  if (length === undefined || !/^\d{1,15}$/.test(length)) return null;
  const sizeBytes = Number(length);
  const lastModifiedMs = timeOf(text('{DAV:}getlastmodified'));
  const version = isCollection
    ? DIRECTORY_VERSION
    : versionFrom(text('{DAV:}getetag'), lastModifiedMs, sizeBytes);
  if (version === null) return null;
  const mode = text(MODE);
  return {
    path,
    isCollection,
    version,
    sizeBytes,
    lastModifiedMs,
    fileId: text(FILE_ID) ?? null,
    storedMtime: text(MTIME) ?? null,
    mode:
      mode !== undefined && /^0?[0-7]{1,4}$/.test(mode) ? Number.parseInt(mode, 8) & 0o777 : null,
    rootId: text(ROOT_ID) ?? null,
  };
}

/** Returns what a Content-Range header names; null when it names no part of a known whole. */
export function contentRange(
  value: string | undefined,
): { readonly offset: number; readonly length: number; readonly total: number } | null {
  const parts = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(value?.trim() ?? '');
  if (parts === null) return null;
  const [first = 0, last = 0, total = 0] = parts.slice(1).map(Number);
  return { offset: first, length: last - first + 1, total };
}

/** Returns milliseconds since 1970 for an HTTP date; null when it is none. */
export function timeOf(text: string | undefined): number | null {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/**
 * Returns the text of the dead property that keeps a time: bound to the version and the size, so that it means
 * nothing anymore when another client has replaced the file and the server kept the property.
 */
export function storedMtimeText(mtimeNs: bigint, version: Version, sizeBytes: number): string {
  return `${mtimeNs} ${sizeBytes} ${version}`;
}

function mtimeNsOf(resource: Resource): bigint | null {
  const stored = resource.storedMtime;
  const [ns, size, ...version] = stored === null ? [] : stored.split(' ');
  if (ns !== undefined && /^-?\d{1,20}$/.test(ns)) {
    const isLive = size === undefined;
    const isBound = size === `${resource.sizeBytes}` && version.join(' ') === resource.version;
    if (isLive || isBound) return BigInt(ns);
  }
  return resource.lastModifiedMs === null ? null : BigInt(resource.lastModifiedMs) * 1_000_000n;
}

/** Returns the entry of a collection. */
export function directoryEntryOf(resource: Resource): DirectoryEntry {
  return {
    path: resource.path,
    kind: 'directory',
    version: resource.version,
    ...(resource.fileId === null ? {} : { identity: resource.fileId }),
    ...(resource.mode === null ? {} : { mode: resource.mode }),
  };
}

/** Returns the entry of a file. */
export function fileEntryOf(resource: Resource): FileEntry {
  const mtimeNs = mtimeNsOf(resource);
  return {
    path: resource.path,
    kind: 'file',
    version: resource.version,
    sizeBytes: resource.sizeBytes,
    ...(mtimeNs === null ? {} : { mtimeNs }),
    ...(resource.fileId === null ? {} : { identity: resource.fileId }),
    ...(resource.mode === null ? {} : { mode: resource.mode }),
  };
}

/** Returns the entry that a resource is. */
export function entryOf(resource: Resource): Entry {
  return resource.isCollection ? directoryEntryOf(resource) : fileEntryOf(resource);
}
