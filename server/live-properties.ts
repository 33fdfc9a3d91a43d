import { createHash } from 'node:crypto';
import type { NodeStat } from '../native/safe-root.ts';
import { allowedMethods } from './allowed-methods.ts';
import { contentTypeOf } from './content-type.ts';
import { etagOf, fileIdOf, httpDate } from './etag.ts';
import { activeLockXml } from './lock-table.ts';
import type { ResourcePath } from './request-path.ts';
import type { Site } from './site.ts';
import { keptChecksums } from './storage/kept-checksums.ts';
import type { Space } from './storage/space.ts';
import { TOKEN_PREFIX } from './sync-token.ts';
import { DAV, escapeXml, FERRY, MICROSOFT, OWNCLOUD, tag } from './xml/write.ts';

/** A resource whose properties are asked for. */
export interface Subject {
  readonly path: ResourcePath;
  readonly stat: NodeStat;
}

/** What the values of properties depend on besides the resource. */
export interface Viewpoint {
  readonly site: Site;
  readonly principal: string;
  readonly space: Space;
}

/** A property whose value the server computes. */
export interface LiveProperty {
  readonly namespace: string;
  readonly name: string;
  /** Only for those who ask by name (RFC 4918 section 9.1 lets `allprop` leave out what others define). */
  readonly isExtra?: true;
  /** The value as XML; null when the resource has no such property. */
  value(subject: Subject, viewpoint: Viewpoint): string | null;
}

const LOCK_ENTRIES = ['exclusive', 'shared']
  .map(
    (scope) =>
      `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`,
  )
  .join('');

const isFile = ({ stat }: Subject): boolean => stat.kind === 'file';

/** RFC 5842: the same for a resource wherever it is moved to, and for no other. */
function resourceIdOf(rootId: string, stat: NodeStat): string {
  const hex = createHash('sha256')
    .update(`${rootId}\0${fileIdOf(stat)}`)
    .digest('hex');
  // The form of RFC 9562 for ids that are derived in a way of one's own.
  const uuid = hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-a$4-$5');
  return `urn:uuid:${uuid}`;
}

const supportedProperty = (property: string): string =>
  `<D:supported-live-property><D:prop>${property}</D:prop></D:supported-live-property>`;

/** The properties that the server knows by itself, in the order of an answer. */
export const LIVE_PROPERTIES: readonly LiveProperty[] = [
  {
    namespace: DAV,
    name: 'resourcetype',
    value: (subject) => (isFile(subject) ? '' : '<D:collection/>'),
  },
  {
    namespace: DAV,
    name: 'getcontentlength',
    value: (subject) => (isFile(subject) ? String(subject.stat.sizeBytes) : null),
  },
  {
    namespace: DAV,
    name: 'getetag',
    value: (subject) => (isFile(subject) ? escapeXml(etagOf(subject.stat)) : null),
  },
  { namespace: DAV, name: 'getlastmodified', value: ({ stat }) => httpDate(stat.mtimeNs) },
  {
    namespace: DAV,
    name: 'getcontenttype',
    value: (subject) => (isFile(subject) ? contentTypeOf(subject.path) : null),
  },
  {
    namespace: DAV,
    name: 'creationdate',
    value: ({ stat }) => {
      const ns = stat.birthtimeNs > 0n ? stat.birthtimeNs : stat.mtimeNs;
      return new Date(Number(ns / 1_000_000n)).toISOString();
    },
  },
  {
    namespace: DAV,
    name: 'supportedlock',
    value: (_, { site }) => (site.readOnly ? '' : LOCK_ENTRIES),
  },
  {
    namespace: DAV,
    name: 'lockdiscovery',
    value: ({ path }, { site, principal }) =>
      site.locks
        .covering(path)
        .map((lock) => activeLockXml(lock, principal))
        .join(''),
  },
  {
    namespace: DAV,
    name: 'quota-available-bytes',
    isExtra: true,
    value: (subject, { space }) => (isFile(subject) ? null : String(space.freeBytes)),
  },
  {
    namespace: DAV,
    name: 'quota-used-bytes',
    isExtra: true,
    value: (subject, { space }) => (isFile(subject) ? null : String(space.usedBytes)),
  },
  {
    namespace: DAV,
    name: 'resource-id',
    isExtra: true,
    value: ({ stat }, { site }) =>
      site.rootId === null ? null : `<D:href>${resourceIdOf(site.rootId, stat)}</D:href>`,
  },
  {
    namespace: DAV,
    name: 'supported-live-property-set',
    isExtra: true,
    value: () =>
      LIVE_PROPERTIES.map(({ namespace, name }) => supportedProperty(tag(namespace, name))).join(
        '',
      ),
  },
  {
    namespace: DAV,
    name: 'supported-method-set',
    isExtra: true,
    value: (_, { site }) =>
      allowedMethods(site)
        .map((method) => `<D:supported-method name="${method}"/>`)
        .join(''),
  },
  {
    namespace: OWNCLOUD,
    name: 'checksums',
    isExtra: true,
    value: ({ path, stat }, { site }) => {
      const checksums = isFile({ path, stat }) ? keptChecksums(site, path, stat) : null;
      return checksums === null ? null : `<oc:checksum>${checksums}</oc:checksum>`;
    },
  },
  { namespace: OWNCLOUD, name: 'fileid', isExtra: true, value: ({ stat }) => fileIdOf(stat) },
  {
    namespace: MICROSOFT,
    name: 'Win32LastModifiedTime',
    isExtra: true,
    value: ({ stat }) => httpDate(stat.mtimeNs),
  },
  { namespace: FERRY, name: 'mtime', isExtra: true, value: ({ stat }) => String(stat.mtimeNs) },
  {
    namespace: FERRY,
    name: 'mode',
    isExtra: true,
    value: ({ stat }) => `0${(stat.mode & 0o777).toString(8).padStart(3, '0')}`,
  },
  {
    namespace: DAV,
    name: 'supported-report-set',
    isExtra: true,
    value: (subject, { site }) =>
      isFile(subject) || site.feed === null
        ? ''
        : '<D:supported-report><D:report><D:sync-collection/></D:report></D:supported-report>',
  },
  {
    namespace: DAV,
    name: 'sync-token',
    isExtra: true,
    value: (subject, { site, principal }) =>
      isFile(subject) || site.feed === null
        ? null
        : `${TOKEN_PREFIX}${site.feed.latest(principal, subject.path)}`,
  },
  {
    namespace: FERRY,
    name: 'root-id',
    isExtra: true,
    value: ({ path }, { site }) => (path === '' ? site.rootId : null),
  },
];

const BY_NAME = new Map(LIVE_PROPERTIES.map((live) => [`{${live.namespace}}${live.name}`, live]));

/** Tells whether the server computes the property with that expanded name, `{namespace}name`. */
export function isLiveKey(key: string): boolean {
  return BY_NAME.has(key);
}

/** Returns the live property of that name; undefined when it is a dead one, or none at all. */
export function livePropertyOf(namespace: string, name: string): LiveProperty | undefined {
  return BY_NAME.get(`{${namespace}}${name}`);
}
