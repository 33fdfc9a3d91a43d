import { DavError } from '../dav-error.ts';
import {
  LIVE_PROPERTIES,
  type LiveProperty,
  livePropertyOf,
  type Subject,
  type Viewpoint,
} from '../live-properties.ts';
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

function wantedOf({ namespace, name }: XmlElement): WantedProperty {
  const key = keyOf(namespace, name);
  return { namespace, name, key, live: livePropertyOf(namespace, name) };
}

/** Returns the expanded name under which a dead property is kept. */
export function keyOf(namespace: string, name: string): string {
  return `{${namespace}}${name}`;
}

/** Returns the `propstat` elements that answer the request for one resource. */
export function propstats(request: PropertyRequest, subject: Subject, view: Viewpoint): string {
  if (request.type === 'names') return propstat(namesOf(subject, view), 200);
  const dead = view.site.properties.of(subject.path);
  let found = '';
  let missing = '';
  const isAll = request.type === 'all';
  if (isAll) {
    found += valuesOf(subject, view);
    for (const xml of dead.values()) found += xml;
  }
  for (const { namespace, name, key, live } of request.wanted) {
    if (isAll && (live === undefined || live.isExtra !== true)) continue;
    const value = live?.value(subject, view) ?? null;
    const xml = value === null ? dead.get(key) : tag(namespace, name, value);
    if (xml !== undefined) found += xml;
    else if (!isAll) missing += tag(namespace, name);
  }
  const isEmpty = found === '' && missing === '';
  return (
    (found === '' && !isEmpty ? '' : propstat(found, 200)) +
    (missing === '' ? '' : propstat(missing, 404))
  );
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
  const dead = [...view.site.properties.of(subject.path).keys()].map((key) => {
    const end = key.lastIndexOf('}');
    return tag(key.slice(1, end), key.slice(end + 1));
  });
  return live + dead.join('');
}
