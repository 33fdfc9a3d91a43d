import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, take, toArray } from 'rxjs';
import type { Cursor } from '../../../core/feed.ts';
import {
  answerListing,
  type Misbehaviour,
  WELL_BEHAVED,
} from '../../support/servers/misbehaving.ts';
import { closeFakesAfterEach, fakeRemote } from './fake-remote.ts';

closeFakesAfterEach();

const CHANGES = 'application/vnd.ferry.changes';
const CURSOR = 'before' as Cursor;
const companion = { probe: { ...WELL_BEHAVED, companion: true } };

/** Answers questions about changes with these lines, and everything else with an empty folder. */
function saying(lines: readonly unknown[], status = 200, type = CHANGES): Misbehaviour {
  return (request, response) => {
    if (request.headers.accept !== CHANGES) return answerListing(response, [{ href: '/' }]);
    response.writeHead(status, { 'content-type': type, ferry: '1; feed' });
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };
}

function end(changes: number): unknown {
  return { cursor: 'after', epoch: 'e', changes };
}

const FILE = { kind: 'file', etag: '"v"', bytes: 3, mtime: '1500000000', mode: '0640', id: 'i' };

describe('what the companion server says has changed', () => {
  it('is asked for in the one request that says which tree it is', async () => {
    const { replica, server } = await fakeRemote(saying([end(0)]), companion);
    const identity = await replica.identify({ since: CURSOR });
    expect(identity.feed).toEqual({ cursor: 'after', epoch: 'e', changes: [] });
    expect(server.seen.map(({ headers }) => headers['ferry-cursor'])).toEqual(['before']);
  });

  it('is read line by line', async () => {
    const lines = [
      { path: 'b', kind: 'moved', from: 'a', id: 'd' },
      { path: 'b/file', ...FILE },
      { path: 'new', kind: 'collection', mode: '0755', id: 'n' },
      { path: 'new', kind: 'listing', members: 2 },
      { path: 'new/one', ...FILE },
      { path: 'new/sub', kind: 'collection', mode: '0755', id: 's' },
      { path: 'new/sub', kind: 'listing', members: 0 },
      { path: 'gone', kind: 'gone' },
      { path: 'secret', kind: 'unknown', status: 403 },
    ];
    const { replica } = await fakeRemote(saying([...lines, end(9)]), companion);
    const { feed } = await replica.identify({ since: CURSOR });
    const file = { kind: 'file', version: 'e:v', sizeBytes: 3, mtimeNs: 1_500_000_000n };
    const kept = { mode: 0o640, identity: 'i' };
    const directory = { kind: 'directory', version: 'directory', mode: 0o755 };
    expect(feed?.changes).toEqual([
      { type: 'moved', from: 'a', path: 'b', identity: 'd' },
      { type: 'entry', entry: { path: 'b/file', ...file, ...kept } },
      { type: 'entry', entry: { path: 'new', ...directory, identity: 'n' } },
      {
        type: 'listing',
        directory: 'new',
        entries: [
          { path: 'new/one', ...file, ...kept },
          { path: 'new/sub', ...directory, identity: 's' },
        ],
      },
      { type: 'listing', directory: 'new/sub', entries: [] },
      { type: 'gone', path: 'gone' },
      {
        type: 'problem',
        path: 'secret',
        error: expect.objectContaining({ code: 'REMOTE_FORBIDDEN' }),
      },
    ]);
  });

  it('has to be listed where names are composed otherwise than in paths', async () => {
    const raw = 'cafe\u0301';
    const lines = [{ path: `a/${raw}/file`, ...FILE }, end(1)];
    const { replica } = await fakeRemote(saying(lines), companion);
    const { feed } = await replica.identify({ since: CURSOR });
    expect(feed?.changes).toEqual([{ type: 'unclear', directory: `a/${raw}`.normalize('NFC') }]);
  });

  it.each([
    ['ends without its last line', [{ path: 'a', kind: 'gone' }]],
    ['leaves lines out', [{ path: 'a', kind: 'gone' }, end(2)]],
    [
      'ends within a listing',
      [{ path: '', kind: 'listing', members: 2 }, { path: 'a', ...FILE }, end(2)],
    ],
    ['goes on after its last line', [end(0), end(0)]],
    ['leads out of the folder', [{ path: '../a', kind: 'gone' }, end(1)]],
    ['says something unknown', [{ path: 'a', kind: 'evaporated' }, end(1)]],
    ['gives a file no version', [{ path: 'a', kind: 'file', bytes: 1 }, end(1)]],
    ['is no object', ['text', end(0)]],
  ])('is not believed when it %s', async (_, lines) => {
    const { replica } = await fakeRemote(saying(lines), companion);
    await expect(replica.identify({ since: CURSOR })).rejects.toMatchObject({
      code: 'REMOTE_PROTOCOL',
    });
  });

  it('is nothing when the cursor is refused: then there is another cursor to begin with', async () => {
    const behave: Misbehaviour = (request, response) =>
      saying([end(0)], request.headers['ferry-cursor'] === undefined ? 200 : 410)(
        request,
        response,
      );
    const { replica } = await fakeRemote(behave, companion);
    const { feed } = await replica.identify({ since: CURSOR });
    expect(feed).toEqual({ cursor: 'after', epoch: 'e', changes: null });
  });

  it('is not taken from a page that something else on the way has answered', async () => {
    const { replica } = await fakeRemote(saying([end(0)], 200, 'text/html'), companion);
    expect((await replica.identify({ since: CURSOR })).feed).toBeUndefined();
  });

  it('is not asked for where nobody wants to know', async () => {
    const { replica, server } = await fakeRemote(saying([end(0)]), companion);
    await replica.identify();
    expect(server.seen.map(({ method }) => method)).toEqual(['PROPFIND']);
  });
});

describe('hints of the companion server', () => {
  function telling(events: string): Misbehaviour {
    return (request, response) => {
      if (request.method === 'OPTIONS') {
        response.writeHead(200, { ferry: '1; events' });
        response.end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(events);
    };
  }
  const watching = { ...companion, watch: true };

  it('name what changed, after the root when the connection was made', async () => {
    const events = `:\n\nevent: changes\ndata: {"paths":["a/b.txt",".ferry-tmp-x"]}\n\ndata: {"paths":null}\n\n`;
    const { replica } = await fakeRemote(telling(events), watching);
    const hints = await firstValueFrom(replica.changes$.pipe(take(3), toArray()));
    expect(hints).toEqual(['', 'a/b.txt', '']);
  });

  it('come again when the connection was lost, later each time', async () => {
    const { replica, slept } = await fakeRemote(telling(''), watching);
    const connected = new Promise<void>((resolve) => {
      const subscription = replica.changes$.subscribe();
      const look = setInterval(() => {
        if (slept.length < 6) return;
        clearInterval(look);
        subscription.unsubscribe();
        resolve();
      }, 5);
    });
    await connected;
    expect(slept[5]).toBeGreaterThan(slept[0] ?? Number.POSITIVE_INFINITY);
    expect(Math.max(...slept.slice(0, 6))).toBeLessThanOrEqual(60_000);
  });

  it('are asked for by nobody who does not watch', async () => {
    const { replica, server } = await fakeRemote(telling(''), companion);
    replica.changes$.subscribe().unsubscribe();
    expect(server.seen).toEqual([]);
  });
});
