import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { runFolderName } from '../../core/model/version-folder.ts';
import { type Fixture, startServer } from './support/running-server.ts';

let fixture: Fixture;

afterEach(() => fixture.close());

/** What the version store holds: contents by path, those of one path in the order in which they were displaced. */
function kept(): Readonly<Record<string, readonly string[]>> {
  const store = fixture.at('.ferry/versions');
  if (!fs.existsSync(store)) return {};
  const found: Record<string, string[]> = {};
  const order = new Intl.Collator('en', { numeric: true });
  for (const folder of fs.readdirSync(store).sort(order.compare))
    for (const item of fs.readdirSync(join(store, folder), {
      recursive: true,
      withFileTypes: true,
    })) {
      if (item.isDirectory()) continue;
      const file = join(item.parentPath, item.name);
      const path = file.slice(join(store, folder).length + 1);
      found[path] = [...(found[path] ?? []), fs.readFileSync(file, 'utf8')];
    }
  return found;
}

async function put(path: string, body: string, headers: Record<string, string> = {}) {
  const { status, headers: answer } = await fixture.ask('PUT', path, headers, body);
  expect([201, 204]).toContain(status);
  return `${answer['etag']}`;
}

describe('the server keeps', () => {
  it('what a PUT replaces, with and without a condition', async () => {
    fixture = await startServer();
    const etag = await put('/file.txt', 'one');
    await put('/file.txt', 'two', { 'if-match': etag });
    await put('/file.txt', 'three');
    expect(kept()).toEqual({ 'file.txt': ['one', 'two'] });
    expect(fs.readFileSync(fixture.at('file.txt'), 'utf8')).toBe('three');
    expect(fs.statSync(fixture.at('.ferry/versions')).mode & 0o777).toBe(0o700);
    expect(fs.readdirSync(fixture.at('.ferry/stage'))).toEqual([]);
  });

  it('what a DELETE removes, file by file and as a collection', async () => {
    fixture = await startServer();
    await fixture.ask('MKCOL', '/folder');
    await fixture.ask('MKCOL', '/folder/deep');
    await put('/folder/deep/x', 'deep');
    await put('/folder/y', 'not so deep');
    const etag = await put('/single', 'alone');
    expect((await fixture.ask('DELETE', '/single', { 'if-match': etag })).status).toBe(204);
    expect((await fixture.ask('DELETE', '/folder')).status).toBe(204);
    expect(kept()).toEqual({
      'folder/deep/x': ['deep'],
      'folder/y': ['not so deep'],
      single: ['alone'],
    });
    expect(fs.existsSync(fixture.at('folder'))).toBe(false);
  });

  it('what a MOVE or COPY takes the place of, whole collections too', async () => {
    fixture = await startServer();
    await put('/a', 'of a');
    await put('/b', 'of b');
    await fixture.ask('MKCOL', '/folder');
    await put('/folder/inside', 'was inside');
    const to = (path: string) => ({ destination: `${fixture.server.url}${path}` });
    expect((await fixture.ask('MOVE', '/a', to('b'))).status).toBe(204);
    expect((await fixture.ask('COPY', '/b', to('folder'))).status).toBe(204);
    expect(kept()).toEqual({ b: ['of b'], 'folder/inside': ['was inside'] });
    expect(fs.readFileSync(fixture.at('folder'), 'utf8')).toBe('of a');
  });

  it('nothing that a client can reach', async () => {
    fixture = await startServer();
    await put('/file', 'one');
    await put('/file', 'two');
    expect((await fixture.ask('GET', '/.ferry/versions/')).status).toBe(404);
    const listing = await fixture.ask('PROPFIND', '/', { depth: '1' });
    expect(listing.body).not.toContain('.ferry');
  });

  it('nothing where it is told so', async () => {
    fixture = await startServer({ keepVersions: null });
    await put('/file', 'one');
    await put('/file', 'two');
    await fixture.ask('DELETE', '/file');
    expect(kept()).toEqual({});
  });

  it('versions no longer than they are to be kept, and the newest of each path longest', async () => {
    const now = Date.UTC(2026, 0, 31);
    fixture = await startServer({ keepVersions: { days: 7, bytes: 8 }, clock: { now: () => now } });
    const keep = (name: string, days: number, isOnlyCopy = false) => {
      const folder = runFolderName(now - days * 86_400_000, isOnlyCopy);
      const file = fixture.at(`.ferry/versions/${folder}/${name}`);
      fs.mkdirSync(dirname(file), { recursive: true });
      fs.writeFileSync(file, `${name} `);
    };
    keep('old', 8);
    keep('often', 3);
    keep('often', 2);
    keep('never sent', 90, true);
    await put('/x', '1');
    await put('/x', '2');
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline && kept()['old'] !== undefined) await sleep(20);
    await sleep(50);
    expect(kept()).toEqual({ 'never sent': ['never sent '], often: ['often '], x: ['1'] });
  });

  it('all versions of a file that many clients replace at once', async () => {
    fixture = await startServer();
    await put('/file', 'start');
    const bodies = Array.from({ length: 20 }, (_, index) => `body ${index}`);
    await Promise.all(bodies.map((body) => put('/file', body)));
    const last = fs.readFileSync(fixture.at('file'), 'utf8');
    expect([...(kept()['file'] ?? []), last].sort()).toEqual(['start', ...bodies].sort());
  });
});
