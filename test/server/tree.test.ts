import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { etagIn, type Fixture, startServer } from './support/running-server.ts';

let site: Fixture;

beforeEach(async () => {
  site = await startServer();
  await mkdir(site.at('dir/sub'), { recursive: true });
  await writeFile(site.at('dir/one'), 'one');
  await writeFile(site.at('dir/sub/two'), 'two');
  await writeFile(site.at('file'), 'file');
});

afterEach(async () => {
  expect(await readdir(site.at('.ferry/stage'))).toEqual([]);
  await site.close();
});

const to = (path: string, more: Record<string, string> = {}) => ({ destination: path, ...more });

describe('MKCOL', () => {
  test('makes a collection with 201', async () => {
    expect((await site.ask('MKCOL', '/new/')).status).toBe(201);
    expect((await stat(site.at('new'))).isDirectory()).toBe(true);
  });

  test.each([
    ['an existing collection', '/dir', undefined, 405],
    ['an existing file', '/file', undefined, 405],
    ['a missing parent', '/none/new', undefined, 409],
    ['a file as the parent', '/file/new', undefined, 409],
    ['a body', '/new', '<x/>', 415],
  ])('refuses %s', async (_, path, body, status) => {
    expect((await site.ask('MKCOL', path, {}, body)).status).toBe(status);
  });
});

describe('DELETE', () => {
  test('removes a file, and answers 404 the second time', async () => {
    expect((await site.ask('DELETE', '/file')).status).toBe(204);
    expect((await site.ask('DELETE', '/file')).status).toBe(404);
  });

  test('removes a collection with all it holds, links themselves included', async () => {
    await symlink('../file', site.at('dir/link'));
    expect((await site.ask('DELETE', '/dir/')).status).toBe(204);
    expect((await readdir(site.directory)).sort()).toEqual(['.ferry', 'file']);
  });

  test('with Ferry-If-Empty spares a collection that holds anything, even what is not listed', async () => {
    const headers = { 'ferry-if-empty': 'T' };
    expect((await site.ask('DELETE', '/dir', headers)).status).toBe(409);
    await mkdir(site.at('hidden'));
    await symlink('x', site.at('hidden/link'));
    expect((await site.ask('DELETE', '/hidden', headers)).status).toBe(409);
    await mkdir(site.at('empty'));
    expect((await site.ask('DELETE', '/empty', headers)).status).toBe(204);
    expect((await site.ask('GET', '/dir/one')).body).toBe('one');
  });

  test("leaves another program's .ferry folder and says so", async () => {
    await mkdir(site.at('dir/sub/.ferry'));
    const answer = await site.ask('DELETE', '/dir');
    expect(answer.status).toBe(207);
    expect(answer.body).toContain('<D:href>/dir/sub/.ferry</D:href>');
    expect((await stat(site.at('dir/sub/.ferry'))).isDirectory()).toBe(true);
  });

  test('never removes the root', async () => {
    expect((await site.ask('DELETE', '/')).status).toBe(403);
  });
});

