import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Answer, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
  await mkdir(site.at('dir/sub'), { recursive: true });
  await writeFile(site.at('dir/file'), 'content');
});

afterEach(() => site.close());

const XMLNS = 'xmlns:D="DAV:" xmlns:u="urn:u" xmlns:F="urn:ferry"';
const XML = { 'content-type': 'application/xml' };

const find = (path: string, props: string, headers = {}): Promise<Answer> =>
  site.ask(
    'PROPFIND',
    path,
    { depth: '0', ...headers },
    `<D:propfind ${XMLNS}><D:prop>${props}</D:prop></D:propfind>`,
  );

const hrefs = ({ body }: Answer): readonly (string | undefined)[] =>
  [...body.matchAll(/<D:response><D:href>([^<]*)</g)].map(([, href]) => href);

describe('extended MKCOL (RFC 5689)', () => {
  const make = (path: string, props: string, headers = {}): Promise<Answer> =>
    site.ask(
      'MKCOL',
      path,
      { ...XML, ...headers },
      `<D:mkcol ${XMLNS}><D:set><D:prop>${props}</D:prop></D:set></D:mkcol>`,
    );
  const type = '<D:resourcetype><D:collection/></D:resourcetype>';

  test('makes a collection with its properties in one step, and is announced', async () => {
    const props = `${type}<D:displayname>A name</D:displayname><F:mode>0700</F:mode>`;
    const answer = await make('/new', props);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatch(/<D:mkcol-response .*<D:displayname\/>.*200 OK/);
    expect((await find('/new', '<D:displayname/>')).body).toContain('>A name<');
    expect((await stat(site.at('new'))).mode & 0o777).toBe(0o700);
    expect((await site.ask('OPTIONS', '/')).headers['dav']).toContain('extended-mkcol');
  });

  test('makes nothing when a property is refused', async () => {
    const { status, body } = await make('/new', `${type}<u:a>1</u:a><D:getetag>x</D:getetag>`);
    expect(status).toBe(403);
    expect(body).toMatch(/<D:getetag\/>.*403 Forbidden.*<D:cannot-modify-protected-property\/>/);
    expect(body).toMatch(/<x:a .*424 Failed Dependency/);
    expect(await readdir(site.directory)).not.toContain('new');
  });

  test('refuses a kind of collection that it does not have', async () => {
    const calendar =
      '<D:resourcetype><D:collection/><C:calendar xmlns:C="urn:ietf:params:xml:ns:caldav"/></D:resourcetype>';
    const { status, body } = await make('/new', calendar);
    expect(status).toBe(403);
    expect(body).toContain('<D:valid-resourcetype/>');
    expect(await readdir(site.directory)).not.toContain('new');
  });

  test('with return=minimal answers without a body', async () => {
    const answer = await make('/new', type, { prefer: 'return=minimal' });
    expect([answer.status, answer.body]).toEqual([201, '']);
    expect(answer.headers['preference-applied']).toBe('return=minimal');
  });

  test.each([
    ['another root element', XML, '<x/>', 415],
    ['another media type', { 'content-type': 'text/plain' }, 'x', 415],
    ['a document type', XML, '<!DOCTYPE a><a/>', 400],
    ['broken XML', XML, '<D:mkcol', 400],
  ])('refuses %s', async (_, headers, body, status) => {
    expect((await site.ask('MKCOL', '/new', headers, body)).status).toBe(status);
    expect(await readdir(site.directory)).not.toContain('new');
  });
});

