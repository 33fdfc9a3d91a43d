import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { type Answer, type Fixture, startServer } from './support/running-server.ts';

/** Names that would be markup, end it, or break it, where they are written as they are. */
const NAMES = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)<!script>',
  "'onmouseover='alert(1)",
  '<!--',
  '-->',
  ']]>',
  '<![CDATA[x]]>',
  '<?xml version="1.0"?>',
  '&lt;b&gt;&amp;&#60;',
  '&undefined;',
  '<D:href><!D:href>',
  'javascript:alert(1)',
  'a\r\nSet-Cookie: x=y',
  'tab\tand\u0001and\u001f',
  'last\ufffe\uffff',
  '\u202egpj.exe',
  '\u{1f6a2} 船',
  '%3Cb%3E',
];

let site: Fixture;

beforeAll(async () => {
  site = await startServer();
  for (const name of NAMES) {
    await mkdir(site.at(`sub/${name}`), { recursive: true });
    await writeFile(site.at(`sub/${name}/${name}`), 'x');
  }
});

afterAll(() => site.close());

const pathOf = (...names: readonly string[]): string =>
  `/${names.map(encodeURIComponent).join('/')}`;

/** Reads a document, and returns the names of its elements and the texts of its `href`s. */
function read(xml: string): { readonly elements: Set<string>; readonly hrefs: readonly string[] } {
  const parser = new SaxesParser({ xmlns: true });
  const elements = new Set<string>();
  const hrefs: string[] = [];
  let text = '';
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    elements.add(`{${tag.uri}}${tag.local}`);
    text = '';
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  parser.on('closetag', (tag) => {
    if (tag.local === 'href') hrefs.push(text);
  });
  parser.write(xml).close();
  return { elements, hrefs };
}

describe('a name that is markup', () => {
  test('is text in a listing, and its address leads to it', async () => {
    const answer = await site.ask('PROPFIND', '/sub', { depth: 'infinity' });
    const { elements, hrefs } = read(answer.body);
    expect([...elements].filter((name) => !name.startsWith('{DAV:}'))).toEqual([]);
    const decoded = hrefs.map(decodeURIComponent);
    for (const name of NAMES) expect(decoded).toContain(`/sub/${name}/${name}`);
    for (const href of hrefs.filter((one) => !one.endsWith('/')))
      expect((await site.ask('GET', href)).body).toBe('x');
  });

  test('is text in the page of a collection, which may run nothing anyhow', async () => {
    for (const path of ['/sub/', ...NAMES.map((name) => pathOf('sub', name))]) {
      const { body, headers } = await site.ask('GET', path);
      const tags = [...body.matchAll(/<([!/]?[a-z]*)/gi)].map(([, tag]) => tag);
      const known = [
        '!doctype',
        'meta',
        'title',
        '/title',
        'h',
        '/h',
        'ul',
        '/ul',
        'li',
        'a',
        '/a',
      ];
      expect(tags.filter((tag) => !known.includes(tag ?? ''))).toEqual([]);
      expect(body).not.toMatch(/<[^>]*\son\w+=/i);
      expect(body).not.toMatch(/href="(?!\.\/)/);
      expect(headers).toMatchObject({
        'content-security-policy': 'sandbox',
        'x-content-type-options': 'nosniff',
      });
    }
  });

  test('is text in errors, and no header', async () => {
    for (const name of NAMES) {
      const answers: Answer[] = [
        await site.ask('GET', pathOf('none', name)),
        await site.ask('PUT', pathOf('none', name, 'x'), {}, 'x'),
        await site.ask('MKCOL', pathOf('sub', name)),
        await site.ask('MOVE', pathOf('sub', name), { destination: pathOf('none', name) }),
        await site.ask('PUT', pathOf('sub', name, name), { 'if-match': '"none"' }, 'x'),
        await site.ask('PROPPATCH', pathOf('sub', name), {}, protectedProperty),
      ];
      for (const { body, headers, status } of answers) {
        expect(status).toBeGreaterThanOrEqual(207);
        const { elements } = read(body);
        expect([...elements].filter((one) => !/^\{(DAV:|urn:ferry)\}/.test(one))).toEqual([]);
        expect(headers['set-cookie']).toBeUndefined();
      }
    }
  });

  test('is text in what a removal could not remove, and in locks', async () => {
    const lock =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>&lt;img src=x&gt;</D:owner></D:lockinfo>';
    for (const name of NAMES) {
      const path = pathOf('sub', name, name);
      expect(read((await site.ask('LOCK', path, {}, lock)).body).elements).not.toContain('{}img');
      const refused = await site.ask('DELETE', pathOf('sub', name));
      expect(refused.status).toBe(423);
      expect(read(refused.body).hrefs.map(decodeURIComponent)).toEqual([`/sub/${name}/${name}`]);
    }
  });
});

test('a file that a browser could run is given without the means to: no sniffing, in a sandbox', async () => {
  for (const name of ['page.html', 'picture.svg', 'script.js', 'feed.xml', 'unknown']) {
    await site.ask('PUT', `/${name}`, {}, '<script>alert(1)</script>');
    for (const method of ['GET', 'HEAD'])
      expect((await site.ask(method, `/${name}`)).headers).toMatchObject({
        'content-security-policy': 'sandbox',
        'x-content-type-options': 'nosniff',
      });
  }
});

test('whatever a property is named and says, listings stay well-formed', async () => {
  await site.ask('PUT', '/described', {}, 'x');
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      async (namespace, value) => {
        const quoted = (text: string): string =>
          text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
        const property = `<x:note xmlns:x="urn:${quoted(namespace)}" a="${quoted(value)}">${quoted(value)}<y/></x:note>`;
        const update = `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>${property}</D:prop></D:set></D:propertyupdate>`;
        const { status } = await site.ask('PROPPATCH', '/described', {}, update);
        expect([207, 400]).toContain(status);
        const listing = await site.ask('PROPFIND', '/described', { depth: '0' });
        expect(() => read(listing.body)).not.toThrow();
      },
    ),
    { numRuns: 30 },
  );
}, 30_000);

const protectedProperty =
  '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:getetag/></D:prop></D:set></D:propertyupdate>';
