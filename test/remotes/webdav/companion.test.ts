import { expect, test } from '@jest/globals';
import { openWebdavReplica } from '../../../remotes/webdav/webdav-replica.ts';
import { at, item, observeAll, put, writeCode } from '../../conformance/setting.ts';
import { quietLogger, realClock } from '../../support/quiet.ts';
import { companion } from '../../support/servers/companion.ts';
import { describeRealServer } from './real-server-suite.ts';

describeRealServer(companion(), (context) => {
  test('the companion server is recognised with hardly a trial', () => {
    expect(context().probe).toMatchObject({ companion: true, depthInfinity: true });
    expect(context().probe.requests).toBeLessThan(12);
  });

  test('the companion server says what it can do, and nothing is written to find out', async () => {
    const { outside, url } = await context().fresh();
    const common = { ownerId: 'asks', clock: realClock, logger: quietLogger };
    const replica = await openWebdavReplica({ ...common, url });
    expect(replica.probe.requests).toBeLessThan(5);
    expect(await outside.list('')).toEqual([]);
    await replica.close();
  });

  test('what an interrupted probe left is gone after the next listing', async () => {
    const { replica, outside } = await context().fresh();
    const left = '.ferry-tmp-tests-up-mwqck0v4.1';
    await outside.write(`${left}/time`, 'time');
    await outside.write('kept.txt', 'kept');
    const { entries } = await observeAll(replica);
    expect([...entries.keys()]).toEqual(['kept.txt']);
    expect(await outside.list('')).toEqual(['kept.txt']);
    await replica.close();
  });

  test('time as precisely as announced, and mode, come back in a listing', async () => {
    const { replica } = await context().fresh();
    const precision = replica.capabilities.mtimePrecisionNs ?? 1n;
    const mtimeNs = 1_600_000_000_123_456_789n;
    const metadata = { mtimeNs: mtimeNs - (mtimeNs % precision), mode: 0o750 };
    await put(replica, 'run.sh', 'x', { ...metadata, mtimeNs });
    expect((await observeAll(replica)).entries.get('run.sh')).toMatchObject(metadata);
    await replica.close();
  });

  test('of twenty writers that expect the same version, one wins', async () => {
    const { replica, outside } = await context().fresh();
    await outside.write('file.txt', 'start');
    const expected = (await replica.stat(at('file.txt')))?.version ?? 'absent';
    const racers = Array.from({ length: 20 }, (_, index) =>
      put(replica, 'file.txt', `writer ${index}`, { expected }),
    );
    const outcomes = await Promise.allSettled(racers);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await replica.close();
  });

  test('a root that is missing is made with what is missing above it, only when asked', async () => {
    const { url } = await context().fresh();
    const { probe } = context();
    const common = { probe, ownerId: 'tests', clock: realClock, logger: quietLogger };
    const replica = await openWebdavReplica({ ...common, url: `${url}a/b%20c/d` });
    await expect(replica.identify()).rejects.toMatchObject({ code: 'REMOTE_NOT_FOUND' });
    await replica.identify({ create: true });
    await put(replica, 'file.txt', 'x');
    expect(await replica.stat(at('file.txt'))).not.toBeNull();
    await replica.close();
  });

  test('a large file that the server refuses before it has all of it is refused with the reason', async () => {
    const { replica, outside } = await context().fresh();
    await outside.write('large.bin', 'theirs');
    const content = Buffer.alloc(8 * 1024 * 1024);
    for (let round = 0; round < 5; round += 1)
      expect(await writeCode(replica, item('large.bin', content))).toBe('CHANGED');
    await replica.close();
  });

  test('the root names itself, so that another tree at the same address is noticed', async () => {
    const { probe, server } = context();
    const common = { probe, ownerId: 'tests', clock: realClock, logger: quietLogger };
    const replica = await openWebdavReplica({ ...common, url: server.url });
    expect((await replica.identify()).id).toMatch(/./);
    await replica.close();
  });
});
