import type { XmlElement } from './parse.ts';

/** Namespace of RFC 4918. */
export const DAV = 'DAV:';
/** Namespace of the properties that ownCloud and Nextcloud clients know. */
export const OWNCLOUD = 'http://owncloud.org/ns';
/** Namespace of Ferry's own properties. */
export const FERRY = 'urn:ferry';
/** Namespace of the properties that Windows sets. */
export const MICROSOFT = 'urn:schemas-microsoft-com:';
const XML = 'http://www.w3.org/XML/1998/namespace';

/** Prefixes that every answer of this server declares on its root element. */
const PREFIXES: Readonly<Record<string, string>> = { [DAV]: 'D', [OWNCLOUD]: 'oc', [FERRY]: 'F' };

/** Declarations of the prefixes that `nameOf` relies on, for the root element of an answer. */
export const NAMESPACES = `xmlns:D="${DAV}" xmlns:oc="${OWNCLOUD}" xmlns:F="${FERRY}"`;

/** First line of every document. */
export const XML_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n';

const SPECIAL = /[&<>"'\r\n\t]|[^\x20-\ud7ff\ue000-\ufffd]/;
const SPECIAL_ALL = /[&<>"'\r\n\t]|[\ud800-\udbff][\udc00-\udfff]|[^\x20-\ud7ff\ue000-\ufffd]/g;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/**
 * Returns `text` for use in an element or a quoted attribute. A character that XML 1.0 cannot carry becomes U+FFFD.
 */
export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(
    SPECIAL_ALL,
    (found) => ESCAPES[found] ?? (found.length === 2 ? found : '\ufffd'),
  );
}

/** Returns an empty element of that expanded name, or one around `inner`, which must be XML already. */
export function tag(namespace: string, name: string, inner = ''): string {
  const prefix = PREFIXES[namespace];
  const [open, close] =
    prefix !== undefined
      ? [`${prefix}:${name}`, `${prefix}:${name}`]
      : namespace === ''
        ? [`${name} xmlns=""`, name]
        : [`x:${name} xmlns:x="${escapeXml(namespace)}"`, `x:${name}`];
  return inner === '' ? `<${open}/>` : `<${open}>${inner}</${close}>`;
}

/** Returns the element as XML that stands on its own: every name carries its namespace. */
export function serialize(element: XmlElement, inheritLanguage = true): string {
  const { namespace, name } = element;
  const declaration = namespace === '' ? ' xmlns=""' : ` xmlns:p="${escapeXml(namespace)}"`;
  const qualified = namespace === '' ? name : `p:${name}`;
  const attributes = element.attributes.map(attribute).join('');
  const hasLanguage = element.attributes.some((a) => a.namespace === XML && a.name === 'lang');
  const language =
    inheritLanguage && !hasLanguage && element.language !== undefined
      ? ` xml:lang="${escapeXml(element.language)}"`
      : '';
  const inner = element.children
    .map((child) => (typeof child === 'string' ? escapeXml(child) : serialize(child, false)))
    .join('');
  return `<${qualified}${declaration}${attributes}${language}>${inner}</${qualified}>`;
}

function attribute(
  { namespace, name, value }: XmlElement['attributes'][number],
  index: number,
): string {
  const text = escapeXml(value);
  if (namespace === '') return ` ${name}="${text}"`;
  if (namespace === XML) return ` xml:${name}="${text}"`;
  return ` a${index}:${name}="${text}" xmlns:a${index}="${escapeXml(namespace)}"`;
}

/** Returns a `DAV:response` about one path that has a status instead of properties. */
export function statusResponse(href: string, status: number, inner = ''): string {
  return `<D:response><D:href>${escapeXml(href)}</D:href><D:status>${statusLine(status)}</D:status>${inner}</D:response>`;
}

/** Returns a whole multistatus document around `responses`, which must be XML already. */
export function multistatus(responses: string): string {
  return `${XML_DECLARATION}<D:multistatus ${NAMESPACES}>${responses}</D:multistatus>`;
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  423: 'Locked',
  424: 'Failed Dependency',
  500: 'Internal Server Error',
  507: 'Insufficient Storage',
};

/** Returns the status line that RFC 4918 puts into `DAV:status`. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`;
}
