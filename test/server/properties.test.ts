import { appendFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SaxesParser } from 'saxes';
import { type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
  await mkdir(site.at('dir/sub'), { recursive: true });
  await writeFile(site.at('dir/file'), 'content');
});

afterEach(() => site.close());

const XMLNS = 'xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns" xmlns:f="urn:ferry" xmlns:u="urn:u"';

const find = (path: string, inner: string, depth = '0') =>
  site.ask('PROPFIND', path, { depth }, `<D:propfind ${XMLNS}>${inner}</D:propfind>`);

const patch = (path: string, inner: string) =>
  site.ask('PROPPATCH', path, {}, `<D:propertyupdate ${XMLNS}>${inner}</D:propertyupdate>`);

const set = (path: string, prop: string) => patch(path, `<D:set><D:prop>${prop}</D:prop></D:set>`);

const hrefs = (body: string) =>
  [...body.matchAll(/<D:response><D:href>([^<]*)</g)].map(([, href]) => href);

describe('PROPFIND', () => {
  test('lists as deep as Depth says, parents first', async () => {
    const all = '<D:allprop/>';
    expect(hrefs((await find('/dir', all, '0')).body)).toEqual(['/dir/']);
    expect(hrefs((await find('/', all, '1')).body)).toEqual(['/', '/dir/']);
    const deep = hrefs((await find('/', all, 'infinity')).body);
    expect(deep).toEqual(['/', '/dir/', '/dir/file', '/dir/sub/']);
    expect((await find('/dir', all, '2')).status).toBe(400);
  });

  test('gives what was asked for, and 404 for what is not there', async () => {
    const prop =
      '<D:getcontentlength/><D:resourcetype/><o:fileid/><f:mtime/><f:mode/><u:unknown/><f:root-id/>';
    const { status, body } = await find('/dir/file', `<D:prop>${prop}</D:prop>`);
    expect(status).toBe(207);
    const { mtimeNs } = await stat(site.at('dir/file'), { bigint: true });
    expect(body).toContain('<D:getcontentlength>7</D:getcontentlength><D:resourcetype/>');
    expect(body).toMatch(/<oc:fileid>[\w-]+<\/oc:fileid>/);
    expect(body).toContain(`<F:mtime>${mtimeNs}</F:mtime>`);
    expect(body).toContain('<F:mode>0644</F:mode>');
    const [, missing] = body.split('</D:propstat>');
    expect(missing).toContain('unknown');
    expect(missing).toContain('<F:root-id/>');
    expect(missing).toContain('404 Not Found');
  });

  test('names the root by an id that a restart keeps', async () => {
    const ask = async () =>
      /<F:root-id>([^<]+)</.exec((await find('/', '<D:prop><f:root-id/></D:prop>')).body)?.[1];
    const before = await ask();
    expect(before).toMatch(/^[\da-f-]{36}$/);
    const again = await startServer({ directory: site.directory });
    await site.server.close();
    site = again;
    expect(await ask()).toBe(before);
  });

  test('tells quota on collections', async () => {
    const prop = '<D:prop><D:quota-available-bytes/><D:quota-used-bytes/></D:prop>';
    expect((await find('/', prop)).body).toMatch(
      /<D:quota-available-bytes>\d+<.*<D:quota-used-bytes>\d+</,
    );
  });

  test('lists thousands of names as one well-formed document', async () => {
    await mkdir(site.at('many'));
    for (let n = 0; n < 3000; n++) await writeFile(site.at(`many/${n} & <${n}>'".txt`), '');
    const { body } = await find('/many', '<D:allprop/>', '1');
    expect(hrefs(body)).toHaveLength(3001);
    expect(() => new SaxesParser({ xmlns: true }).write(body).close()).not.toThrow();
  });

  test.each([
    [
      'a document type',
      '<!DOCTYPE a [<!ENTITY e "x">]><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>',
    ],
    ['an external entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ['an undefined entity', '<D:propfind xmlns:D="DAV:">&xxe;</D:propfind>'],
    ['deep nesting', `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`],
    ['too much text', `<a>${'x'.repeat(70_000)}</a>`],
    ['a broken document', '<D:propfind xmlns:D="DAV:"><D:allprop>'],
    ['an unbound prefix', '<D:propfind/>'],
    ['another root', '<x/>'],
    ['bytes that are not UTF-8', Buffer.from([0x3c, 0xff, 0x3e])],
  ])('refuses %s with 400', async (_, body) => {
    expect((await site.ask('PROPFIND', '/', { depth: '0' }, body)).status).toBe(400);
  });

  test('refuses a body over one megabyte with 413 and lives on', async () => {
    const body = `<a>${'<b/>'.repeat(300_000)}</a>`;
    expect((await site.ask('PROPFIND', '/', { depth: '0' }, body)).status).toBe(413);
    expect((await find('/', '<D:allprop/>')).status).toBe(207);
  });
});

describe('PROPPATCH', () => {
  const ask = async (path: string) => (await find(path, '<D:prop><u:note/></D:prop>')).body;

  test('keeps a property with its markup and language, over a restart', async () => {
    const value = '<u:note xml:lang="de">a <b a="1">&lt;b&gt;</b> c</u:note>';
    expect((await set('/dir/file', value)).status).toBe(207);
    const again = await startServer({ directory: site.directory });
    await site.server.close();
    site = again;
    expect(await ask('/dir/file')).toContain('xml:lang="de"');
    expect(await ask('/dir/file')).toMatch(/>a <b xmlns="" a="1">&lt;b&gt;<\/b> c</);
  });

  test('removes a property', async () => {
    await set('/dir/file', '<u:note>x</u:note>');
    await patch('/dir/file', '<D:remove><D:prop><u:note/></D:prop></D:remove>');
    expect(await ask('/dir/file')).toContain('404 Not Found');
  });

  test('properties follow MOVE and COPY of a whole tree, and end with DELETE', async () => {
    await set('/dir/file', '<u:note>kept</u:note>');
    await site.ask('COPY', '/dir', { destination: '/copy' });
    await site.ask('MOVE', '/dir', { destination: '/moved' });
    expect(await ask('/copy/file')).toContain('>kept<');
    expect(await ask('/moved/file')).toContain('>kept<');
    await site.ask('DELETE', '/moved');
    await site.ask('MKCOL', '/moved');
    await site.ask('PUT', '/moved/file', {}, 'new');
    expect(await ask('/moved/file')).toContain('404 Not Found');
  });

  test('survive a PUT, but not a removal behind the back of the server', async () => {
    await set('/dir/file', '<u:note>kept</u:note>');
    await site.ask('PUT', '/dir/file', {}, 'again');
    expect(await ask('/dir/file')).toContain('>kept<');
    await rm(site.at('dir/file'));
    await site.ask('PUT', '/dir/file', {}, 'new');
    expect(await ask('/dir/file')).toContain('404 Not Found');
  });

  test('reads a journal whose last line a crash cut short', async () => {
    await set('/dir/file', '<u:note>kept</u:note>');
    await site.server.close();
    await appendFile(site.at('.ferry/properties/journal.ndjson'), '["dir/sub",[["{urn:u}n');
    site = await startServer({ directory: site.directory });
    expect(await ask('/dir/file')).toContain('>kept<');
    await set('/dir/sub', '<u:note>later</u:note>');
    await site.server.close();
    site = await startServer({ directory: site.directory });
    expect(await ask('/dir/sub')).toContain('>later<');
  });

  test('sets times and permission bits', async () => {
    await set('/dir/file', '<f:mtime>1234567890123456789</f:mtime><f:mode>0600</f:mode>');
    const { mtimeNs, mode } = await stat(site.at('dir/file'), { bigint: true });
    expect([mtimeNs, mode & 0o777n]).toEqual([1_234_567_890_123_456_789n, 0o600n]);
    await set('/dir/file', '<D:getlastmodified>Sun, 09 Sep 2001 01:46:40 GMT</D:getlastmodified>');
    expect((await stat(site.at('dir/file'))).mtimeMs).toBe(1_000_000_000_000);
    const windows =
      '<w:Win32LastModifiedTime xmlns:w="urn:schemas-microsoft-com:">Sun, 09 Sep 2001 01:46:41 GMT</w:Win32LastModifiedTime>';
    await set('/dir/sub', windows);
    expect((await stat(site.at('dir/sub'))).mtimeMs).toBe(1_000_000_001_000);
  });

  test('changes all or nothing when one property is protected', async () => {
    const { body } = await set('/dir/file', '<u:note>x</u:note><D:getetag>"y"</D:getetag>');
    expect(body).toContain('403 Forbidden');
    expect(body).toContain('<D:cannot-modify-protected-property/>');
    expect(body).toContain('424 Failed Dependency');
    expect(await ask('/dir/file')).toContain('404 Not Found');
  });
});