describe('Prefer (RFC 8144)', () => {
  const minimal = { prefer: 'return=minimal' };

  test.each([minimal, { prefer: 'x=y, return="minimal"; foo=bar' }, { brief: 't' }])(
    'PROPFIND with %j leaves out what is not there',
    async (headers) => {
      const answer = await find('/dir/file', '<D:getcontentlength/><u:none/>', headers);
      expect(answer.body).toContain('<D:getcontentlength>7<');
      expect(answer.body).not.toContain('404');
      expect(answer.headers['preference-applied']).toBe('return=minimal');
      const empty = await find('/dir/file', '<u:none/>', headers);
      expect(empty.body).toContain('<D:prop></D:prop><D:status>HTTP/1.1 200 OK');
    },
  );

  test('depth-noroot lists what a collection holds without the collection', async () => {
    const headers = { prefer: 'depth-noroot, return=minimal', depth: '1' };
    const answer = await find('/dir', '<D:getetag/>', headers);
    expect(hrefs(answer)).toEqual(['/dir/file', '/dir/sub/']);
    expect(answer.headers['preference-applied']).toBe('return=minimal, depth-noroot');
    const deep = await find('/', '<D:getetag/>', { prefer: 'depth-noroot', depth: 'infinity' });
    expect(hrefs(deep)).toEqual(['/dir/', '/dir/file', '/dir/sub/']);
  });

  test('depth-noroot means nothing for one resource', async () => {
    const answer = await find('/dir', '<D:getetag/>', { prefer: 'depth-noroot' });
    expect(hrefs(answer)).toEqual(['/dir/']);
    expect(answer.headers['preference-applied']).toBeUndefined();
  });

  test('PROPPATCH with return=minimal says nothing unless something was refused', async () => {
    const update = (prop: string): string =>
      `<D:propertyupdate ${XMLNS}><D:set><D:prop>${prop}</D:prop></D:set></D:propertyupdate>`;
    const done = await site.ask('PROPPATCH', '/dir/file', minimal, update('<u:a>1</u:a>'));
    expect([done.status, done.body]).toEqual([200, '']);
    const refused = await site.ask('PROPPATCH', '/dir/file', minimal, update('<D:getetag/>'));
    expect(refused.status).toBe(207);
    expect(refused.body).toContain('403 Forbidden');
  });
});

describe('further properties', () => {
  test('resource-id stays with what is moved and is no other resource’s', async () => {
    const idOf = async (path: string): Promise<string | undefined> =>
      /<D:resource-id><D:href>(urn:uuid:[\da-f-]{36})</.exec(
        (await find(path, '<D:resource-id/>')).body,
      )?.[1];
    const id = await idOf('/dir/file');
    expect(id).toBeDefined();
    await site.ask('MOVE', '/dir', { destination: '/moved' });
    expect(await idOf('/moved/file')).toBe(id);
    await site.ask('COPY', '/moved/file', { destination: '/copied' });
    expect(new Set([id, await idOf('/copied'), await idOf('/moved'), await idOf('/')]).size).toBe(
      4,
    );
  });

  test('displayname can be set, also by Unicode, and is not there before', async () => {
    expect((await find('/dir', '<D:displayname/>')).body).toContain('404');
    const update = `<D:propertyupdate ${XMLNS}><D:set><D:prop><D:displayname>Übersee &amp; 船</D:displayname></D:prop></D:set></D:propertyupdate>`;
    await site.ask('PROPPATCH', '/dir', {}, update);
    expect((await find('/dir', '<D:displayname/>')).body).toContain('>Übersee &amp; 船<');
  });

  test('allprop gives further properties only when they are included', async () => {
    const ask = async (include: string): Promise<string> => {
      const body = `<D:propfind ${XMLNS}><D:allprop/>${include}</D:propfind>`;
      return (await site.ask('PROPFIND', '/dir', { depth: '0' }, body)).body;
    };
    expect(await ask('')).not.toContain('supported-');
    const all = await ask(
      '<D:include><D:supported-method-set/><D:supported-live-property-set/><F:mtime/></D:include>',
    );
    expect(all).toContain('<D:supported-method name="PATCH"/>');
    expect(all).toContain('<D:prop><D:getetag/></D:prop></D:supported-live-property>');
    expect(all).toMatch(/<F:mtime>\d+</);
    expect(all.match(/<D:resourcetype>/g)).toHaveLength(1);
  });
});