describe('MOVE', () => {
  test('renames a file, keeps its id and answers the ETag at the new place', async () => {
    const before = await fileId('/file');
    const moved = await site.ask('MOVE', '/file', to('/dir/moved'));
    expect(moved.status).toBe(201);
    expect(etagIn(moved)).toBe(etagIn(await site.ask('HEAD', '/dir/moved')));
    expect(await fileId('/dir/moved')).toBe(before);
    expect((await site.ask('GET', '/file')).status).toBe(404);
  });

  test('renames a whole collection', async () => {
    expect((await site.ask('MOVE', '/dir/', to('/renamed/'))).status).toBe(201);
    expect((await site.ask('GET', '/renamed/sub/two')).body).toBe('two');
  });

  test.each([
    ['/file', '/dir/one', 'file'],
    ['/file', '/dir/sub', 'file'],
  ])('replaces what is at the destination: %s over %s', async (from, target, body) => {
    expect((await site.ask('MOVE', from, to(target, { overwrite: 'F' }))).status).toBe(412);
    expect((await site.ask('MOVE', from, to(target))).status).toBe(204);
    expect((await site.ask('GET', target)).body).toBe(body);
    expect((await site.ask('GET', from)).status).toBe(404);
  });

  test('replaces a file by a collection', async () => {
    expect((await site.ask('MOVE', '/dir', to('/file'))).status).toBe(204);
    expect((await site.ask('GET', '/file/sub/two')).body).toBe('two');
  });

  test.each([
    ['into itself', '/dir', '/dir/sub/dir', 403],
    ['onto itself', '/dir', '/dir', 403],
    ['over its own parent', '/dir/sub', '/dir', 403],
    ['to the root', '/dir', '/', 403],
    ['the root', '/', '/x', 403],
    ['what is missing', '/none', '/x', 404],
    ['below a missing collection', '/file', '/none/x', 409],
  ])('is refused %s', async (_, from, target, status) => {
    expect((await site.ask('MOVE', from, to(target))).status).toBe(status);
    expect((await site.ask('GET', '/dir/sub/two')).body).toBe('two');
  });

  test('is refused without a destination and with an unknown Overwrite', async () => {
    expect((await site.ask('MOVE', '/file')).status).toBe(400);
    expect((await site.ask('MOVE', '/file', to('/x', { overwrite: 'maybe' }))).status).toBe(400);
  });

  test('over a file goes ahead only when the If header holds for that file', async () => {
    const target = etagIn(await site.ask('HEAD', '/dir/one'));
    const wrong = to('/dir/one', { if: `<${site.server.url}dir/one> (["no"])` });
    expect((await site.ask('MOVE', '/file', wrong)).status).toBe(412);
    const right = to('/dir/one', { if: `<${site.server.url}dir/one> ([${target}])` });
    expect((await site.ask('MOVE', '/file', right)).status).toBe(204);
    expect((await site.ask('GET', '/dir/one')).body).toBe('file');
  });
});

describe('COPY', () => {
  test('copies a file with its time and permission bits', async () => {
    await site.ask('PUT', '/src', { 'x-oc-mtime': '1500000000.5', 'ferry-mode': '0640' }, 'src');
    expect((await site.ask('COPY', '/src', to('/dst'))).status).toBe(201);
    const copied = await stat(site.at('dst'), { bigint: true });
    expect(copied.mtimeNs).toBe(1_500_000_000_500_000_000n);
    expect(Number(copied.mode & 0o777n)).toBe(0o640);
  });

  test('copies a collection with all it holds, or alone with Depth: 0', async () => {
    expect((await site.ask('COPY', '/dir', to('/deep'))).status).toBe(201);
    expect((await site.ask('GET', '/deep/sub/two')).body).toBe('two');
    expect((await site.ask('COPY', '/dir', to('/flat', { depth: '0' }))).status).toBe(201);
    expect(await readdir(site.at('flat'))).toEqual([]);
  });

  test('replaces a collection as a whole', async () => {
    await site.ask('COPY', '/dir', to('/other'));
    await site.ask('PUT', '/other/extra', {}, 'x');
    expect((await site.ask('COPY', '/dir', to('/other', { overwrite: 'F' }))).status).toBe(412);
    expect((await site.ask('COPY', '/dir', to('/other'))).status).toBe(204);
    expect((await site.ask('GET', '/other/extra')).status).toBe(404);
  });

  test('into itself is refused', async () => {
    expect((await site.ask('COPY', '/dir', to('/dir/sub/copy'))).status).toBe(403);
  });

  test('copies no links', async () => {
    await symlink('/etc', site.at('dir/link'));
    expect((await site.ask('COPY', '/dir', to('/clean'))).status).toBe(201);
    expect((await readdir(site.at('clean'))).sort()).toEqual(['one', 'sub']);
  });
});

test('changes to one tree at the same time lose nothing', async () => {
  const names = Array.from({ length: 40 }, (_, index) => `/dir/f${index}`);
  const changes = names.flatMap((name) => [
    site.ask('PUT', name, {}, name),
    site.ask('MOVE', name, to(`${name}-moved`)),
  ]);
  const statuses = (await Promise.all(changes)).map(({ status }) => status);
  expect(statuses.every((status) => [201, 204, 404].includes(status))).toBe(true);
  for (const name of names) {
    const [plain, moved] = [await site.ask('GET', name), await site.ask('GET', `${name}-moved`)];
    expect([plain, moved].filter(({ body }) => body === name)).toHaveLength(1);
  }
});

async function fileId(path: string): Promise<string> {
  const body =
    '<D:propfind xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns"><D:prop><o:fileid/></D:prop></D:propfind>';
  const answer = await site.ask('PROPFIND', path, { depth: '0' }, body);
  return /<oc:fileid>([^<]+)</.exec(answer.body)?.[1] ?? '';
}
