import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isNativeAvailable } from '../../native/index.ts';
import { hashPassword } from '../../server/users.ts';
import { actualTree, FeedReader, shown } from './support/feed-reader.ts';
import { type Fixture, startServer } from './support/running-server.ts';
import { parseSync, syncBody } from './support/sync-reader.ts';

let fixture: Fixture;

afterEach(() => fixture.close());

const LOG = '.ferry/feed/changes.ndjson';

function write(path: string, content = path): void {
  fs.mkdirSync(dirname(fixture.at(path)), { recursive: true });
  fs.writeFileSync(fixture.at(path), content);
}

async function follower(
  options: ConstructorParameters<typeof FeedReader>[1] = {},
): Promise<FeedReader> {
  const reader = new FeedReader(fixture, options);
  await reader.follow();
  return reader;
}

/** The lines of the next answer, each as its kind and path. */
async function told(reader: FeedReader): Promise<readonly string[]> {
  const lines = await reader.follow();
  expect(shown(reader.tree)).toBe(shown(actualTree(fixture.directory)));
  return (lines ?? []).map(({ kind, path, from }) =>
    from === undefined ? `${kind} ${path}` : `${kind} ${from} ${path}`,
  );
}

/** Ends the server, does something, and serves the same directory again. */
async function restart(meanwhile: () => void, reader: FeedReader): Promise<void> {
  const { directory } = fixture;
  await fixture.server.close();
  meanwhile();
  fixture = await startServer({ directory });
  reader.turnTo(fixture);
}

const describeNative = isNativeAvailable() ? describe : describe.skip;
if (!isNativeAvailable()) process.stderr.write('the feed is not tested: the addon is not built\n');

describeNative('the feed', () => {
  it('says in one small answer that nothing has changed, and which tree it is', async () => {
    fixture = await startServer();
    write('a/b');
    const reader = await follower();
    const { status, body, headers } = await reader.ask();
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ cursor: reader.cursor, epoch: reader.epoch, changes: 0 });
    const rootId = /root-id>([^<]+)</.exec(
      (
        await fixture.ask(
          'PROPFIND',
          '/',
          { depth: '0' },
          '<D:propfind xmlns:D="DAV:"><D:prop><x:root-id xmlns:x="urn:ferry"/></D:prop></D:propfind>',
        )
      ).body,
    )?.[1];
    expect(headers).toMatchObject({ 'ferry-root-id': rootId });
    expect(headers['ferry']).toMatch(/^1; .*\bfeed events$/);
  });

  it('tells of requests by path', async () => {
    fixture = await startServer();
    const reader = await follower();
    await fixture.ask('PUT', '/file', {}, 'content');
    expect(await told(reader)).toEqual(['file file']);
    await fixture.ask('PUT', '/file', {}, 'other');
    await fixture.ask('MKCOL', '/made');
    expect(await told(reader)).toEqual(['file file', 'collection made', 'listing made']);
    await fixture.ask('MOVE', '/file', { destination: `${fixture.server.url}made/moved` });
    expect(await told(reader)).toEqual(['gone file', 'file made/moved']);
    await fixture.ask('DELETE', '/made');
    expect(await told(reader)).toEqual(['gone made']);
    expect(await told(reader)).toEqual([]);
  });

  it('tells of other programs what they did immediately before the question', async () => {
    fixture = await startServer();
    write('a/b/file');
    const reader = await follower();
    for (let round = 0; round < 20; round++) {
      write('a/b/file', `content ${round}`);
      expect(await told(reader)).toEqual(['file a/b/file']);
      write(`new/${round}/deep/er/file`);
      expect(await told(reader)).toContain(`file new/${round}/deep/er/file`);
    }
  });

  it('tells of a renamed directory of thousands in three lines', async () => {
    fixture = await startServer();
    for (let count = 0; count < 2000; count++) write(`large/${count % 20}/${count}`, '');
    write('other/file');
    const reader = await follower();
    fs.renameSync(fixture.at('large'), fixture.at('other/renamed'));
    fs.rmSync(fixture.at('other/renamed/7/7'));
    expect(await told(reader)).toEqual([
      'moved large other/renamed',
      'gone large',
      'collection other/renamed',
      'gone other/renamed/7/7',
    ]);
    const destination = { destination: `${fixture.server.url}back` };
    await fixture.ask('MOVE', '/other/renamed/', destination);
    const answer = await reader.ask();
    expect(answer.bytes.length).toBeLessThan(600);
    expect(await told(reader)).toHaveLength(3);
  });

  it('misses nothing when the kernel loses track of 20,000 new files', async () => {
    fixture = await startServer();
    write('many/first');
    const reader = await follower();
    for (let count = 0; count < 20_000; count++)
      fs.closeSync(fs.openSync(fixture.at(`many/${count}`), 'w'));
    await told(reader);
    expect(reader.tree.size).toBe(20_002);
    expect(fixture.log.join()).toContain('lost track');
    write('many/after');
    expect(await told(reader)).toEqual(['file many/after']);
    expect(reader.listings).toBe(1);
  }, 120_000);

  it('is bounded: what is forgotten by name is told by directory', async () => {
    fixture = await startServer({ feed: { limits: { maxNames: 100, maxMoves: 2 } } });
    for (let count = 0; count < 10; count++) write(`d${count}/file`);
    const reader = await follower();
    for (let count = 0; count < 200; count++) write(`d${count % 10}/${count}`);
    for (let count = 0; count < 5; count++)
      fs.renameSync(fixture.at(`d${count}`), fixture.at(`e${count}`));
    const lines = await told(reader);
    expect(lines).toContain('listing d9');
    expect(lines).toContain('listing e0');
    expect(lines).not.toContain('moved d0 e0');
  });

  it('refuses a cursor that is none, and is there for collections only', async () => {
    fixture = await startServer();
    write('closed/file');
    const reader = await follower();
    expect((await reader.ask('no cursor')).status).toBe(410);
    expect((await new FeedReader(fixture, { collection: 'nothing' }).ask()).status).toBe(404);
    expect((await new FeedReader(fixture, { collection: 'closed/file' }).ask()).status).toBe(404);
    expect((await reader.ask()).status).toBe(200);
  });
});

