import { describe, expect, test } from '@jest/globals';
import { retryAfterMs } from '../../../remotes/webdav/http.ts';
import { openWebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { at, item, observeAll, put, writeCode } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { answerListing } from '../../support/servers/misbehaving.ts';
import { closeFakesAfterEach, fakeRemote, fakeServer } from './fake-remote.ts';

closeFakesAfterEach();

const credentials = { user: 'anna', password: 'secret' };
const ROOT_AND_FILE = [{ href: '/' }, { href: '/file.txt', sizeBytes: 1 }];

describe('a busy server', () => {
  test('is asked again after the time that it names', async () => {
    let asked = 0;
    const { replica, slept } = await fakeRemote((_, response) => {
      asked += 1;
      if (asked < 3) response.writeHead(503, { 'retry-after': '2' }).end();
      else answerListing(response, ROOT_AND_FILE);
    });
    expect((await observeAll(replica)).order).toEqual(['file.txt']);
    expect(slept).toHaveLength(2);
    for (const ms of slept) expect(ms).toBeGreaterThanOrEqual(2000);
  });

  test('that stays busy is given up after a few tries, with growing waits', async () => {
    const { replica, server, slept } = await fakeRemote((_, response) =>
      response.writeHead(503).end(),
    );
    await expect(observeAll(replica)).rejects.toMatchObject({
      code: 'REMOTE_UNREACHABLE',
      retry: 'later',
    });
    expect(server.seen).toHaveLength(4);
    expect(slept[2]).toBeGreaterThan(slept[0] ?? 0);
  });

  test('that asks for an hour is left alone until a later run', async () => {
    const { replica, server, slept } = await fakeRemote((_, response) =>
      response.writeHead(429, { 'retry-after': '3600' }).end(),
    );
    await expect(observeAll(replica)).rejects.toMatchObject({
      code: 'REMOTE_RATE_LIMITED',
      retry: 'later',
    });
    expect(server.seen).toHaveLength(1);
    expect(slept).toEqual([]);
  });

  test('is not sent a write twice', async () => {
    const { replica, server } = await fakeRemote((_, response) => response.writeHead(503).end());
    expect(await writeCode(replica, item('file.txt', 'x'))).toBe('REMOTE_UNREACHABLE');
    expect(server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  test.each([
    [507, 'REMOTE_QUOTA'],
    [413, 'REMOTE_QUOTA'],
    [423, 'REMOTE_LOCKED'],
    [412, 'CHANGED'],
    [409, 'CHANGED'],
    [500, 'REMOTE_PROTOCOL'],
  ])('a write that is refused with %d says so', async (status, code) => {
    const { replica } = await fakeRemote((_, response) => response.writeHead(status).end());
    expect(await writeCode(replica, item('file.txt', 'x'))).toBe(code);
  });

  test('Retry-After is read as seconds and as a date', () => {
    const now = Date.parse('Sat, 21 Nov 2026 10:00:00 GMT');
    expect(retryAfterMs('7', now)).toBe(7000);
    expect(retryAfterMs('Sat, 21 Nov 2026 10:00:05 GMT', now)).toBe(5000);
    expect(retryAfterMs('Sat, 21 Nov 2026 09:00:05 GMT', now)).toBe(0);
    expect(retryAfterMs('soon', now)).toBe(0);
    expect(retryAfterMs(undefined, now)).toBe(0);
  });
});

describe('a sign-in', () => {
  test('is sent to the server of the remote', async () => {
    const { replica, server } = await fakeRemote(
      (_, response) => answerListing(response, ROOT_AND_FILE),
      { credentials },
    );
    await observeAll(replica);
    expect(server.seen[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('anna:secret').toString('base64')}`,
    );
  });

  test.each([301, 302, 303, 307, 308])(
    'never follows a redirect (%d) to another server, and neither does the request',
    async (status) => {
      const other = await fakeServer((_, response) => answerListing(response, ROOT_AND_FILE));
      const { replica } = await fakeRemote(
        (_, response) => response.writeHead(status, { location: other.url }).end(),
        { credentials },
      );
      const listing = observeAll(replica);
      await expect(listing).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
      await expect(listing).rejects.toThrow(new RegExp(new URL(other.url).host));
      expect(other.seen).toEqual([]);
    },
  );

  test.each([
    ['its name without a scheme', (other: URL) => `//${other.host}/`],
    ['the name of ours before an @', (other: URL, own: URL) => `http://${own.host}@${other.host}/`],
    ['backslashes', (other: URL) => `\\\\${other.host}\\`],
    ['our own name under another scheme', (_: URL, own: URL) => `https://${own.host}/`],
    ['a scheme that is none of the web', () => 'file:///etc/passwd'],
  ])('follows none to another server that is named by %s', async (_, locationOf) => {
    const other = await fakeServer((__, response) => answerListing(response, ROOT_AND_FILE));
    const { replica, server } = await fakeRemote(
      (request, response) => {
        const own = new URL(`http://${request.headers.host}/`);
        const location = locationOf(new URL(other.url), own);
        response.writeHead(307, { location }).end();
      },
      { credentials },
    );
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
    expect(other.seen).toEqual([]);
    expect(server.seen).toHaveLength(1);
  });

  test('follows a redirect on the same server', async () => {
    const { replica, server } = await fakeRemote(
      (request, response) => {
        if (request.url === '/') response.writeHead(308, { location: '/?again' }).end();
        else answerListing(response, ROOT_AND_FILE);
      },
      { credentials },
    );
    expect((await observeAll(replica)).order).toEqual(['file.txt']);
    expect(server.seen[1]?.headers.authorization).toMatch(/^Basic /);
  });

  test('is not sent round in circles', async () => {
    const { replica, server } = await fakeRemote((_, response) =>
      response.writeHead(302, { location: '/' }).end(),
    );
    await expect(observeAll(replica)).rejects.toMatchObject({ code: 'REMOTE_PROTOCOL' });
    expect(server.seen.length).toBeLessThan(6);
  });

  test('is never in an error or a log', async () => {
    const { replica, warnings } = await fakeRemote((_, response) => response.writeHead(401).end(), {
      credentials,
    });
    const error = await observeAll(replica).catch((thrown: unknown) => thrown);
    const text = `${error} ${JSON.stringify(error)} ${warnings.join()}`;
    expect(text).not.toMatch(/secret|YW5uYTpz/);
  });
});

describe('a server that lets nothing be written', () => {
  test('is probed without trials and can be read from', async () => {
    const server = await fakeServer((request, response) => {
      if (request.method === 'PROPFIND') answerListing(response, ROOT_AND_FILE);
      else response.writeHead(request.method === 'OPTIONS' ? 200 : 403).end();
    });
    const common = { url: server.url, ownerId: 'tests', clock: realClock, logger: quietLogger };
    const replica = await openWebdavReplica(common);
    expect((await observeAll(replica)).order).toEqual(['file.txt']);
    expect(replica.probe.ifMatch.put).toBe(false);
    await replica.close();
  });
});

describe('a server that is not there', () => {
  test('is unreachable, with what to check', async () => {
    const { replica, server } = await fakeRemote(() => {});
    await server.close();
    const listing = observeAll(replica);
    await expect(listing).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE', retry: 'later' });
    await expect(listing).rejects.toThrow(/nothing listens there/);
  });
});

describe('an answer that gets lost', () => {
  test('to a removal that was made is found out, and nothing is removed twice', async () => {
    let isThere = true;
    const { replica, server } = await fakeRemote((request, response) => {
      if (request.method === 'DELETE') {
        isThere = false;
        response.destroy();
      } else if (isThere) answerListing(response, [{ href: '/file.txt', sizeBytes: 1 }]);
      else response.writeHead(404).end();
    });
    const version = (await replica.stat(at('file.txt')))?.version;
    await replica.remove(at('file.txt'), { expected: version ?? 'directory' });
    expect(server.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  });

  test('to a write that was not made leads to one more try', async () => {
    let puts = 0;
    const { replica } = await fakeRemote((request, response) => {
      if (request.method === 'PUT') {
        puts += 1;
        if (puts === 1) response.destroy();
        else response.writeHead(201, { etag: '"v1"' }).end();
      } else if (puts > 1) answerListing(response, [{ href: '/file.txt', sizeBytes: 4 }]);
      else response.writeHead(404).end();
    });
    expect((await put(replica, 'file.txt', 'ours')).sizeBytes).toBe(4);
    expect(puts).toBe(2);
  });

  test('to a write that was made is looked at again by the next plan, not written twice', async () => {
    let puts = 0;
    const { replica } = await fakeRemote((request, response) => {
      if (request.method === 'PUT') {
        puts += 1;
        response.destroy();
      } else if (puts > 0) answerListing(response, [{ href: '/file.txt', sizeBytes: 4 }]);
      else response.writeHead(404).end();
    });
    expect(await writeCode(replica, item('file.txt', 'ours'))).toBe('CHANGED');
    expect(puts).toBe(1);
  });

  test('to a move that was made is found out', async () => {
    let isMoved = false;
    const { replica, server } = await fakeRemote((request, response) => {
      if (request.method === 'MOVE') {
        isMoved = true;
        response.destroy();
      } else if ((request.url === '/b') === isMoved)
        answerListing(response, [{ href: request.url ?? '', sizeBytes: 1 }]);
      else response.writeHead(404).end();
    });
    const version = (await replica.stat(at('a')))?.version;
    const moved = await replica.move(at('a'), at('b'), { expected: version ?? 'directory' });
    expect(moved.path).toBe('b');
    expect(server.seen.filter(({ method }) => method === 'MOVE')).toHaveLength(1);
  });
});
