import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { openWebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { at, item, observeAll, writeAll } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import type { ServerKind } from '../../support/servers/real-server.ts';
import { faultyServer } from '../../support/servers/wire/faulty-server.ts';
import { describeRealServer } from './real-server-suite.ts';

/** An earlier companion server, which takes and gives one file at a time. */
function withoutBatches(): ServerKind {
  return { name: 'companion server without batches', reason: null, start: () => faultyServer() };
}

describeRealServer(withoutBatches(), () => undefined);

test('what was found out of an earlier server does not hide what its successor offers, nor the other way round', async () => {
  const server = await faultyServer();
  const common = { url: server.url, ownerId: 'tests', clock: realClock, logger: quietLogger };
  const first = await openWebdavReplica(common);
  const { probe } = first;
  await first.close();
  const posts = async (name: string): Promise<number> => {
    const replica = await openWebdavReplica({ ...common, probe });
    await replica.identify();
    server.passed.length = 0;
    await writeAll(replica, [item(`${name} 1`, 'x'), item(`${name} 2`, 'y')]);
    await replica.close();
    expect(server.passed.filter(({ method }) => method === 'OPTIONS')).toEqual([]);
    return server.passed.filter(({ method }) => method === 'POST').length;
  };
  expect(await posts('old')).toBe(0);
  server.takesBatches = true;
  expect(await posts('new')).toBe(1);
  server.takesBatches = false;
  expect(await posts('old again')).toBe(0);
  await server.close();
}, 20_000);

test('a name that is composed otherwise on the server is read, written and removed there by batches as well', async () => {
  const server = await faultyServer();
  server.takesBatches = true;
  const common = { url: server.url, ownerId: 'tests', clock: realClock, logger: quietLogger };
  const replica = await openWebdavReplica(common);
  const decomposed = 'cafe\u0301';
  await mkdir(`${server.directory}/${decomposed}`);
  await writeFile(`${server.directory}/${decomposed}/${decomposed}.txt`, 'old');
  const { entries } = await observeAll(replica);
  const path = at('caf\u00e9/caf\u00e9.txt');
  const expected = entries.get(path)?.version ?? 'absent';
  expect(await replica.readMany?.([{ path, expected: expected as never, sizeBytes: 3 }])).toEqual([
    expect.objectContaining({ content: expect.objectContaining({ length: 3 }) }),
  ]);
  const results = await writeAll(replica, [item(path, 'new one', { expected })]);
  expect(await readFile(`${server.directory}/${decomposed}/${decomposed}.txt`, 'utf8')).toBe(
    'new one',
  );
  const written = results.get(path);
  const version = written !== undefined && 'entry' in written ? written.entry.version : undefined;
  expect(await replica.removeMany?.([{ path, expected: version as never }])).toEqual([null]);
  expect(await readdir(`${server.directory}/${decomposed}`)).toEqual([]);
  await replica.close();
  await server.close();
}, 20_000);
