import { SaxesParser, type SaxesTagNS } from 'saxes';
import { DavError } from '../dav-error.ts';

/** An attribute with its expanded name. */
export interface XmlAttribute {
  readonly namespace: string;
  readonly name: string;
  readonly value: string;
}

/** An element with everything that a kept property value needs; comments and processing instructions are gone. */
export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly (XmlElement | string)[];
  /** `xml:lang` in force here, also when an ancestor set it. */
  readonly language?: string;
}

const MAX_DEPTH = 64;
const MAX_TEXT = 64 * 1024;
const MAX_ELEMENTS = 20_000;
/** All attributes of an element are compared with each other, before anybody is asked about the element. */
const MAX_ATTRIBUTES = 256;

interface OpenElement extends XmlElement {
  readonly children: (XmlElement | string)[];
}

/**
 * Returns the root element of a request body.
 * @throws DavError 400 for what is not well-formed, has a document type, or passes the limits on depth and text
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  const parser = new SaxesParser({ xmlns: true });
  const open: OpenElement[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  let attributes = 0;
  let textLength = 0;

  const addText = (text: string): void => {
    textLength += text.length;
    if (textLength > MAX_TEXT) throw refusal('an element holds too much text');
    open.at(-1)?.children.push(text);
  };
  parser.on('error', (error) => {
    throw refusal(error.message);
  });
  parser.on('doctype', () => {
    throw new DavError(400, 'XML with a document type is not accepted', {
      condition: 'no-external-entities',
    });
  });
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('attribute', () => {
    if (++attributes > MAX_ATTRIBUTES) throw refusal('an element has too many attributes');
  });
  parser.on('opentag', (tag) => {
    attributes = 0;
    if (open.length >= MAX_DEPTH) throw refusal('elements are nested too deeply');
    if (++elements > MAX_ELEMENTS) throw refusal('too many elements');
    textLength = 0;
    const element = elementOf(tag, open.at(-1)?.language);
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on('closetag', () => {
    open.pop();
    textLength = 0;
  });
  parser.write(decodeText(bytes));
  parser.close();
  if (root === null) throw refusal('it is empty');
  return root;
}

/** Returns the child elements, in order. */
export function elementsOf(element: XmlElement): readonly XmlElement[] {
  return element.children.filter((child) => typeof child !== 'string');
}

/** Returns the first child element of that name; undefined when there is none. */
export function findChild(
  element: XmlElement,
  namespace: string,
  name: string,
): XmlElement | undefined {
  return elementsOf(element).find((child) => isNamed(child, namespace, name));
}

/** Tells whether the element has that expanded name. */
export function isNamed(element: XmlElement, namespace: string, name: string): boolean {
  return element.namespace === namespace && element.name === name;
}

/** Returns the text directly in the element, without that of its children. */
export function textOf(element: XmlElement): string {
  return element.children.filter((child) => typeof child === 'string').join('');
}

function elementOf(tag: SaxesTagNS, inherited: string | undefined): OpenElement {
  const attributes = Object.values(tag.attributes)
    .filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns')
    .map(({ uri, local, value }) => ({ namespace: uri, name: local, value }));
  for (const { prefix, local, value } of Object.values(tag.attributes)) {
    // Namespaces 1.0 lets only the default namespace be taken back; saxes lets this pass.
    if (prefix === 'xmlns' && local !== '' && value === '')
      throw refusal(`the prefix ${local} is bound to no namespace`);
  }
  const language = tag.attributes['xml:lang']?.value ?? inherited;
  return {
    namespace: tag.uri,
    name: tag.local,
    attributes,
    children: [],
    ...(language === undefined ? {} : { language }),
  };
}

function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  try {
    if (isBig) return new TextDecoder('utf-16be', { fatal: true }).decode(bytes);
    return new TextDecoder(isLittle ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DavError(400, 'the XML body is neither UTF-8 nor UTF-16', { cause: error });
  }
}

function refusal(reason: string): DavError {
  return new DavError(400, `the XML body cannot be read: ${reason}`);
}
