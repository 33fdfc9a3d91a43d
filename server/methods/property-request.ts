import { DavError } from '../dav-error.ts';
import {
  isLiveKey,
  LIVE_PROPERTIES,
  type LiveProperty,
  livePropertyOf,
  type Subject,
  type Viewpoint,
} from '../live-properties.ts';
import type { Properties } from '../storage/property-store.ts';
import { elementsOf, findChild, isNamed, type XmlElement } from '../xml/parse.ts';
import { DAV, statusLine, tag } from '../xml/write.ts';

interface WantedProperty {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly live: LiveProperty | undefined;
}

/** What a PROPFIND asks for: `names` without values, or values of `wanted`, with all others too for `all`. */
export type PropertyRequest =
  | { readonly type: 'names' }
  | { readonly type: 'all' | 'some'; readonly wanted: readonly WantedProperty[] };

/** Returns what a PROPFIND body asks for; no body asks for all. @throws DavError 400 */
export function parsePropertyRequest(root: XmlElement | null): PropertyRequest {
  if (root === null) return { type: 'all', wanted: [] };
  if (!isNamed(root, DAV, 'propfind'))
    throw new DavError(400, 'the body of PROPFIND is DAV:propfind');
  const prop = findChild(root, DAV, 'prop');
  const isAll = findChild(root, DAV, 'allprop') !== undefined;
  const isNames = findChild(root, DAV, 'propname') !== undefined;
  if ([prop !== undefined, isAll, isNames].filter(Boolean).length !== 1)
    throw new DavError(400, 'PROPFIND asks for one of prop, allprop and propname');
  if (isNames) return { type: 'names' };
  const list = prop ?? findChild(root, DAV, 'include');
  const wanted = list === undefined ? [] : elementsOf(list).map(wantedOf);
  return { type: isAll ? 'all' : 'some', wanted };
}

/** Returns the request for just these properties. */
export function propertiesNamedIn(elements: readonly XmlElement[]): PropertyRequest {
  return { type: 'some', wanted: elements.map(wantedOf) };
}

function wantedOf({ namespace, name }: XmlElement): WantedProperty {
  const key = keyOf(namespace, name);
  return { namespace, name, key, live: livePropertyOf(namespace, name) };
}

/** Returns the expanded name under which a dead property is kept. */
export function keyOf(namespace: string, name: string): string {
  return `{${namespace}}${name}`;
}

/** Returns the `propstat` elements that answer the request for one resource. */
export function propstats(
  request: PropertyRequest,
  subject: Subject,
  { isMinimal, ...view }: Viewpoint & { readonly isMinimal: boolean },
): string {
  if (request.type === 'names') return propstat(namesOf(subject, view), 200);
  const dead = deadOf(subject, view);
  const isAll = request.type === 'all';
  let found = isAll ? valuesOf(subject, view) + [...dead.values()].join('') : '';
  let missing = '';
  for (const { namespace, name, key, live } of request.wanted) {
    if (isAll && live?.isExtra !== true) continue;
    const value = live?.value(subject, view) ?? null;
    const xml = value === null ? dead.get(key) : tag(namespace, name, value);
    if (xml !== undefined) found += xml;
    else if (!isAll) missing += tag(namespace, name);
  }
  if (missing === '' || isMinimal) return propstat(found, 200);
  return (found === '' ? '' : propstat(found, 200)) + propstat(missing, 404);
}

/** What is kept under the name of a live property is the server's own. */
function deadOf({ path }: Subject, { site }: Viewpoint): Properties {
  const kept = site.properties.of(path);
  return kept.size === 0 ? kept : new Map([...kept].filter(([key]) => !isLiveKey(key)));
}

/** Returns a `propstat` around properties that are XML already. */
export function propstat(properties: string, status: number, inner = ''): string {
  return `<D:propstat><D:prop>${properties}</D:prop><D:status>${statusLine(status)}</D:status>${inner}</D:propstat>`;
}

function valuesOf(subject: Subject, view: Viewpoint): string {
  let text = '';
  for (const live of LIVE_PROPERTIES) {
    if (live.isExtra === true) continue;
    const value = live.value(subject, view);
    if (value !== null) text += tag(live.namespace, live.name, value);
  }
  return text;
}

function namesOf(subject: Subject, view: Viewpoint): string {
  const live = LIVE_PROPERTIES.filter((property) => property.value(subject, view) !== null)
    .map(({ namespace, name }) => tag(namespace, name))
    .join('');
  const dead = [...deadOf(subject, view).keys()].map((key) => {
    const end = key.lastIndexOf('}');
    return tag(key.slice(1, end), key.slice(end + 1));
  });
  return live + dead.join('');
}
