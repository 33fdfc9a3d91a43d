import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Displacement, Replica, StoredVersion } from '../../../core/ports.ts';
import { openWebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { at, put, versionOf } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { companion } from '../../support/servers/companion.ts';
import type { RealServer } from '../../support/servers/real-server.ts';

let server: RealServer;
let replica: Replica;

beforeEach(async () => {
  server = await companion().start();
  replica = await openWebdavReplica({
    url: server.url,
    ownerId: 'laptop',
    clock: realClock,
    logger: quietLogger,
  });
});

afterEach(async () => {
  await replica.close();
  await server.close();
});

async function list(path = ''): Promise<readonly StoredVersion[]> {
  const found: StoredVersion[] = [];
  for await (const batch of replica.versions?.list(at(path)) ?? []) found.push(...batch);
  return found;
}

async function textOf(version: StoredVersion): Promise<string> {
  const content = await replica.versions?.read(version);
  const pieces: Uint8Array[] = [];
  for await (const piece of content?.stream ?? []) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function replace(path: string, text: string, displacement: Displacement): Promise<void> {
  const expected = await versionOf(replica, path);
  const item = {
    path: at(path),
    expected,
    sizeBytes: text.length,
    sourceVersion: expected,
    displacement,
    open: async () => [Buffer.from(text)] as unknown as AsyncIterable<Uint8Array>,
  };
  for await (const results of replica.writeMany([item]))
    for (const result of results) if ('error' in result) throw result.error;
}

describe('the versions of a companion server', () => {
  it('are named by the requests that displace them, listed and read', async () => {
    await replica.makeDirectory(at('odd ünter #1'));
    await put(replica, 'odd ünter #1/file 100%.txt', 'one');
    const names: string[] = [];
    const note = (isOnlyCopy: boolean): Displacement => ({
      cause: 'replaced',
      run: 3,
      isOnlyCopy,
      onKept: (name) => names.push(name),
    });
    await replace('odd ünter #1/file 100%.txt', 'two!', note(false));
    const expected = await versionOf(replica, 'odd ünter #1/file 100%.txt');
    const displacement = note(true);
    await replica.remove(at('odd ünter #1/file 100%.txt'), { expected, displacement });
    await replica.remove(at('odd ünter #1'), { expected: 'directory' });
    const versions = await list('odd ünter #1');
    expect(versions.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual(
      expect.arrayContaining([
        ['odd ünter #1/file 100%.txt', 3],
        ['odd ünter #1/file 100%.txt', 4],
      ]),
    );
    expect(names.toSorted()).toEqual(versions.map(({ id }) => id).toSorted());
    expect(versions.find(({ sizeBytes }) => sizeBytes === 4)?.isOnlyCopy).toBe(true);
    expect((await Promise.all(versions.map(textOf))).sort()).toEqual(['one', 'two!']);
    const [path, id] = [at('odd ünter #1/file 100%.txt'), names[0] ?? ''];
    expect(await replica.versions?.find(path, id)).toMatchObject({ id, sizeBytes: 3 });
    expect(await list('elsewhere')).toEqual([]);
    expect(await list()).toHaveLength(2);
  });

  it('are no way to what is private, and never the file of today', async () => {
    await put(replica, 'file', 'today');
    const version = {
      path: at('file'),
      id: '2020-01-01T00-00-00Z',
      kind: 'file',
      keptAtMs: 0,
      sizeBytes: 5,
      cause: null,
      run: null,
      isOnlyCopy: false,
    } as const;
    await expect(textOf(version)).rejects.toMatchObject({ code: 'LOCAL_NOT_FOUND' });
    for (const id of ['..', '../stage', '.', '2020-01-01T00-00-00Z/..', '%2e%2e'])
      await expect(textOf({ ...version, id })).rejects.toMatchObject({ code: 'LOCAL_NOT_FOUND' });
  });
});