describeNative('a cursor', () => {
  it('is followed after a restart, with what happened in between', async () => {
    fixture = await startServer();
    for (const path of ['a/file', 'b/file', 'c/deep/file']) write(path);
    const reader = await follower();
    write('a/before');
    await restart(() => {
      write('b/meanwhile');
      fs.renameSync(fixture.at('c'), fixture.at('z'));
    }, reader);
    const lines = await told(reader);
    expect(lines).toEqual(expect.arrayContaining(['listing a', 'listing b', 'listing z/deep']));
    expect(reader.listings).toBe(1);
    await restart(() => undefined, reader);
    await reader.ask();
    fs.chmodSync(fixture.at('z/deep'), 0o711);
    await restart(() => undefined, reader);
    expect(await told(reader)).toEqual(expect.arrayContaining(['listing z', 'collection z/deep']));
    await restart(() => undefined, reader);
    expect(await told(reader)).toEqual([]);
  });

  it('is refused when the record of the feed is lost, damaged, or put back from a copy', async () => {
    fixture = await startServer();
    write('file');
    const damages: readonly (() => void)[] = [
      () => fs.rmSync(fixture.at(LOG)),
      () => fs.writeFileSync(fixture.at(LOG), 'not a record\n'),
      () => {
        const lines = fs.readFileSync(fixture.at(LOG), 'utf8').split('\n');
        fs.writeFileSync(fixture.at(LOG), [lines[0], 'x', ...lines.slice(1)].join('\n'));
      },
      () => {
        fs.copyFileSync(fixture.at(LOG), fixture.at('.ferry/copy'));
        fs.renameSync(fixture.at('.ferry/copy'), fixture.at(LOG));
      },
    ];
    for (const damage of damages) {
      const reader = await follower();
      const { epoch } = reader;
      write('file', `${Math.random()}`);
      await reader.follow();
      await restart(damage, reader);
      expect((await reader.ask()).status).toBe(410);
      await reader.follow();
      expect(reader.epoch).not.toBe(epoch);
      expect(shown(reader.tree)).toBe(shown(actualTree(fixture.directory)));
    }
  });

  it('that the server has forgotten, as its disk was put back in time, begins a new epoch', async () => {
    fixture = await startServer();
    write('file');
    const early = await follower();
    const kept = fs.readFileSync(fixture.at(LOG));
    write('file', 'seen by a client, and then undone');
    const late = await follower();
    // The same file with its content of before: what a snapshot that is rolled back looks like.
    await restart(() => fs.writeFileSync(fixture.at(LOG), kept), early);
    expect((await early.ask()).status).toBe(200);
    late.turnTo(fixture);
    expect((await late.ask()).status).toBe(410);
    expect((await early.ask()).status).toBe(410);
    const { epoch } = late;
    await late.follow();
    expect(late.epoch).not.toBe(epoch);
  });

  it('is of no use to another user, for another collection, or when it is changed', async () => {
    const passwordHash = await hashPassword('secret');
    const users = ['ann', 'bob'].map((name) => ({ name, passwordHash }));
    fixture = await startServer({ users });
    for (const path of ['a/file', 'b/file']) write(path);
    const as = (name: string) => ({
      authorization: `Basic ${Buffer.from(`${name}:secret`).toString('base64')}`,
    });
    const ann = await follower({ collection: 'a', headers: as('ann') });
    const bob = new FeedReader(fixture, { collection: 'a', headers: as('bob') });
    const other = new FeedReader(fixture, { collection: 'b', headers: as('ann') });
    expect((await ann.ask()).status).toBe(200);
    expect((await bob.ask(ann.cursor)).status).toBe(410);
    expect((await other.ask(ann.cursor)).status).toBe(410);
    const cursor = ann.cursor ?? '';
    await fc.assert(
      fc.asyncProperty(
        fc.nat(cursor.length - 1),
        fc.constantFrom(...'aZ09_-.'),
        async (at, char) => {
          const forged = cursor.slice(0, at) + char + cursor.slice(at + 1);
          expect((await ann.ask(forged)).status).toBe(forged === cursor ? 200 : 410);
        },
      ),
      { numRuns: 60 },
    );
    const { epoch } = ann;
    await ann.follow();
    expect(ann.epoch).toBe(epoch);
  });
});

