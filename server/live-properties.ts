import type { NodeStat } from '../native/safe-root.ts';
import { contentTypeOf } from './content-type.ts';
import { etagOf, fileIdOf, httpDate } from './etag.ts';
import { activeLockXml } from './lock-table.ts';
import type { ResourcePath } from './request-path.ts';
import type { Site, Space } from './site.ts';
import { DAV, escapeXml, FERRY, MICROSOFT, OWNCLOUD } from './xml/write.ts';

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
    value: (subject, { space }) =>
      isFile(subject) ? null : String(space.totalBytes - space.freeBytes),
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
    namespace: FERRY,
    name: 'root-id',
    isExtra: true,
    value: ({ path }, { site }) => (path === '' ? site.rootId : null),
  },
];

const BY_NAME = new Map(LIVE_PROPERTIES.map((live) => [`{${live.namespace}}${live.name}`, live]));

/** Returns the live property of that name; undefined when it is a dead one, or none at all. */
export function livePropertyOf(namespace: string, name: string): LiveProperty | undefined {
  return BY_NAME.get(`{${namespace}}${name}`);
}
