import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DavError } from '../../server/dav-error.ts';
import { parseEtagList } from '../../server/etag.ts';
import { parseIfHeader } from '../../server/if-header.ts';
import { hrefOf, parseReference, parseTarget } from '../../server/request-path.ts';
import { parseXml, textOf } from '../../server/xml/parse.ts';
import { escapeXml, serialize, tag } from '../../server/xml/write.ts';

/** Runs a parser on hostile input: it succeeds, or refuses with a status of the client's fault. */
function refusal(parse: () => unknown): number | null {
  try {
    parse();
    return null;
  } catch (error) {
    if (error instanceof DavError && error.status >= 400 && error.status < 500) return error.status;
    throw error;
  }
}

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/[/\0]/.test(text) && !['.', '..', '.ferry'].includes(text));
const pieces = fc.constantFrom(
  '/',
  '.',
  '..',
  '%2e',
  '%2f',
  '%',
  '%00',
  'a',
  '.ferry',
  '%c0%ae',
  '\xff',
  '//',
  '?',
  '#',
  ':',
);

describe('request targets', () => {
  test('lead back to the path that they were made from', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), fc.boolean(), (names, isCollection) => {
        const path = names.join('/');
        expect(parseTarget(hrefOf(path, isCollection)).path).toBe(path);
        const url = `http://Host:8080${hrefOf(path, isCollection)}`;
        expect(parseReference(url, 'host:8080').path).toBe(path);
      }),
    );
  });

  test('never lead to a path with a segment that leaves the tree, whatever they are made of', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const target = `/${parts.join('')}`;
        if (refusal(() => parseTarget(target)) !== null) return;
        const { path } = parseTarget(target);
        for (const segment of path === '' ? [] : path.split('/'))
          expect(['', '.', '..', '.ferry']).not.toContain(segment);
        expect(path).not.toContain('\0');
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['http://host/x', 'host:80'],
    ['https://host:443/x', 'HOST'],
    ['/x', 'anything'],
  ])('%s is a reference to the server that is asked as %s', (reference, host) => {
    expect(parseReference(reference, host).path).toBe('x');
  });

  test.each(['http://other/x', 'http://host:81/x', 'http://host@evil/x', 'http://host.evil/x'])(
    '%s is on another server',
    (reference) => {
      expect(() => parseReference(reference, 'host')).toThrow(
        expect.objectContaining({ status: 502 }),
      );
    },
  );
});

describe('the If header', () => {
  const parts = fc.constantFrom(
    '(',
    ')',
    '<',
    '>',
    '[',
    ']',
    '"',
    'Not',
    ' ',
    'W/',
    'urn:x',
    'a',
    '\t',
    '\\',
    ',',
  );

  test('is understood or refused, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 20 }), (list) => {
        const status = refusal(() => parseIfHeader(list.join('')));
        expect([null, 400]).toContain(status);
      }),
      { numRuns: 3000 },
    );
  });

  test('is read with tags, negations and several lists', () => {
    const header = '<http://h/a> (<urn:1> ["e"]) (Not <DAV:no-lock>) </b> (not ["f"])';
    expect(parseIfHeader(header)).toEqual([
      {
        resource: 'http://h/a',
        conditions: [
          { negated: false, kind: 'token', value: 'urn:1' },
          { negated: false, kind: 'etag', value: '"e"' },
        ],
      },
      {
        resource: 'http://h/a',
        conditions: [{ negated: true, kind: 'token', value: 'DAV:no-lock' }],
      },
      { resource: '/b', conditions: [{ negated: true, kind: 'etag', value: '"f"' }] },
    ]);
  });

  test('is read in time proportional to its length', () => {
    const startedAt = performance.now();
    refusal(() => parseIfHeader(`(${'Not '.repeat(4000)})`));
    refusal(() => parseIfHeader('(<a>)'.repeat(900)));
    refusal(() => parseEtagList('"a",'.repeat(4000)));
    refusal(() => parseEtagList(`${'"'.repeat(8000)}x`));
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('XML', () => {
  test('written by this server reads back as the same text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (text, namespace) => {
          const xml = tag(`urn:${namespace}`, 'a', escapeXml(text));
          const kept = text.replace(
            // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot carry
            /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g,
            '\ufffd',
          );
          expect(textOf(parseXml(Buffer.from(xml)))).toBe(kept);
        },
      ),
    );
  });

  test('that is kept as a property value keeps its names, attributes and text', () => {
    const source =
      '<p:a xmlns:p="urn:p" xmlns="urn:d" q="1" p:r="&lt;2"><b xml:lang="de">t&amp;</b> <c xmlns=""/></p:a>';
    const once = parseXml(Buffer.from(source));
    expect(parseXml(Buffer.from(serialize(once)))).toEqual(once);
  });

  test('is read or refused, whatever bytes come', () => {
    const bits = fc.constantFrom(
      '<',
      '>',
      '/',
      'a',
      '"',
      '=',
      '&',
      ';',
      '<!',
      '<?',
      '--',
      ']]>',
      'xmlns',
      ':',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 20 }), (list) => {
        expect([null, 400]).toContain(
          refusal(() => parseXml(Buffer.from(`<a>${list.join('')}</a>`))),
        );
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect([null, 400]).toContain(refusal(() => parseXml(bytes)));
      }),
    );
  });
});