describeNative('a sync report', () => {
  it('tells of direct members only at level 1, and refuses what it cannot read', async () => {
    fixture = await startServer();
    write('a/file');
    const first = parseSync(await fixture.ask('REPORT', '/', {}, syncBody('', { level: '1' })));
    expect([...first.members.keys()]).toEqual(['/a/']);
    write('a/other');
    write('beside');
    const options = { level: '1' };
    const next = parseSync(await fixture.ask('REPORT', '/', {}, syncBody(first.token, options)));
    expect([...next.members.keys()]).toEqual(['/beside']);
    const statusOf = async (body: string, headers = {}): Promise<number> =>
      (await fixture.ask('REPORT', '/', headers, body)).status;
    expect(await statusOf(syncBody('urn:ferry:cursor:none'))).toBe(403);
    expect(await statusOf(syncBody('', { level: '2' }))).toBe(400);
    expect(await statusOf(syncBody(''), { depth: '1' })).toBe(400);
    expect(await statusOf('<D:expand-property xmlns:D="DAV:"/>')).toBe(403);
  });

  it('begins where a listing that was asked for before ends', async () => {
    fixture = await startServer();
    write('file');
    await follower();
    const body =
      '<D:propfind xmlns:D="DAV:"><D:prop><D:sync-token/><D:supported-report-set/></D:prop></D:propfind>';
    const listing = await fixture.ask('PROPFIND', '/', { depth: '0' }, body);
    expect(listing.body).toContain('<D:sync-collection/>');
    const token = /<D:sync-token>(.*?)</.exec(listing.body)?.[1] ?? '';
    write('later');
    const { members } = parseSync(await fixture.ask('REPORT', '/', {}, syncBody(token)));
    expect([...members.keys()]).toContain('/later');
  });
});

describe('a server without a feed', () => {
  it.each([
    ['that may not write', { readOnly: true }],
    ['without the addon', { backend: 'javascript' as const }],
  ])('%s does not announce one, and answers as any WebDAV server', async (_, options) => {
    fixture = await startServer(options);
    write('file');
    const { headers } = await fixture.ask('OPTIONS', '/');
    expect(headers['ferry']).not.toMatch(/feed|events/);
    const accept = 'application/vnd.ferry.changes';
    const answer = await fixture.ask('GET', '/', { accept });
    expect(answer.headers['content-type']).toContain('text/html');
    expect((await fixture.ask('REPORT', '/', {}, syncBody(''))).status).toBe(403);
    expect((await fixture.ask('PROPFIND', '/', { depth: '1' })).body).toContain('/file');
  });
});
